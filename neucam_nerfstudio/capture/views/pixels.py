"""Pixels of many views: photographs, files of linear light, and radiance for what has no photograph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.pixels.file_frames import Coverage, FileFrames
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.source import FrameReader, frame_reader, frozen, in_order
from neucam_nerfstudio.capture.pixels.warp import Pixels
from neucam_nerfstudio.capture.pixels.white_level import ValueCount
from neucam_nerfstudio.imaging.phone_pictures import FULL_SCALE_SUFFIXES
from neucam_nerfstudio.imaging.photographs import downscale
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.imaging.raw_files import WhiteBalance, is_raw
from neucam_nerfstudio.photometry import WHITE_LEVEL, encode_srgb

RADIANCE_SUFFIXES = frozenset({".exr", ".hdr"})


def is_radiance(path: Path) -> bool:
    """Whether a file holds linear radiance, which is not clipped at 1."""
    return path.suffix.lower() in RADIANCE_SUFFIXES


class ViewFrames(FileFrames):
    """Frames of many views, of which some may have no photograph but radiance alone.

    What stands for the photograph of those is the radiance at 0 stops, developed by the sRGB standard, to be looked
    at; nothing of it is covered, so that nothing is learned from it and nothing compared with it.

    Args:
        paths: Of the frames.
        read: Decodes one, told by its path.
        downscale_factor: Size divisor, by area averaging.
        cache: Where they are kept.
        truth: By the index of each frame without a photograph, the file with its radiance.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        read: FrameReader,
        downscale_factor: int,
        cache: FrameCache,
        truth: dict[int, Path],
    ) -> None:
        super().__init__(paths, read, downscale_factor, cache)
        self._truth = truth

    def full_size(self, index: int) -> Pixels:
        """Decodes a frame; nothing else is done."""
        if index not in self._truth:
            return super().full_size(index)
        number_type = np.dtype(np.uint8) if self.likeness is None else self.likeness[1]
        developed = encode_srgb(read_radiance(self._truth[index])) * WHITE_LEVEL[number_type]
        return developed.astype(number_type) if number_type.kind == "f" else np.rint(developed).astype(number_type)

    def coverage(self, index: int) -> Coverage | None:
        """Where a frame's file is opaque, downscaled; None if it is everywhere. Radiance alone covers nothing."""
        if index not in self._truth:
            return super().coverage(index)
        assert self.likeness is not None, "a photograph has been decoded"
        return np.zeros(self.likeness[0][:2], bool)

    def taken_in(self, full_size: Pixels, index: int) -> Shaped[np.ndarray, "small_height small_width 3"]:
        """Downscales, checks and scales a decoded frame."""
        if index not in self._truth:
            return super().taken_in(full_size, index)
        return frozen(downscale(full_size, self._factor, self._truth[index]))


def view_reader(white_balance: WhiteBalance | None, brightest: float) -> FrameReader:
    """What decodes photographs of many views; files of radiance as float32 in [0, 1], where `brightest` is 1."""
    read_photograph = frame_reader("photographs", Path(), white_balance)

    def read(path: Path) -> Shaped[np.ndarray, "height width 3"]:
        if not is_radiance(path):
            return read_photograph(path)
        return np.clip(read_radiance(path) / np.float32(brightest), 0, 1)

    return read


def brightest_radiance(paths: Sequence[Path]) -> float:
    """The largest value of files of radiance."""
    return max(in_order(lambda path: float(read_radiance(path).max()), paths))


def find_white(decoded: ViewFrames, photographs: Sequence[int]) -> tuple[int, str | None]:
    """The value of 16-bit files that is white, and what was chosen, in a sentence, where there was a choice."""
    paths = [decoded.paths[index] for index in photographs]
    full_scale = any(is_raw(path) or path.suffix.lower() in FULL_SCALE_SUFFIXES for path in paths)
    count = ValueCount(not full_scale)
    for index in photographs:
        if not count.is_open:
            break
        count.add(decoded.full_size(index))
    return count.white()
