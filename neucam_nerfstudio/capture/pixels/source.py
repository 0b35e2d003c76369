"""Where the frames of a capture come from: a folder of photographs, a video file, an array in a file."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Literal, TypeVar

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.pixels.other_files import check_one_view, unread_note
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.array_files import ArrayFile
from neucam_nerfstudio.imaging.exif import ExifSettings, read_exif
from neucam_nerfstudio.imaging.phone_pictures import FULL_SCALE_SUFFIXES, notes_of_files
from neucam_nerfstudio.imaging.photographs import (
    files_with_suffix,
    find_photographs,
    name_of_moment,
    one_file_per_frame,
    read_photograph,
)
from neucam_nerfstudio.imaging.raw_files import WhiteBalance, differ, is_raw, read_raw_header
from neucam_nerfstudio.imaging.video_reading import VideoFile
from neucam_nerfstudio.runtime import num_cpus

Item = TypeVar("Item")
Value = TypeVar("Value")
SourceKind = Literal["photographs", "video", "array"]
FrameReader = Callable[[Path], Shaped[np.ndarray, "height width 3"]]
"""Decodes a frame, told by its path, at full size: uint8, uint16 or float32."""

VIDEO_SUFFIXES = frozenset(".3gp .avi .dv .m2ts .m4v .mkv .mov .mp4 .mpeg .mpg .mts .mxf .ts .vob .webm .wmv".split())
ARRAY_SUFFIXES = frozenset({".npy"})
FILES = {"video": VideoFile, "array": ArrayFile}
MAX_DECODERS = 8
"""Photographs decoded at a time; each needs a few times its own size while it is."""


class PhotographFolder:
    """Photographs of a folder in name order.

    Attributes:
        kind: What the frames are.
        data: The folder; of other sources the file that holds the frames.
        folder: Where `exposure.txt` and ground truth lie.
        paths: One for each frame, which names it.
        frame_rate: Frames a second, on average; None where nothing tells.
        moments: When each was taken, counted in frames from the first.
        notes: What was chosen for the user, a sentence each.
        holds_sensor_values: Whether 16-bit values may be a sensor's fewer bits, as they are.

    Raises:
        NeucamError: Two of them have the same name, or a picture that is not read is one of them by its name.
    """

    kind: SourceKind = "photographs"
    frame_rate = None

    def __init__(self, folder: Path) -> None:
        self.data = self.folder = folder
        found = find_photographs(folder)
        paths, raw_note = one_file_per_frame(found)
        self.paths = tuple(paths)
        self.moments = tuple(map(float, range(len(paths))))
        unread = unread_note(folder, [*found, *_live_photos(folder, found)])
        self.notes = tuple(filter(None, (raw_note, unread, *notes_of_files(paths), _live_photos_note(folder, found))))
        # RAW and HEIF files are brought to full scale: small values are dark light there.
        self.holds_sensor_values = not any(is_raw(path) or path.suffix.lower() in FULL_SCALE_SUFFIXES for path in paths)

    def exif(self) -> list[ExifSettings]:
        """Camera settings of each photograph."""
        return list(in_order(read_exif, self.paths))


FrameSource = PhotographFolder | VideoFile | ArrayFile
"""Frames in order, with the attributes of `PhotographFolder`."""


def frozen(pixels: np.ndarray) -> np.ndarray:
    """The array, in one piece and read only."""
    pixels = np.ascontiguousarray(pixels)
    pixels.flags.writeable = False
    return pixels


def choose_white_balance(paths: Sequence[Path], used: Sequence[Path]) -> tuple[WhiteBalance | None, str | None]:
    """One white balance for all RAW files, as cameras set to automatic choose another for each picture.

    Args:
        paths: All frames: the first RAW file that tells its white balance tells it.
        used: Those that are developed.

    Returns:
        The gains, None to develop each for what it tells or for daylight; and what was chosen, in a sentence.
    """
    used_raw = list(filter(is_raw, used))
    if not used_raw:
        return None, None
    for first in filter(is_raw, paths):
        if (chosen := read_raw_header(first).white_balance) is not None:
            others = (header.white_balance for header in in_order(read_raw_header, used_raw))
            changes = any(other is not None and differ(other, chosen) for other in others)
            note = f"The camera changed its white balance: all RAW files are developed with {first.stem}'s."
            return chosen, note if changes else None
    return None, "The RAW files tell no white balance: developed for daylight."


def frame_reader(
    kind: SourceKind,
    data: Path,
    white_balance: WhiteBalance | None = None,
    source: FrameSource | None = None,
    manifest_file: Path | None = None,
) -> FrameReader:
    """What decodes the frames of a source. It raises `NeucamError` for a file that is not there or cannot be read.

    Args:
        kind: Of the source.
        data: The folder or file.
        white_balance: That RAW files are developed with; None for each one's own.
        source: The video or array if it is open; else it is opened for the first frame.
        manifest_file: Which file says that the frames lie there, for messages.
    """
    place, lock = f"`data` in {manifest_file} or " if manifest_file else "", Lock()

    def check_there(file: Path) -> None:
        if not file.is_file():
            raise NeucamError(
                f"{file}: is not there. If the photographs have moved, let {place}--data say where they are."
            )

    @cache
    def open_file() -> VideoFile | ArrayFile:
        check_there(data)
        return source if isinstance(source, VideoFile | ArrayFile) else FILES[kind](data)

    def read(path: Path) -> Shaped[np.ndarray, "height width 3"]:
        if kind == "photographs":
            check_there(path)
            return read_photograph(path, white_balance=white_balance)
        with lock:
            file = open_file()
        return file.frame(int(path.stem))

    return read


def num_readers(kind: SourceKind) -> int:
    """How many frames are decoded at a time; those of a video one after the other."""
    return 1 if kind == "video" else min(MAX_DECODERS, num_cpus())


def in_order(read: Callable[[Item], Value], items: Iterable[Item], num_at_once: int | None = None) -> Iterator[Value]:
    """Answers of a function that reads files, in the order of the items, few of them before they are asked for."""
    num_at_once = num_at_once or num_readers("photographs")
    waiting: deque[Future[Value]] = deque()
    with ThreadPoolExecutor(num_at_once) as pool:
        for item in items:
            waiting.append(pool.submit(read, item))
            if len(waiting) > num_at_once:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


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
    photographs = find_photographs(data)
    videos = [path for path in files_with_suffix(data, VIDEO_SUFFIXES) if path not in _live_photos(data, photographs)]
    check_one_view(data, is_parent=not photographs and not videos)
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


def _live_photos(folder: Path, photographs: Sequence[Path]) -> list[Path]:
    """The short videos that phones write beside photographs, under their names."""
    names = set(map(name_of_moment, photographs))
    return [path for path in files_with_suffix(folder, VIDEO_SUFFIXES) if name_of_moment(path) in names]


def _live_photos_note(folder: Path, photographs: Sequence[Path]) -> str | None:
    videos = _live_photos(folder, photographs)
    return f"Not used, as each has a photograph's name: {listed(path.name for path in videos)}." if videos else None


def _no_frames_message(folder: Path) -> str:
    visible = [path for path in folder.iterdir() if not path.name.startswith(".")]
    others = sorted({path.suffix.lower() or path.name for path in visible if path.is_file()})
    folders = sorted(path.name for path in visible if path.is_dir())
    said = f"{folder}: no photographs in this folder."
    said += f" It holds {', '.join(others)} files, which are not read as photographs." if others else ""
    said += f" It has sub-folders: if one of {', '.join(folders[:5])} is the capture, give that one." if folders else ""
    return (
        f"{said} Expected PNG, JPEG, TIFF, HEIC or camera RAW files of one view directly in the folder, or one video."
    )
