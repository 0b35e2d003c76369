"""How many stops of light lie between photographs of one view, by the pixel values that occur in them.

Values are compared by rank, the brightest with the brightest, so it does not matter where they are: a picture that is
focused elsewhere, or moved, has nearly the same ones. The response is taken for the sRGB standard's, or for none of
linear light, so that stops are right to about half of themselves: enough to tell what the numbers in a list mean, and
which frame is brighter. `classical/` solves for the response, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb

SMALL_SIDE_PX = 192
"""Photographs are compared at this longer side."""
CLIPPED_LDR = 0.92
"""Pixel values from here on are taken for saturated."""
DARK_SHARE, DARK_LDR = 0.2, 0.12
"""The dark parts of a frame; if their pixel values are above the second, they are the scene, not the lack of light."""
LOW_FLOOR_LDR = 4 / 255
"""Up to here a floor is as good as none."""
FLOOR_SPREAD_LDR = 2.5 / 255
"""Frames whose dark parts are this near to each other may show the same floor..."""
FLOOR_STEP_STOPS = 0.7
"""... and do if what is brighter differs between them by more than this."""
MARGINS_LDR = (0.1, 0.04, 0.015)
"""How far above the floor pixel values must be to tell light: the first that leaves enough of them."""
LEAST_VALUES = 12
"""In each of two channels; fewer tell nothing of an exposure."""
EVEN_PLACES, TOP_PLACES = 3072, 1024
"""Ranks that are kept of a frame's values: some evenly spaced, and the brightest, in which dark frames have all they
show."""
REACH = 2
"""Each frame is compared with so many next brighter ones."""

NO_FLOOR = np.zeros(3, np.float32)
RankedValues = Float[np.ndarray, "places 3"]
"""Pixel values in [0, 1] that occur in a photograph, rising in each channel; at the same ranks of each frame."""


def ranked_values(pixels: Shaped[np.ndarray, "height width 3"]) -> Float[np.ndarray, "places 3"]:
    """Pixel values of a photograph made small by area averaging; few, in half precision, as those of all are kept."""
    factor = max(1.0, max(pixels.shape[:2]) / SMALL_SIDE_PX)
    size = tuple(max(1, round(length / factor)) for length in pixels.shape[1::-1])
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32) / WHITE_LEVEL[pixels.dtype]
    values = np.sort(small.reshape(-1, 3), axis=0).astype(np.float16)
    evenly = np.linspace(0, len(values) - 1, min(EVEN_PLACES, len(values))).astype(int)
    return values[np.union1d(evenly, np.arange(max(0, len(values) - TOP_PLACES), len(values)))]


def black_floor(frames: Sequence[RankedValues]) -> Float[np.ndarray, " 3"]:
    """The pixel value of each channel where no light was, if it is above 0: film scans, flare and black points lift it.

    It is told by frames whose dark parts show the same value, though they were exposed differently.
    """
    dark = np.array([values[int(DARK_SHARE * len(values))] for values in frames], np.float32)
    darkest = dark[dark.mean(-1).argmin()]
    at_floor = np.flatnonzero((np.abs(dark - darkest) <= FLOOR_SPREAD_LDR).all(-1))
    if len(at_floor) < 2 or not LOW_FLOOR_LDR < darkest.max() <= DARK_LDR:
        return NO_FLOOR
    highlights = [frames[index][-len(frames[index]) // 20 - 1].min() for index in at_floor]
    ends = (frames[at_floor[np.argmin(highlights)]], frames[at_floor[np.argmax(highlights)]])
    change = change_in_stops(*ends, darkest)
    return NO_FLOOR if change is None or change < FLOOR_STEP_STOPS else darkest


def change_in_stops(
    frame: RankedValues, other: RankedValues, floor: Float[np.ndarray, " 3"] = NO_FLOOR, is_linear: bool = False
) -> float | None:
    """How many stops more light the other frame has had: the median of the channels, so that one is outvoted.

    None if too few ranks have a value that is neither dark nor saturated in both.
    """
    for margin in MARGINS_LDR:
        changes = channel_changes(frame, other, floor + margin, floor, is_linear)
        if np.isfinite(changes).sum() > 1:
            return float(np.nanmedian(changes))
    return None


def channel_changes(
    frame: RankedValues,
    other: RankedValues,
    least_ldr: Float[np.ndarray, " 3"],
    floor: Float[np.ndarray, " 3"] = NO_FLOOR,
    is_linear: bool = False,
) -> Float[np.ndarray, " 3"]:
    """`change_in_stops` of each channel, by values above `least_ldr`; nan where these are too few."""
    changes = np.full(3, np.nan)
    for c in range(3):
        before, after = frame[:, c].astype(np.float32), other[:, c].astype(np.float32)
        telling = (np.minimum(before, after) > least_ldr[c]) & (np.maximum(before, after) < CLIPPED_LDR)
        if telling.sum() >= LEAST_VALUES:
            light = [_light(values[telling], is_linear) - _light(floor[c], is_linear) for values in (before, after)]
            changes[c] = np.median(np.log2(light[1] / light[0]))
    return changes


def _light(ldr: np.ndarray, is_linear: bool) -> np.ndarray:
    return ldr if is_linear else decode_srgb(ldr)


def measured_stops(
    frames: Sequence[RankedValues], floor: Float[np.ndarray, " 3"] = NO_FLOOR, is_linear: bool = False
) -> Float[np.ndarray, " frames"]:
    """Exposures of photographs by what they show, the darkest 0; nan of those that nothing joins to most of the others.

    Least squares over frames that follow each other in brightness.
    """
    order = np.argsort([values.mean(dtype=np.float64) for values in frames], kind="stable")
    rows, changes, group = [], [], np.arange(len(frames))
    for place, darker in enumerate(order):
        for brighter in order[place + 1 : place + 1 + REACH]:
            change = change_in_stops(frames[darker], frames[brighter], floor, is_linear)
            if change is not None:
                row = np.zeros(len(frames))
                row[[darker, brighter]] = -1, 1
                rows.append(row)
                changes.append(change)
                group[group == group[darker]] = group[brighter]
    stops = np.full(len(frames), np.nan)
    if rows:
        joined = group == np.bincount(group).argmax()
        solved = np.linalg.lstsq(np.array(rows), np.array(changes), rcond=None)[0]
        stops[joined] = solved[joined] - solved[joined].min()
    return stops
