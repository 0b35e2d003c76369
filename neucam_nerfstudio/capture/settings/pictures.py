"""What pictures of a still scene tell of their settings: how much brighter one is, and whether focus differs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8

from neucam_nerfstudio.capture.alignment.registration import (
    LEAST_CONTRAST,
    detail_picture,
    disagreement,
    fine_detail,
    halved,
    level_picture,
)
from neucam_nerfstudio.capture.settings.exposure_steps import (
    RankedValues,
    black_floor,
    change_in_stops,
    measured_stops,
    ranked_values,
)
from neucam_nerfstudio.photometry import WHITE_LEVEL

THUMBNAIL_SIDE_PX = 64
VIEW_SIDE_PX, LEAST_LIKENESS = 32, 0.8
"""Of copies of this size, photographs of one view correlate by 0.96 and more, those of others by 0.2 at most."""
BLOCKS_ALONG_LONGER_SIDE = 16
BLACK, WHITE = 0.02, 0.95
"""Blocks below or above this in both pictures tell nothing of how they were exposed."""
LEAST_TELLING_SHARE = 0.1
"""Of the blocks; fewer are no evidence."""
FEW_TELLING_SHARE, CLEAR_STEP_STOPS = 0.3, 0.6
"""Fewer blocks than the first tell less than what is brightest, if that differs by more than the second: focus alone
changes it by less."""

CELL_PX, NEIGHBOURHOOD_CELLS = 8, 2.0
"""Strength of detail is its mean power in square cells, averaged over a Gaussian of this many."""
STRENGTH_PIXELS, BAND_ROWS = 1 << 21, 64
"""Of larger pictures bands of so many rows tell the strength of detail, so many pixels in all."""
CHANGED_SHARE, LEAST_STRENGTH_CHANGE = 0.05, 0.15
"""Two pictures differ in focus if this share of them gains or loses this much (log2) of its detail's power: noise of up
to four grey levels stays below, a Gaussian of 0.7 pixels exceeds it. To take one focus for two costs less than the
reverse."""

TYPICAL_GAMMA = 2.2
"""Stops of light to a factor of two in pixel values."""
MOST_MEASURED = 64
"""Frames whose exposures are measured, to see whether what is written of them can be true."""


@runtime_checkable
class Frames(Protocol):
    """Pixels of frames, which may be decoded only now."""

    def __getitem__(self, index: int, /) -> Shaped[np.ndarray, "height width 3"]: ...


class Look(NamedTuple):
    """What is kept of a frame that was looked at: pictures of at most `LONGER_SIDE_PX` a side, and less.

    Attributes:
        blocks: See `block_brightness`.
        ranked: See `ranked_values`.
        levels: See `level_picture`.
        detail: See `detail_picture`.
    """

    blocks: Float[np.ndarray, "rows columns"]
    ranked: RankedValues
    levels: UInt8[np.ndarray, "small_height small_width"]
    detail: UInt8[np.ndarray, "small_height small_width"]


def look_at(pixels: Shaped[np.ndarray, "height width 3"], covered: Bool[np.ndarray, "height width"] | None) -> Look:
    """Reduces a frame, and keeps what is asked of it later; `covered` is None where all of it shows something."""
    small = halved(pixels)
    return Look(block_brightness(small), ranked_values(small), level_picture(small), detail_picture(small, covered))


class StillPictures:
    """Pictures of a still scene, compared with each other as far as is asked for.

    Args:
        pixels: Of each frame, white at the number type's full scale.
        mean_brightness: Mean pixel value of each frame in [0, 1].
        is_linear: Whether pixel values are linear light.
        coverage: Which pixels of a frame show something; None where all do.
    """

    def __init__(
        self,
        pixels: Frames,
        mean_brightness: Sequence[float],
        is_linear: bool = False,
        coverage: Callable[[int], Bool[np.ndarray, "height width"] | None] = lambda frame: None,
    ) -> None:
        self.mean_brightness, self.is_linear = mean_brightness, is_linear
        self._look = cache(lambda frame: look_at(pixels[frame], coverage(frame)))
        self._strength = cache(lambda frame: detail_strength(pixels[frame]))

    def measure(self, frame: int, is_last_time: bool) -> None:
        """Looks at a frame while it is at hand; if its pixels are too dear later, for all that may be asked for."""
        self._look(frame)
        if is_last_time:
            self._strength(frame)

    def detail(self, frame: int) -> UInt8[np.ndarray, "small_height small_width"]:
        """See `detail_picture`."""
        return self._look(frame).detail

    def levels(self, frame: int) -> UInt8[np.ndarray, "small_height small_width"]:
        """See `level_picture`."""
        return self._look(frame).levels

    def ranked(self, frame: int) -> RankedValues:
        """See `ranked_values`."""
        return self._look(frame).ranked

    @cached_property
    def brightness(self) -> list[float]:
        """Brightness of each frame, the darkest one's being its mean pixel value; joined from frame to brighter frame.

        Other than the mean it hardly changes with the focus, and grows beyond 1 where frames are clipped.
        """
        order = sorted(range(len(self.mean_brightness)), key=lambda frame: self.mean_brightness[frame])
        log2_means = [math.log2(max(value, 1e-6)) for value in self.mean_brightness]
        log2_brightness = {order[0]: log2_means[order[0]]}
        for darker, brighter in pairwise(order):
            change = self.brightness_change(darker, brighter)
            if change is None:
                change = log2_means[brighter] - log2_means[darker]
            log2_brightness[brighter] = log2_brightness[darker] + change
        return [2 ** log2_brightness[frame] for frame in range(len(order))]

    @cached_property
    def floor(self) -> Float[np.ndarray, " 3"]:
        """The pixel value of each channel where no light was; see `black_floor`."""
        return black_floor([self.ranked(frame) for frame in range(len(self.mean_brightness))])

    @cached_property
    def measured_stops(self) -> Float[np.ndarray, " frames"]:
        """Exposures of the first frames by what they show, see `measured_stops`; nan of others."""
        stops = np.full(len(self.mean_brightness), np.nan)
        some = [self.ranked(frame) for frame in range(min(len(stops), MOST_MEASURED))]
        stops[: len(some)] = measured_stops(some, self.floor, self.is_linear)
        return stops

    def brightness_change(self, frame: int, other: int) -> float | None:
        """How much brighter the other frame's pixel values are (log2); None if nearly all is black or white in both.

        Where few blocks tell, as of frames that show little but a window, the brightest values are asked as well.
        """
        change, telling_share = median_change(self._look(frame).blocks, self._look(other).blocks)
        if self.floor.any() or telling_share < FEW_TELLING_SHARE:
            stops = change_in_stops(self.ranked(frame), self.ranked(other), self.floor)
            if self.floor.any() or (stops is not None and abs(stops) > CLEAR_STEP_STOPS):
                return None if stops is None else stops / TYPICAL_GAMMA
        return change

    def differ(self, frame: int, other: int) -> bool:
        """Whether one of two frames of one exposure is sharper than the other somewhere, beyond noise.

        What is nearly white in one of them does not count.
        """
        (power, brightness), (other_power, other_brightness) = self._strength(frame), self._strength(other)
        exposed = (brightness < WHITE) & (other_brightness < WHITE)
        changes = np.abs(np.log2(power[exposed] / other_power[exposed]))
        return len(changes) > 0 and bool(np.quantile(changes, 1 - CHANGED_SHARE) > LEAST_STRENGTH_CHANGE)

    def ranks(self, frame: int) -> UInt8[np.ndarray, "small_height small_width"]:
        """Which share of a frame's pixels is darker; see `rank_picture`."""
        return cv2.equalizeHist(self.levels(frame))

    def looks_like(self, frame: int, other: int) -> bool:
        """Whether two frames show one view, by what neither focus nor exposure changes: where it is bright and dark."""
        own, others = (small_copy(self.ranks(each), VIEW_SIDE_PX).ravel() for each in (frame, other))
        return bool(np.corrcoef(own, others)[0, 1] >= LEAST_LIKENESS)

    def disagreement(self, frame: int, other: int) -> float:
        """How little of their fine detail two frames share, exposed alike or not: from 0, all, to 2."""
        return disagreement(self.detail(frame), self.detail(other), np.eye(3))[0]


