"""A small picture of a capture, seconds after its photographs are read: the same fusion, of small copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import classical_estimate

LONGER_SIDE_PX = 640
"""Of the preview: a quarter of a megapixel, which nine photographs fuse into in a second or two."""
MOST_FRAMES = 24
"""Of more photographs, those of some focus settings make the preview."""


def chosen_for_preview(focus_index: Sequence[int]) -> list[int]:
    """Places of the photographs that make the preview: all of some focus settings, evenly spaced.

    Args:
        focus_index: Focus setting of each photograph.
    """
    settings = sorted(set(focus_index))
    num_settings = max(1, min(len(settings), MOST_FRAMES * len(settings) // len(focus_index)))
    spread = np.rint(np.linspace(0, len(settings) - 1, num_settings)).astype(int)
    chosen = {settings[place] for place in spread}
    return [place for place, focus in enumerate(focus_index) if focus in chosen]


def small_photograph(pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "rows columns 3"]:
    """A photograph made small by area averaging."""
    import cv2

    share = min(1.0, LONGER_SIDE_PX / max(pixels.shape))
    size = [max(1, round(side * share)) for side in pixels.shape[1::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)


def preview_radiance(
    small: Sequence[Shaped[np.ndarray, "rows columns 3"]],
    focus_index: Sequence[int],
    exposure_stops: Sequence[float] | None,
    exposure_index: Sequence[int],
    response: ResponseTable | None,
) -> Float[np.ndarray, "rows columns 3"]:
    """Linear radiance of small photographs; other arguments as of `classical_estimate`."""
    log_radiance = classical_estimate(small, focus_index, exposure_stops, exposure_index, response).log_radiance
    return np.exp(log_radiance, out=log_radiance)
