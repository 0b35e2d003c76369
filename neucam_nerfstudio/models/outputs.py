"""What a camera shows: every output of the model from one pass through image formation."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.models.motion_picture import motion_colours, plane_motion
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, ToneMapping, display_anchors, tonemap
from neucam_nerfstudio.rendering.image_formation import blur_radius_px, develop, image_radiance
from neucam_nerfstudio.rendering.image_plane import ImagePlane, picture_lattice
from neucam_nerfstudio.rendering.local_tonemapping import LocalCurves, tonemap_locally
from neucam_nerfstudio.scene.layered_scene import LayeredField
from neucam_nerfstudio.scene.scene_field import MovingField, SceneField

ANCHOR_SAMPLES_PER_SIDE = 128
"""The display's grey and white are taken from a lattice of this many places each way."""

SMALLEST_RADIUS_PX = 1e-3
"""Defocus is a share of at least this: one focus setting tells nothing of depth, and the largest radius is 0."""


class Display(NamedTuple):
    """How what has no pixel values of its own is shown.

    Attributes:
        anchors: Grey and white.
        operator: Tone mapping.
        exposure_stops: Brightens what is tone-mapped.
        local_curves: Of each ray, for local tone mapping.
    """

    anchors: DisplayAnchors
    operator: ToneMapping
    exposure_stops: float
    local_curves: LocalCurves | None = None

    def tonemap(self, radiance: Float[Tensor, "rays 3"]) -> Float[Tensor, "rays 3"]:
        """Linear radiance for display, [0, 1]."""
        if self.operator == "local":
            return tonemap_locally(radiance, self.local_curves, self.exposure_stops)
        return tonemap(radiance, self.operator, self.anchors, self.exposure_stops)


@torch.no_grad()
def picture_anchors(scene: SceneField, time: float = 0.0) -> DisplayAnchors:
    """Middle grey and white that suit the whole all-in-focus picture at one moment."""
    uv = picture_lattice(ANCHOR_SAMPLES_PER_SIDE, next(scene.parameters()).device)
    return display_anchors(scene.radiance(uv, torch.full_like(uv[:, :1], time)))


def render_outputs(
    scene: SceneField,
    camera: ImplicitCamera,
    uv: Float[Tensor, "rays 2"],
    times: Float[Tensor, "rays 1"],
    settings: CameraSettings,
    display: Display,
    response: CameraResponse | None,
) -> dict[str, Tensor]:
    """Outputs of a ray that every scene has.

    Args:
        scene: The scene field.
        camera: The implicit camera.
        uv: Places of the picture, [0, 1].
        times: Times of the rays, [0, 1].
        settings: How the rays are taken.
        display: How radiance is shown.
        response: The camera's, to develop photographs by; None leaves them linear, clipped.

    Returns:
        `all_in_focus_hdr`: sharp radiance, tone-mapped for display, [0, 1].
        `rgb`: the photograph: blurred, exposed, developed, [0, 1].
        `all_in_focus`: sharp, at the rays' exposure, developed, [0, 1].
        `hdr`, `hdr_defocused`: linear radiance, sharp and blurred, unbounded.
        `defocus`: blur radius at the captured aperture, whatever is dialled, as a share of the largest, [0, 1]; where
            there is a blur generator.
    """
    stops = settings.exposure_stops
    blurred, taps = image_radiance(scene, camera, uv, times, settings)
    sharp = blurred if taps is None else scene.radiance(uv, times)
    outputs = {
        "all_in_focus_hdr": display.tonemap(sharp),
        "rgb": develop(response, blurred, stops).squeeze(1),
        "all_in_focus": develop(response, sharp, stops[:, :1])[:, 0],
        "hdr": sharp,
        "hdr_defocused": blurred,
    }
    if camera.blur is not None:
        as_captured = taps if settings.aperture == 1 else camera.blur(uv, times, settings.focus_position, 1.0)
        radius_px = blur_radius_px(as_captured, uv, camera.blur.picture_size_px)
        outputs["defocus"] = (radius_px / camera.blur.largest_radius_px.clamp(min=SMALLEST_RADIUS_PX)).clamp(0, 1)
    return outputs


def layer_outputs(
    scene: LayeredField, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"], display: Display
) -> dict[str, Tensor]:
    """What a scene of two layers shows apart, all in [0, 1].

    Args:
        scene: The scene field.
        uv: Places of the picture, [0, 1].
        times: Times of the rays, [0, 1].
        display: How radiance is shown.

    Returns:
        `opacity`: how much of the background the foreground covers.
        `background`, `foreground`: radiance of each layer alone, tone-mapped for display.
    """
    layers = scene.layers(uv, times)
    return {
        "opacity": layers.opacity,
        "background": display.tonemap(layers.background.exp()),
        "foreground": display.tonemap(layers.foreground.exp()),
    }


def motion_output(
    scene: MovingField,
    plane: ImagePlane,
    uv: Float[Tensor, "rays 2"],
    times: Float[Tensor, "rays 1"],
    reference_time: float,
    largest: Float[Tensor, ""],
) -> dict[str, Tensor]:
    """How far what is seen has moved since the reference frame.

    Args:
        scene: The scene field.
        plane: The picture.
        uv: Places of the picture, [0, 1].
        times: Times of the rays, [0, 1].
        reference_time: Time of the reference frame.
        largest: Motion of the strongest colour, as a share of the picture's longer side.

    Returns:
        `motion`: hue tells the direction, saturation the distance, [0, 1]; see `motion_picture`.
    """
    motion_uv = scene.motion_uv(uv, times, torch.full_like(times, reference_time))
    return {"motion": motion_colours(plane_motion(motion_uv, plane), largest)}
