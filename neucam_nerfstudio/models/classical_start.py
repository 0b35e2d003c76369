"""Starts scene and camera from what classical methods make of the photographs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import WarmStart, classical_estimate
from neucam_nerfstudio.models.camera_start import known_response, said_of_exposures, start_camera
from neucam_nerfstudio.models.held_out_exposures import start_held_out_exposures
from neucam_nerfstudio.models.scene_parts import said_of_detail
from neucam_nerfstudio.scene.grid_scene import GridScene
from neucam_nerfstudio.scene.scene_field import SceneField


def start_from_photographs(
    scene: SceneField,
    camera: ImplicitCamera,
    capture: Capture,
    pixels: Shaped[np.ndarray, "frames height width 3"],
) -> str:
    """Starts a still scene and its camera from the pixels of the training frames; tells what was found, in one line."""
    estimate = estimate_from(capture, pixels, known_response(camera, capture))
    start_from_estimate(scene, camera, capture, estimate)
    held_out = start_held_out_exposures(
        camera.exposures, capture, estimate.response, lambda index: estimate.log_radiance
    )
    detail = said_of_detail(scene) if isinstance(scene, GridScene) else ""
    return said_of_estimate(capture, estimate) + held_out + detail


def estimate_from(
    capture: Capture, pixels: Shaped[np.ndarray, "frames height width 3"], response: ResponseTable | None = None
) -> WarmStart:
    """Classical estimate from the training frames of a capture, which tell the response if it is not given."""
    frames = [capture.frames[index] for index in capture.train_indices]
    known = capture.exposures.source != "unknown"
    return classical_estimate(
        list(pixels),
        [frame.focus_index for frame in frames],
        [capture.exposure_stops(index) for index in capture.train_indices] if known else None,
        [frame.exposure_index for frame in frames],
        response,
    )


def said_of_estimate(capture: Capture, estimate: WarmStart) -> str:
    """What was estimated instead of being given, in one line."""
    blur = f"Classical start: blur {2 * estimate.blur_per_setting_px:.1f} px in radius one focus setting out of focus"
    return blur + said_of_exposures(capture, estimate)


def start_from_estimate(scene: SceneField, camera: ImplicitCamera, capture: Capture, estimate: WarmStart) -> None:
    """Puts an estimate into those parts that can take one, in place; the others keep their start."""
    device = next(scene.parameters()).device

    def tensor(values: Shaped[np.ndarray, ...]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)

    start_camera(camera, capture, estimate, device)
    if isinstance(scene, GridScene):
        scene.start_from(tensor(estimate.log_radiance), tensor(estimate.squared_slope))
    if isinstance(camera.blur, LensBlur):
        positions = camera.focus.positions.detach()[sorted_focus_settings(capture)]
        if estimate.blur_per_setting_px > 0:
            _start_lens(camera.blur, positions, tensor(estimate.sharpest_focus), estimate.blur_per_setting_px)
        else:  # nothing shows any blur, so all is where the photographs are focused
            camera.blur.defocus.start_from(positions.mean().expand(capture.height, capture.width, 1))


def sorted_focus_settings(capture: Capture) -> list[int]:
    """Focus settings that are trained on, in ascending order: what the estimate's settings refer to."""
    return sorted({capture.frames[index].focus_index for index in capture.train_indices})


@torch.no_grad()
def _start_lens(
    lens: LensBlur,
    positions: Float[Tensor, " settings"],
    sharpest_focus: Float[Tensor, "height width"],
    blur_per_setting_px: float,
) -> None:
    """Defocus where each pixel is sharpest, and the disc radius whose spread along an axis (half of it) was seen."""
    below = sharpest_focus.floor().long().clamp(0, len(positions) - 2)
    share = sharpest_focus - below
    defocus = positions[below] * (1 - share) + positions[below + 1] * share
    lens.defocus.start_from(defocus[..., None])
    spacing = (positions[-1] - positions[0]) / (len(positions) - 1)
    lens.log_radius_px.copy_(torch.log(2 * blur_per_setting_px / spacing))
