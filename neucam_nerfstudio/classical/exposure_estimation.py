"""Exposures of photographs that do not say theirs, from the photographs alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.response_estimation import estimate_response
from neucam_nerfstudio.classical.response_samples import sample_frames

SAME_EXPOSURE_STOPS = 0.1
"""Frames whose exposures come out within this of each other may share one exposure setting..."""

OTHER_EXPOSURE_STOPS = 0.4
"""... if no other frame's is within this."""


def estimate_exposure_stops(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: np.ndarray,
    exposure_index: Sequence[int] | None,
) -> Float[np.ndarray, " frames"]:
    """Exposure of each frame in stops, the middle one 0.

    Exposures and response are known up to a common factor on all stops; it is chosen such that the response has the
    mid-tone contrast of the sRGB curve (see `estimate_response`).

    Args:
        small_ldr: Aligned photographs, pixel values in [0, 1].
        focus_index: Focus setting of each.
        exposure_index: Exposure setting of each where known. Settings that come out clearly equal are one.
    """
    _, stops = estimate_response(*sample_frames(small_ldr, focus_index, None), None)
    if exposure_index is not None:
        stops = _tied(stops, np.asarray(exposure_index))
    stops = _tied(stops, equal_exposures(stops))
    return stops - np.sort(stops)[len(stops) // 2]


def equal_exposures(exposure_stops: Float[np.ndarray, " frames"]) -> np.ndarray:
    """Exposure setting of each frame: shared by frames that lie close together and far from all others."""
    order = np.argsort(exposure_stops, kind="stable")
    ascending = exposure_stops[order]
    clusters = np.concatenate([[0], np.cumsum(np.diff(ascending) > SAME_EXPOSURE_STOPS)])
    settings = np.empty(len(order), int)
    settings[order] = clusters
    for cluster in range(clusters[-1] + 1):
        inside = settings == cluster
        members, others = exposure_stops[inside], exposure_stops[~inside]
        apart = np.abs(others[:, None] - members).min(initial=np.inf) > OTHER_EXPOSURE_STOPS
        if not apart or np.ptp(members) > SAME_EXPOSURE_STOPS:
            return np.arange(len(exposure_stops))
    return settings


def _tied(exposure_stops, settings):
    """The mean of its setting for each frame."""
    return np.array([exposure_stops[settings == setting].mean() for setting in settings])
