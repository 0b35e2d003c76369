"""What a camera shows: every output of the model from one pass through image formation."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, DisplayOperator, display_anchors, tonemap
from neucam_nerfstudio.rendering.image_formation import blur_radius_px, develop, image_radiance
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.scene.scene_field import SceneField

ANCHOR_SAMPLES_PER_SIDE = 128
"""The display's grey and white are taken from a lattice of this many places each way."""

SMALLEST_RADIUS_PX = 1e-3
"""Defocus is a share of at least this: one focus setting tells nothing of depth, and the largest radius is 0."""

RADIANCE_OUTPUTS = ("hdr", "hdr_defocused")
"""Outputs that are linear radiance, without bounds."""


@torch.no_grad()
def picture_anchors(scene: SceneField, plane: ImagePlane) -> DisplayAnchors:
    """Middle grey and white that suit the whole all-in-focus picture at its first moment."""
    device = next(scene.parameters()).device
    steps = (torch.arange(ANCHOR_SAMPLES_PER_SIDE, device=device) + 0.5) / ANCHOR_SAMPLES_PER_SIDE
    uv = torch.stack(torch.meshgrid(steps, steps, indexing="xy"), -1).reshape(-1, 2)
    return display_anchors(scene.radiance(uv, torch.zeros_like(uv[:, :1])))


def for_display(
    outputs: dict[str, Tensor], anchors: DisplayAnchors, operator: DisplayOperator, display_exposure_stops: float
) -> dict[str, Tensor]:
    """The same with radiance tone-mapped, for a viewer that can show nothing above 1."""
    return {
        name: tonemap(values, operator, anchors, display_exposure_stops) if name in RADIANCE_OUTPUTS else values
        for name, values in outputs.items()
    }


def render_outputs(
    scene: SceneField,
    camera: ImplicitCamera,
    uv: Float[Tensor, "rays 2"],
    times: Float[Tensor, "rays 1"],
    settings: CameraSettings,
    anchors: DisplayAnchors,
    operator: DisplayOperator,
    display_exposure_stops: float,
) -> dict[str, Tensor]:
    """Outputs of a ray, in the order in which the viewer lists them.

    Args:
        scene: The scene field.
        camera: The implicit camera.
        uv: Places of the picture, [0, 1].
        times: Times of the rays, [0, 1].
        settings: How the rays are taken.
        anchors: Grey and white of the display.
        operator: Tone mapping of the display.
        display_exposure_stops: Brightens what is tone-mapped.

    Returns:
        `all_in_focus_hdr`: sharp radiance, tone-mapped for display, [0, 1].
        `rgb`: the photograph: blurred, exposed, developed, [0, 1].
        `all_in_focus`: sharp, at the rays' exposure, developed, [0, 1].
        `hdr`, `hdr_defocused`: linear radiance, sharp and blurred, unbounded.
        `defocus`: blur radius as a share of the largest, [0, 1]; where there is a blur generator.
    """
    stops = settings.exposure_stops
    sharp = scene.radiance(uv, times)
    blurred, taps = image_radiance(scene, camera, uv, times, settings)
    outputs = {
        "all_in_focus_hdr": tonemap(sharp, operator, anchors, display_exposure_stops),
        "rgb": develop(camera.response, blurred, stops).squeeze(1),
        "all_in_focus": develop(camera.response, sharp, stops[:, :1])[:, 0],
        "hdr": sharp,
        "hdr_defocused": blurred,
    }
    if camera.blur is not None:
        radius_px = torch.zeros_like(uv[:, :1])
        if taps is not None:
            radius_px = blur_radius_px(taps, uv, camera.blur.picture_size_px) / settings.aperture
        outputs["defocus"] = (radius_px / camera.blur.largest_radius_px.clamp(min=SMALLEST_RADIUS_PX)).clamp(0, 1)
    return outputs
