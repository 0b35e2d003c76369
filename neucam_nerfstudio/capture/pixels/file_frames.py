"""Frames as their files have them: decoded, downscaled, checked to be alike."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.source import FrameReader, frozen
from neucam_nerfstudio.capture.pixels.warp import Pixels
from neucam_nerfstudio.capture.pixels.white_level import FULL_SCALE
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import orientation_hint
from neucam_nerfstudio.imaging.photographs import downscale
from neucam_nerfstudio.imaging.transparency import filled_outward, read_coverage
from neucam_nerfstudio.photometry import full_scale_table

MASK_SHARE = 4
"""Of the budget of frames, a quarter is for which of their pixels are opaque, where files have transparency."""

Coverage = Bool[np.ndarray, "height width"]
"""Which pixels of a frame show something."""


class FileFrames:
    """Frames as their files have them, downscaled, white at the number type's full scale. All must be alike.

    Where a file is transparent, its nearest opaque pixel goes on.

    Args:
        paths: Of the frames.
        read: Decodes one, told by its path.
        downscale_factor: Size divisor, by area averaging.
        cache: Where they are kept.
        white_level: The value of 16-bit files that is white.
        have_files: Whether each frame is a file of its own, which may be transparent.

    Attributes:
        likeness: Shape and number type of every frame; None until the first is decoded.
        model: The frame that set this; None if a scan did, some time ago.
    """

    likeness: tuple[tuple[int, ...], np.dtype] | None = None
    model: Path | None = None

    def __init__(
        self,
        paths: Sequence[Path],
        read: FrameReader,
        downscale_factor: int,
        cache: FrameCache,
        white_level: int = FULL_SCALE,
        have_files: bool = True,
    ) -> None:
        self.paths, self.cache, self.white_level = paths, cache, white_level
        self._read, self._factor = read, downscale_factor
        self._opaque = set[int]() if have_files else set(range(len(paths)))
        self._masks = FrameCache(cache.budget_bytes // MASK_SHARE, cache.num_frames)

    def __getitem__(self, index: int) -> Pixels:
        """A frame, kept at hand."""
        pixels = self.cache.get(index)
        if pixels is None:
            pixels = self.taken_in(self.full_size(index), index)
            self.cache.put(index, pixels)
        return pixels

    def take(self, index: int) -> Pixels:
        """A frame that is not needed at hand any more."""
        pixels = self.cache.pop(index)
        return self.taken_in(self.full_size(index), index) if pixels is None else pixels

    def full_size(self, index: int) -> Pixels:
        """Decodes a frame; nothing else is done."""
        return self._read(self.paths[index])

    def coverage(self, index: int) -> Coverage | None:
        """Where a frame's file is opaque, downscaled; None if it is everywhere."""
        if index in self._opaque:
            return None
        covered = self._masks.get(index)
        if covered is None:
            covered = read_coverage(self.paths[index])
            if covered is not None and self._factor > 1:
                # What is opaque in part is not covered.
                covered = downscale(covered.astype(np.float32), self._factor, self.paths[index]) > 1 - 1e-3
            if covered is None or not covered.any():
                self._opaque.add(index)
                return None
            self._masks.put(index, covered)
        return covered

    def taken_in(self, full_size: Pixels, index: int) -> Shaped[np.ndarray, "small_height small_width 3"]:
        """Downscales, checks and scales a decoded frame.

        Raises:
            NeucamError: It is not like the others, or no longer.
        """
        path = self.paths[index]
        pixels = downscale(full_size, self._factor, path)
        if self.likeness is None:
            self.likeness, self.model = (pixels.shape, pixels.dtype), path
        if (pixels.shape, pixels.dtype) != self.likeness:
            raise NeucamError(_unlike_message(path, pixels, *self.likeness, self.model))
        if pixels.dtype == np.uint16 and self.white_level != FULL_SCALE:
            pixels = full_scale_table(self.white_level)[pixels]
        covered = self.coverage(index)
        return frozen(pixels if covered is None else filled_outward(pixels, covered))


def _unlike_message(
    path: Path, pixels: Pixels, shape: tuple[int, ...], number_type: np.dtype, model: Path | None
) -> str:
    size, expected = (f"{width}x{height}" for height, width, _ in (pixels.shape, shape))
    if model is None:
        return (
            f"{path}: has changed since the capture was scanned: {size} pixels, {pixels.dtype}; it had {expected},"
            f" {number_type}. Put the file back as it was, or start anew from the photographs."
        )
    if pixels.shape != shape:
        return (
            f"{path}: the frame is {size} pixels, others are {expected}. All frames of a capture must have one size:"
            " crop or export them alike, or take this one out." + orientation_hint(path, model)
        )
    return (
        f"{path}: pixels are {pixels.dtype}, those of others are {number_type}. Frames that were developed differently"
        " do not share one camera response: export all in one format."
    )
