"""Starts response and exposures from what classical methods make of the photographs."""

from __future__ import annotations

import torch

from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.fixed_response import FixedResponse
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.camera.response.monotone_curve import fit_response
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.camera_estimate import CameraEstimate
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import ResponseTable, linear_response, srgb_response


def known_response(camera: ImplicitCamera, capture: Capture) -> ResponseTable | None:
    """The response that photographs are decoded with, as the camera has it or RAW files have; None if they tell it."""
    black = half_step(capture.number_type)
    if isinstance(camera.response, SrgbResponse):
        return srgb_response(black)
    if isinstance(camera.response, LinearResponse) or capture.linear_light:
        return linear_response(black)
    return None


def start_camera(
    camera: ImplicitCamera, capture: Capture, estimate: CameraEstimate, device: torch.device | str
) -> None:
    """Puts estimated response and exposures into those parts that can take them, in place."""
    if isinstance(camera.response, FixedResponse):
        camera.response.set_white(float(estimate.log_exposure_knots[-1]))
    elif camera.response is not None:
        knots, values = (
            torch.from_numpy(v).to(device) for v in (estimate.log_exposure_knots, estimate.response_values)
        )
        fit_response(camera.response, knots, values)
    if isinstance(camera.exposures, SettingExposures) and capture.exposures.source == "unknown":
        _start_exposures(camera.exposures, capture, estimate)


def said_of_exposures(capture: Capture, estimate: CameraEstimate) -> str:
    """Exposures that were estimated instead of being given, as the end of a sentence; nothing else if none were."""
    if capture.exposures.source != "unknown":
        return "."
    frames = zip((capture.frames[index].name for index in capture.train_indices), estimate.exposure_stops, strict=True)
    return f"; exposures in stops {', '.join(f'{name} {stops:+.2f}' for name, stops in frames)}."


@torch.no_grad()
def _start_exposures(exposures: SettingExposures, capture: Capture, estimate: CameraEstimate) -> None:
    for frame_index, stops in zip(capture.train_indices, estimate.exposure_stops, strict=True):
        exposures.start_stops[capture.frames[frame_index].exposure_index] = float(stops)
