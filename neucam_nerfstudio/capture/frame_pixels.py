"""The pixels of many frames as one array, decoded once and in parallel."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import orientation_hint
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.raw_files import WhiteBalance
from neucam_nerfstudio.photometry import WHITE_LEVEL

Item, Value = TypeVar("Item"), TypeVar("Value")

THUMBNAIL_SIDE = 64
MAX_DECODERS = 8
"""Photographs decoded at a time; each needs a few times its own size while it is."""


def read_frames(
    paths: Sequence[Path], downscale_factor: int = 1, white_balance: WhiteBalance | None = None
) -> Shaped[np.ndarray, "frames height width 3"]:
    """Decodes photographs into one array of their own number type (uint8, uint16 or float32).

    Args:
        paths: The photographs, at least one.
        downscale_factor: Size divisor, see `read_photograph`.
        white_balance: That RAW files are developed with; None for each one's own.

    Raises:
        NeucamError: A file is broken, or differs from the first in size or number type.
    """
    stack = FrameStack(len(paths))

    def place(index: int) -> None:
        stack.place(read_photograph(paths[index], downscale_factor, white_balance), paths[index], [index])

    place(0)
    in_parallel(place, range(1, len(paths)))
    return stack.pixels


def in_parallel(read: Callable[[Item], Value], items: Iterable[Item]) -> list[Value]:
    """Answers of a function that reads files, in the order of the items."""
    with ThreadPoolExecutor(min(MAX_DECODERS, os.cpu_count() or 1)) as pool:
        return list(pool.map(read, items))


class FrameStack:
    """Room for the frames of a capture, of the size and number type that the first one placed has.

    Args:
        num_frames: How many there will be.
    """

    def __init__(self, num_frames: int) -> None:
        self.num_frames = num_frames
        self.pixels: Shaped[np.ndarray, "frames height width 3"] | None = None
        self._first: Path | None = None

    def place(self, pixels: Shaped[np.ndarray, "height width 3"], path: Path, places: Sequence[int]) -> None:
        """Copies a frame to its places.

        Raises:
            NeucamError: It differs from the first in size or number type.
        """
        if self.pixels is None:
            self.pixels, self._first = np.empty((self.num_frames, *pixels.shape), pixels.dtype), path
        _check_alike(pixels, path, self.pixels[0], self._first)
        for place in places:
            self.pixels[place] = pixels


def _check_alike(pixels: np.ndarray, path: Path, reference: np.ndarray, reference_path: Path) -> None:
    if pixels.shape != reference.shape:
        height, width, _ = pixels.shape
        expected_height, expected_width, _ = reference.shape
        raise NeucamError(
            f"{path}: the frame is {width}x{height} pixels, others are {expected_width}x{expected_height}. All frames"
            " of a capture must have one size: crop or export them alike, or take this one out."
            + orientation_hint(path, reference_path)
        )
    if pixels.dtype != reference.dtype:
        raise NeucamError(
            f"{path}: pixels are {pixels.dtype}, those of others are {reference.dtype}. Frames that were developed"
            " differently do not share one camera response: export all in one format."
        )


def scale_to_16_bits(pixels: Shaped[np.ndarray, "frames height width 3"], white: int) -> None:
    """Scales 16-bit frames in place such that the value `white` becomes 65535; more is clipped."""
    scaled = np.rint(np.arange(65536) * (65535 / white))
    scaled = np.minimum(scaled, 65535).astype(np.uint16)
    for frame in pixels:
        frame[:] = scaled[frame]


def mean_brightness(pixels: Shaped[np.ndarray, "frames height width 3"]) -> Float[np.ndarray, " frames"]:
    """Mean pixel value of each frame in [0, 1], measured on a thumbnail."""
    step = max(1, max(pixels.shape[1:3]) // THUMBNAIL_SIDE)
    return pixels[:, ::step, ::step].mean((1, 2, 3), dtype=np.float64) / WHITE_LEVEL[pixels.dtype]


def check_not_identical(pixels: Shaped[np.ndarray, "frames height width 3"], folder: Path) -> None:
    """Raises `NeucamError` if all frames show the very same picture."""
    if all(np.array_equal(pixels[0], other) for other in pixels[1:]):
        raise NeucamError(
            f"{folder}: all {len(pixels)} training frames are the same picture, so neither focus nor exposure differs."
            " Give photographs taken at different focus or exposure settings."
        )
