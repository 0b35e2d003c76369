"""Where the frames of a capture come from: a folder of photographs, a video file, an array in a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.frame_pixels import in_parallel, read_frames
from neucam_nerfstudio.capture.frame_selection import listed_files
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.array_files import ArrayFile
from neucam_nerfstudio.imaging.exif import ExifSettings, read_exif
from neucam_nerfstudio.imaging.photographs import files_with_suffix, find_photographs, one_file_per_frame
from neucam_nerfstudio.imaging.raw_files import WhiteBalance, differ, is_raw, read_raw_header
from neucam_nerfstudio.imaging.video_reading import VideoFile

VIDEO_SUFFIXES = frozenset({".mp4", ".mov", ".avi", ".webm", ".mkv", ".m4v"})
ARRAY_SUFFIXES = frozenset({".npy"})
UNREAD_SUFFIXES = frozenset(".avif .bmp .gif .heic .heif .hif .jp2 .jxl .psd .webp".split())
"""Of pictures that are not read as photographs."""


class FrameSource(Protocol):
    """Frames in order, of which any can be read.

    Attributes:
        data: The folder of photographs, or the file with the frames.
        folder: Where `exposure.txt` and ground truth lie.
        paths: One for each frame, which names it.
        frame_rate: Frames a second, on average; None where nothing tells.
        moments: When each was taken, counted in frames from the first.
        notes: What was chosen for the user, a sentence each; all of them are known once the frames are read.
    """

    data: Path
    folder: Path
    paths: tuple[Path, ...]
    frame_rate: float | None
    moments: Sequence[float]
    notes: Sequence[str]

    @property
    def holds_sensor_values(self) -> bool:
        """Whether 16-bit values may be a sensor's fewer bits, as they are."""

    def exif(self) -> list[ExifSettings]:
        """What the camera wrote about each frame."""

    def read(self, indices: Sequence[int], downscale_factor: int = 1) -> Shaped[np.ndarray, "frames height width 3"]:
        """Pixels of some frames, in the order of the indices, in the source's number type (uint8, uint16, float32).

        Raises:
            NeucamError: A frame cannot be decoded, or differs from the others in size or number type.
        """


class PhotographFolder:
    """Photographs of a folder in name order.

    Args:
        folder: The folder, which holds photographs.

    Raises:
        NeucamError: Two of them have the same name, or a picture that is not read is one of them by its name.
    """

    frame_rate = None

    def __init__(self, folder: Path) -> None:
        self.data = self.folder = folder
        found = find_photographs(folder)
        paths, raw_note = one_file_per_frame(found)
        self.paths = tuple(paths)
        self.moments = range(len(paths))
        self.notes = list(filter(None, (raw_note, _unread_note(files_with_suffix(folder, UNREAD_SUFFIXES), found))))

    @property
    def holds_sensor_values(self) -> bool:
        """Not where there are RAW files: those are developed to full scale, so small values are dark light."""
        return not any(map(is_raw, self.paths))

    def exif(self) -> list[ExifSettings]:
        """Camera settings of each photograph."""
        return in_parallel(read_exif, self.paths)

    def read(self, indices: Sequence[int], downscale_factor: int = 1) -> Shaped[np.ndarray, "frames height width 3"]:
        """Decodes photographs, several at a time."""
        paths = [self.paths[index] for index in indices]
        return read_frames(paths, downscale_factor, self._white_balance(list(filter(is_raw, paths))))

    def _white_balance(self, raw_paths: Sequence[Path]) -> WhiteBalance | None:
        """One for all RAW files, as cameras set to automatic choose another for each picture: that of the first."""
        if not raw_paths:
            return None
        told = ((path, read_raw_header(path).white_balance) for path in filter(is_raw, self.paths))
        first, chosen = next(((path, gains) for path, gains in told if gains is not None), (None, None))
        if chosen is None:
            self.notes.append("The RAW files tell no white balance: developed for daylight.")
            return None
        others = (header.white_balance for header in in_parallel(read_raw_header, raw_paths))
        if any(other is not None and differ(other, chosen) for other in others):
            self.notes.append(f"The camera changed its white balance: all RAW files are developed with {first.stem}'s.")
        return chosen


def open_source(data: Path) -> FrameSource:
    """The frames of a capture, wherever they are.

    Args:
        data: A folder of photographs; a video; a `.npy` file; or a folder with one such file and no photographs.

    Raises:
        NeucamError: There are no frames, or more than one choice of them.
    """
    if not data.exists():
        raise NeucamError(
            f"{data}: there is no such folder or file. Give --data the folder that holds the photographs, or a video."
        )
    if data.is_file():
        return _open_file(data)
    videos = files_with_suffix(data, VIDEO_SUFFIXES)
    photographs = find_photographs(data)
    if photographs and videos:
        raise NeucamError(
            f"{data}: holds {len(photographs)} photographs and the video {videos[0].name}. Give --data the video, or"
            " move it elsewhere to use the photographs."
        )
    if photographs:
        return PhotographFolder(data)
    files = [*videos, *files_with_suffix(data, ARRAY_SUFFIXES)]
    if len(files) > 1:
        names = ", ".join(path.name for path in files)
        raise NeucamError(f"{data}: holds {len(files)} files of frames ({names}). Give --data the one that is meant.")
    if not files:
        raise NeucamError(_no_frames_message(data))
    return _open_file(files[0])


def _open_file(path: Path) -> FrameSource:
    suffix = path.suffix.lower()
    if suffix in ARRAY_SUFFIXES:
        return ArrayFile(path)
    if suffix in VIDEO_SUFFIXES:
        return VideoFile(path)
    raise NeucamError(
        f"{path}: this file is not read as frames. Give --data the folder that holds the photographs, a video"
        f" ({', '.join(sorted(VIDEO_SUFFIXES))}) or a .npy file."
    )


def _unread_note(unread: Sequence[Path], photographs: Sequence[Path]) -> str | None:
    """Names the pictures beside photographs that are not read, in a sentence.

    Raises:
        NeucamError: One is named like the photographs but for its numbers: without it, exposures would be counted off
            wrongly.
    """
    names = {path.stem.lower() for path in photographs}
    patterns = {_without_numbers(path): path for path in photographs}
    for path in unread:
        alike = patterns.get(_without_numbers(path))
        if alike is not None and path.stem.lower() not in names:
            raise NeucamError(
                f"{path}: named as a frame like {alike.name}, but {path.suffix} files are not read. Convert it to PNG,"
                " TIFF or JPEG, or take it out of the folder."
            )
    return f"Not read as photographs: {listed_files(unread)}." if unread else None


def _without_numbers(path: Path) -> str:
    return re.sub(r"\d+", "#", path.stem.lower())


def _no_frames_message(folder: Path) -> str:
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    others = sorted({path.suffix.lower() or path.name for path in visible if path.is_file()})
    folders = sorted(path.name for path in visible if path.is_dir())
    found = f" It holds {', '.join(others)} files, which are not read as photographs." if others else ""
    nested = (
        f" It has sub-folders: if one of {', '.join(folders[:5])} is the capture, give that one." if folders else ""
    )
    return (
        f"{folder}: no photographs in this folder.{found}{nested}"
        " Expected PNG, JPEG, TIFF or camera RAW files of one view directly in the folder, or one video."
    )
