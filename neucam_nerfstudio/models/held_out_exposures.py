"""Exposures that only held-out frames have: no training tells them, so where they are unknown the start must."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.classical.exposure_estimation import exposure_of_photograph
from neucam_nerfstudio.classical.response_table import ResponseTable


def start_held_out_exposures(
    exposures: ExposureTable,
    capture: Capture,
    response: ResponseTable,
    log_radiance_of: Callable[[int], Float[np.ndarray, "height width 3"]],
) -> str:
    """Starts, in place, exposures that are unknown and that no training frame has.

    Each is one number, from the held-out photograph beside the light that the training frames tell. Nothing else of
    that photograph is looked at.

    Args:
        exposures: Of the camera, which has been started as the training frames tell.
        capture: What is known of the frames.
        response: Of the camera, as the training frames tell it.
        log_radiance_of: Natural log radiance that the training frames tell of a frame, by its index in the capture.

    Returns:
        What was found, as a sentence to add; nothing if there are no such exposures.
    """
    frames = _frames_of_unknown_exposure(exposures, capture)
    if not frames:
        return ""
    if not isinstance(exposures, SettingExposures):
        return f" {unlearned_exposures_note(exposures, capture)}"
    stops = np.array([_exposure_of(capture, index, log_radiance_of(index), response) for index in frames])
    settings = np.array([capture.frames[index].exposure_index for index in frames])
    for setting in np.unique(settings):
        exposures.start_stops[setting] = float(stops[settings == setting].mean())
    names = (capture.frames[index].name for index in frames)
    found = ", ".join(f"{name} {exposures.start_stops[i]:+.2f}" for name, i in zip(names, settings, strict=True))
    return f" Exposures of held-out frames, of each one number from its own photograph: {found}."


def unlearned_exposures_note(exposures: ExposureTable, capture: Capture) -> str | None:
    """A sentence about held-out frames whose exposure nothing tells, so that it cannot be learned."""
    frames = _frames_of_unknown_exposure(exposures, capture)
    if not frames:
        return None
    names = ", ".join(capture.frames[index].name for index in frames)
    return f"No training frame has the exposure of {names}: it cannot be learned and stays as it starts."


def _frames_of_unknown_exposure(exposures, capture):
    """Held-out frames whose exposure nothing tells: by the capture, where exposures start from it, or by training."""
    if isinstance(exposures, SettingExposures) and capture.exposures.source != "unknown":
        return []
    trained = {capture.frames[index].exposure_index for index in capture.train_indices}
    return [index for index in capture.eval_indices if capture.frames[index].exposure_index not in trained]


def _exposure_of(capture, index, log_radiance, response):
    pixels = PixelStore(capture).whole(index)
    return exposure_of_photograph(pixels, log_radiance, response)
