"""Photographs as integer codes, the pixel values in [0, 1] they stand for, and their noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt

NOISE_WINDOW = 1024
"""Noise is measured in the middle of a frame, in a window of at most this side."""

NOISE_BLOCK = 9
LEAST_NOISE = 0.3 / 255
"""Rounding to 8 bit alone deviates by this much."""

WHITE_LDR = 251.5 / 255
"""Pixel values from here on are white: compression leaves it a little short of 1, one channel more so than another."""

HALF_STEP_OF_8_BIT, HALF_STEP_OF_16_BIT = 1 / 512, 1 / 131072


@runtime_checkable
class Photograph(Protocol):
    """An array [height, width, 3], or what reads like one: parts of it are decoded when they are asked for.

    RGB, 8 or 16 bit or floating point in [0, 1].
    """

    @property
    def shape(self) -> tuple[int, ...]: ...

    @property
    def dtype(self) -> Any: ...

    def __getitem__(self, place: Any, /) -> Any: ...


RgbImage = Float[np.ndarray, "height width 3"]
"""Three numbers a pixel."""

Image = Float[np.ndarray, "height width"]
"""One number a pixel."""


def to_codes(frame: Shaped[np.ndarray, "*shape"]) -> UInt[np.ndarray, "*shape"]:
    """8 and 16 bit photographs as they are, floating point in [0, 1] as 16 bit."""
    if frame.dtype in (np.uint8, np.uint16):
        return frame
    return np.rint(np.clip(frame, 0, 1) * 65535).astype(np.uint16)


def code_values(dtype: np.dtype) -> Float[np.ndarray, " codes"]:
    """Pixel value in [0, 1] of each code that `to_codes` makes of frames of a type."""
    largest = 255 if dtype == np.uint8 else 65535
    return np.arange(largest + 1) / largest


def pixel_values(frame: Shaped[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """A photograph's pixel values in [0, 1]."""
    codes = to_codes(frame)
    return codes.astype(np.float32) / np.iinfo(codes.dtype).max


def half_step(dtype: np.dtype) -> float:
    """Pixel value that black stands for in logarithms: half a step of the codes that `to_codes` makes of a type."""
    return HALF_STEP_OF_8_BIT if dtype == np.uint8 else HALF_STEP_OF_16_BIT


def estimate_pixel_noise(frames: Sequence[Photograph]) -> float:
    """Standard deviation of a pixel value in [0, 1]: the median over frames, from flat blocks (Immerkaer 1996)."""
    return median_noise([flat_noise(frame) for frame in frames])


def median_noise(of_frames: Sequence[float]) -> float:
    """Standard deviation of a pixel value in [0, 1] by what `flat_noise` says of each frame."""
    return max(LEAST_NOISE, float(np.median(of_frames)))


def flat_noise(frame: Photograph) -> float:
    """Standard deviation of green pixel values in [0, 1], from the flattest quarter of the blocks; 0 if none tells."""
    top, left = (max(0, (side - NOISE_WINDOW) // 2) for side in frame.shape[:2])
    codes = to_codes(np.asarray(frame[top : top + NOISE_WINDOW, left : left + NOISE_WINDOW]))
    green = codes[..., 1].astype(np.float32) / np.iinfo(codes.dtype).max
    kernel = np.array([1, -2, 1], np.float32)
    second_difference = cv2.sepFilter2D(green, -1, kernel, kernel) / 6
    blocks = (slice(NOISE_BLOCK // 2, None, NOISE_BLOCK),) * 2
    variance = cv2.blur(second_difference**2, (NOISE_BLOCK, NOISE_BLOCK))[blocks]
    exposed = np.abs(cv2.blur(green, (NOISE_BLOCK, NOISE_BLOCK))[blocks] - 0.5) < 0.45
    return float(np.sqrt(np.percentile(variance[exposed], 25))) if exposed.any() else 0.0