def small_copy(picture: Shaped[np.ndarray, "height width"], side_px: int) -> Float[np.ndarray, "rows columns"]:
    """A picture reduced to a longer side of so many pixels."""
    scale = side_px / max(picture.shape)
    size = [max(1, round(length * scale)) for length in picture.shape[::-1]]
    return cv2.resize(np.asarray(picture, np.float32), size, interpolation=cv2.INTER_AREA)


def thumbnail(pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "rows columns 3"]:
    """Every so manieth pixel, about `THUMBNAIL_SIDE_PX` along the longer side, to measure mean brightness by."""
    step = max(1, max(pixels.shape[:2]) // THUMBNAIL_SIDE_PX)
    return pixels[::step, ::step]


def mean_brightness(pixels: Shaped[np.ndarray, "rows columns 3"]) -> float:
    """Mean pixel value in [0, 1]."""
    return float(pixels.mean(dtype=np.float64) / WHITE_LEVEL[pixels.dtype])


def block_brightness(pixels: Shaped[np.ndarray, "height width 3"]) -> Float[np.ndarray, "rows columns"]:
    """Mean pixel value of square blocks in [0, 1], so large that focusing moves little light from one to another."""
    side = max(1, max(pixels.shape[:2]) // BLOCKS_ALONG_LONGER_SIDE)
    size = tuple(max(1, length // side) for length in pixels.shape[1::-1])
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).mean(-1) / WHITE_LEVEL[pixels.dtype]


def median_change(
    blocks: Float[np.ndarray, "rows columns"], others: Float[np.ndarray, "rows columns"]
) -> tuple[float | None, float]:
    """Median change of blocks' brightness (log2), without those black or white in both; None if hardly any is left.

    And the share that is left.
    """
    telling = (np.maximum(blocks, others) > BLACK) & (np.minimum(blocks, others) < WHITE)
    share = float(telling.mean())
    if share < LEAST_TELLING_SHARE:
        return None, share
    floor = BLACK / 16  # what is black in one of them tells at least that it is darker
    return float(np.median(np.log2(np.maximum(others[telling], floor) / np.maximum(blocks[telling], floor)))), share


def detail_strength(
    pixels: Shaped[np.ndarray, "height width 3"],
) -> tuple[Float[np.ndarray, "rows columns"], Float[np.ndarray, "rows columns"]]:
    """Power of fine detail, which hardly changes with the light, and the mean pixel value, around each cell."""
    grey = cv2.cvtColor(_bands(pixels), cv2.COLOR_RGB2GRAY).astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype])
    return _around_cells(fine_detail(grey) ** 2) + LEAST_CONTRAST**2, _around_cells(grey)


def _bands(pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "rows width 3"]:
    """A picture of at most about `STRENGTH_PIXELS`: evenly spaced bands of rows, one below the other."""
    height, width, _ = pixels.shape
    num_bands = max(1, STRENGTH_PIXELS // (BAND_ROWS * width))
    if num_bands * BAND_ROWS >= height:
        return pixels
    starts = np.linspace(0, height - BAND_ROWS, num_bands).astype(int)
    return np.concatenate([pixels[start : start + BAND_ROWS] for start in starts])


def _around_cells(values: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "rows columns"]:
    size = tuple(max(1, length // CELL_PX) for length in values.shape[::-1])
    return cv2.GaussianBlur(cv2.resize(values, size, interpolation=cv2.INTER_AREA), (0, 0), NEIGHBOURHOOD_CELLS)
