"""Starts a scene that moves, and its camera, from what classical methods make of the photographs."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor

from neucam_nerfstudio.camera.blur.motion_blur import MotionBlur
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.motion.moving_start import MovingStart, moving_estimate
from neucam_nerfstudio.classical.motion.shutter import moments_from_means
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.models.camera_start import known_response, said_of_exposures, start_camera
from neucam_nerfstudio.models.held_out_exposures import start_held_out_exposures
from neucam_nerfstudio.models.scene_parts import said_of_detail
from neucam_nerfstudio.scene.canvas_scene import margin_px
from neucam_nerfstudio.scene.moving_scene import MovingScene

BLURRED_START_OPACITY = 0.02
"""Where photographs are blurred, disagreement with them tells of blur as much as of other things in view, so at the
start all is taken to be in the shared picture."""


def start_from_photographs(
    scene: MovingScene,
    camera: ImplicitCamera,
    capture: Capture,
    pixels: Shaped[np.ndarray, "frames height width 3"],
) -> str:
    """Starts a moving scene and its camera from the pixels of the training frames; tells what was found in a line."""
    response = known_response(camera, capture)
    estimate = moving_estimate_from(capture, pixels, isinstance(camera.blur, MotionBlur), response)
    start_from_moving_estimate(scene, camera, capture, estimate)

    def nearest_moment(index: int) -> Float[np.ndarray, "height width 3"]:
        nearest = capture.train_index_nearest(capture.times[index])
        return estimate.moments[capture.train_indices.index(nearest)]

    held_out = start_held_out_exposures(camera.exposures, capture, estimate.response, nearest_moment)
    return said_of_moving_estimate(capture, estimate) + held_out + said_of_detail(scene.canonical)


def moving_estimate_from(
    capture: Capture,
    pixels: Shaped[np.ndarray, "frames height width 3"],
    is_blurred: bool,
    response: ResponseTable | None = None,
) -> MovingStart:
    """Classical estimate from the training frames of a capture.

    Args:
        capture: What is known of the frames.
        pixels: Of the training frames.
        is_blurred: Whether motion blurs them: the shared picture is then the sharpest frame, else the reference frame.
        response: Of the camera; None if the frames tell it.
    """
    known = capture.exposures.source != "unknown"
    return moving_estimate(
        list(pixels),
        [capture.exposure_stops(index) for index in capture.train_indices] if known else None,
        [capture.frames[index].exposure_index for index in capture.train_indices],
        None if is_blurred else capture.reference_position,
        margin_px(capture.height, capture.width),
        response,
    )


def said_of_moving_estimate(capture: Capture, estimate: MovingStart) -> str:
    """What was estimated instead of being given, in one line."""
    shared = capture.frames[capture.train_indices[estimate.anchor]].name
    said = (
        f"Classical start: the shared picture is {shared}, which explains"
        f" {estimate.agreement.mean():.0%} of what all frames show"
    )
    return said + said_of_exposures(capture, estimate)


def start_from_moving_estimate(
    scene: MovingScene, camera: ImplicitCamera, capture: Capture, estimate: MovingStart
) -> None:
    """Puts an estimate into scene and camera, in place."""
    device = next(scene.parameters()).device

    def tensor(values: Shaped[np.ndarray, ...]) -> Float[Tensor, ...]:
        return torch.from_numpy(np.ascontiguousarray(values, np.float32)).to(device)

    start_camera(camera, capture, estimate, device)
    scene.canonical.start_from(tensor(estimate.canvas), tensor(estimate.squared_slope))
    scene.foreground.start_from(tensor(estimate.moments))
    is_blurred = isinstance(camera.blur, MotionBlur)
    offset_px, opacity = estimate.offset_px, 1 - estimate.agreement
    if is_blurred:
        times = [capture.times[index] for index in capture.train_indices]
        offset_px = moments_from_means(offset_px, times, float(camera.blur.open_share.detach()))
        opacity = np.full_like(opacity, BLURRED_START_OPACITY)
    scene.motion.start_from(tensor(offset_px))
    scene.opacity.start_from(tensor(opacity))
