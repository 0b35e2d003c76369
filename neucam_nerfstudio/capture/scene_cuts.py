"""Where a video cuts from one scene to another: no motion leads from the frame before to the frame after."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from neucam_nerfstudio.photometry import WHITE_LEVEL

GLANCE_SIDE_PX = 96
"""Frames are compared at this longer side. The shorter one is kept long enough to be searched for motion."""
GLANCE_LEAST_PX = 24

DETAIL_PX = 4.0
"""Detail is compared within a Gaussian of this standard deviation; contrast of fewer grey levels is none."""
NO_CONTRAST = 5.0

COARSE_SCALE = 1
"""Motion is told for pixels of twice the side: finer, one picture can be bent into any other."""

LEAST_ALIKE = 0.6
"""Mean local correlation, after motion, below which two frames show different scenes. Measured: neighbours in a video
that shake, alternate their exposure by 4 stops or have cars pass have 0.72 to 0.97, unrelated photographs at most 0.43,
and soft shapes, the easiest to bend, at most 0.52."""

LEAST_OF_MEDIAN = 0.75
"""Besides, frames at a cut are less alike than this share of what neighbouring frames of the video usually are."""

PASSES_IN = 3
"""Frames in which something may fill the picture and be gone again."""

LEAST_VIDEO_FRAMES = 10
"""Photographs, fewer than this, are a bracket, whose frames may be too dark and too bright to be compared."""

MOST_NAMED = 8
"""Scenes that are named in a sentence."""

Glance = UInt8[np.ndarray, "rows columns"]
"""A frame made small and grey, its values spread evenly, so that exposure does not matter."""


def glance(pixels: Shaped[np.ndarray, "height width 3"]) -> Glance:
    """What is kept of a frame to find cuts.

    Args:
        pixels: RGB, white at the number type's full scale.
    """
    factor = max(max(pixels.shape[:2]) / GLANCE_SIDE_PX, 1.0)
    size = [max(GLANCE_LEAST_PX, round(side / factor)) for side in pixels.shape[1::-1]]
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    grey = cv2.cvtColor(small * np.float32(255 / WHITE_LEVEL[pixels.dtype]), cv2.COLOR_RGB2GRAY)
    return cv2.equalizeHist(np.rint(np.clip(grey, 0, 255)).astype(np.uint8))


def likeness(before: Glance, after: Glance) -> float:
    """Mean local correlation of two frames after motion (dense inverse search, Kroeger et al. 2016): up to 1, alike."""
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    search.setFinestScale(COARSE_SCALE)
    flow = search.calc(before, after, None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    rows, columns = before.shape
    places = flow + np.stack(np.meshgrid(np.arange(columns), np.arange(rows)), -1).astype(np.float32)
    moved = cv2.remap(after, places, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)  # pyright: ignore
    one, other = (cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1) for picture in (before, moved))
    one, other = (picture - _around(picture) for picture in (one, other))
    none = NO_CONTRAST**2
    shared = _around(one * other) + none
    return float((shared / np.sqrt((_around(one**2) + none) * (_around(other**2) + none))).mean())


def find_cuts(glances: Sequence[Glance]) -> list[int]:
    """Numbers of the frames that a new scene begins with.

    Args:
        glances: See `glance`; in order of time.
    """
    if len(glances) < 2:
        return []
    alike = np.array([likeness(before, after) for before, after in pairwise(glances)])
    bound = min(LEAST_ALIKE, LEAST_OF_MEDIAN * float(np.median(alike)))

    def goes_on(first: int) -> bool:
        """Whether the scene before is seen again at once: something has passed, or light has flashed."""
        before, after = glances[max(0, first - PASSES_IN) : first], glances[first : first + PASSES_IN + 1]
        return any(likeness(earlier, later) >= bound for earlier in before for later in after)

    return [first for first in map(int, np.flatnonzero(alike < bound) + 1) if not goes_on(first)]


def scenes_between(cuts: Sequence[int], numbers: Sequence[int]) -> list[tuple[int, int]]:
    """Each scene as a range of frame numbers, the end exclusive.

    Args:
        cuts: See `find_cuts`.
        numbers: Of the frames that were looked at, in all of the video.
    """
    return [(numbers[first], numbers[end - 1] + 1) for first, end in pairwise([0, *cuts, len(numbers)])]


def said_of_scenes(data: Path, scenes: Sequence[tuple[int, int]]) -> str:
    """Which scenes were found, in a sentence."""
    longest_first = sorted(scenes, key=lambda scene: scene[0] - scene[1])
    shown = sorted(longest_first[:MOST_NAMED])
    others = f" and {len(scenes) - MOST_NAMED} shorter ones" if len(scenes) > MOST_NAMED else ""
    ranges = ", ".join(f"{first} {end}" for first, end in shown)
    return (
        f"{data}: cuts from one scene to another, {len(scenes)} in all, and no motion leads across a cut. The scenes,"
        f" from a frame up to the one that is not used: {ranges}{others}."
    )


def _around(values: np.ndarray) -> np.ndarray:
    return cv2.GaussianBlur(values, (0, 0), DETAIL_PX)
