"""Pixels of many views: photographs, files of linear light, and radiance for what has no photograph."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.pixels.file_frames import Coverage, FileFrames
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.source import (
    FrameReader,
    choose_white_balance,
    frame_reader,
    frozen,
    in_order,
)
from neucam_nerfstudio.capture.pixels.warp import Pixels
from neucam_nerfstudio.capture.pixels.white_level import ValueCount
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.phone_pictures import FULL_SCALE_SUFFIXES
from neucam_nerfstudio.imaging.photographs import downscale, hold_linear_light
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


class OpenedPixels(NamedTuple):
    """Frames of many views, of which one is decoded.

    Attributes:
        decoded: All of them.
        full_size: Width and height before downscaling.
        white_balance: That RAW files are developed with.
        linear_light: Whether pixel values are linear light.
        white_radiance: The radiance that is white, of files of radiance; None of photographs.
        notes: What was chosen for the user, a sentence each.
    """

    decoded: ViewFrames
    full_size: tuple[int, int]
    white_balance: WhiteBalance | None
    linear_light: bool
    white_radiance: float | None
    notes: tuple[str, ...]


def open_pixels(
    paths: Sequence[Path], truth: dict[int, Path], downscale_factor: int, budget_bytes: int
) -> OpenedPixels:
    """Decodes the first photograph, and others as far as white has to be found.

    Args:
        paths: Of all frames.
        truth: By the index of each frame without a photograph, the file with its radiance.
        downscale_factor: Size divisor, by area averaging.
        budget_bytes: The most bytes of decoded frames that are kept.

    Raises:
        NeucamError: Photographs do not go together, or cannot be read.
    """
    indices = [index for index in range(len(paths)) if index not in truth]
    photographs = [paths[index] for index in indices]
    radiance_files = list(filter(is_radiance, photographs))
    if radiance_files and len(radiance_files) < len(photographs):
        other = next(path for path in photographs if not is_radiance(path))
        raise NeucamError(
            f"{other}: a photograph, but {radiance_files[0].name} holds linear radiance. They do not share one camera"
            " response: use those of one kind alone."
        )
    balance, balance_note = choose_white_balance(photographs, photographs)
    white_radiance = white_note = None
    if radiance_files:
        white_radiance = max(in_order(_brightest, radiance_files))
        white_note = f"The views are files of linear radiance: white is their brightest value, {white_radiance:.4g}."
    read = _reader(balance, white_radiance)
    decoded = ViewFrames(paths, read, downscale_factor, FrameCache(budget_bytes), truth)
    first = decoded.full_size(indices[0])
    decoded.taken_in(first, indices[0])
    decoded.white_level = WHITE_LEVEL[first.dtype]
    if first.dtype == np.uint16:
        full_scale = any(is_raw(path) or path.suffix.lower() in FULL_SCALE_SUFFIXES for path in photographs)
        count = ValueCount(not full_scale)
        for index in indices:
            if count.is_open:
                count.add(decoded.full_size(index))
        decoded.white_level, white_note = count.white()
    return OpenedPixels(
        decoded,
        (first.shape[1], first.shape[0]),
        balance,
        bool(radiance_files) or hold_linear_light(photographs),
        white_radiance,
        tuple(filter(None, (balance_note, white_note))),
    )


def _reader(white_balance: WhiteBalance | None, white_radiance: float | None) -> FrameReader:
    """What decodes photographs of many views; files of radiance as float32 in [0, 1]."""
    read_photograph = frame_reader("photographs", Path(), white_balance)

    def read(path: Path) -> Shaped[np.ndarray, "height width 3"]:
        if white_radiance is None:
            return read_photograph(path)
        return np.clip(read_radiance(path) / np.float32(white_radiance), 0, 1)

    return read


def _brightest(path: Path) -> float:
    largest = float(read_radiance(path).max())
    if largest <= 0:
        raise NeucamError(f"{path}: holds no light. Replace the file, or take its view out.")
    return largest
