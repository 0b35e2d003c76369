"""Video files: their frames in the order they are shown, decoded when asked for and never written to disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.imaging.photographs import full_scale_table
from neucam_nerfstudio.imaging.video_index import VideoIndex, open_video, read_index

if TYPE_CHECKING:
    from av import VideoFrame

EXACT_CONVERSION = 0x4 | 0x2000 | 0x4000 | 0x40000
"""libswscale's SWS_BICUBIC, SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP and SWS_ACCURATE_RND. Without them it rounds down,
and takes every second pixel's colour from its neighbour."""
SWSCALE_16_BIT_WHITE = 65283
"""What libswscale makes of the white of video levels (luma 235 of 8 bits) in 16 bits, where 65535 is meant."""


class VideoFile:
    """Frames of a video file; `exposure.txt` and ground truth lie beside it.

    Args:
        path: The file.

    Raises:
        NeucamError: It cannot be opened, or holds no frame.
    """

    kind: Final = "video"
    holds_sensor_values = False

    def __init__(self, path: Path) -> None:
        self.data, self.folder = path, path.parent
        self._index: VideoIndex = read_index(path)
        self.paths = frame_paths(path, self._index.num_frames)
        self.frame_rate = self._index.frame_rate
        self.notes: list[str] = []
        self.moments = self._index.moments or tuple(map(float, range(self._index.num_frames)))
        if self._index.moments is None:
            self.notes.append(f"{path.name} does not tell when each frame is shown: taken as evenly spaced.")
        self._lock, self._ahead, self._next = Lock(), iter(()), self._index.num_frames

    def exif(self) -> list[ExifSettings]:
        """Nothing: a video does not tell the exposure of its frames."""
        return [ExifSettings()] * len(self.paths)

    def frame(self, number: int) -> Shaped[np.ndarray, "height width 3"]:
        """One frame. Decoding goes on from the last one asked for, so frames in order are decoded once.

        Args:
            number: Of the frame, counted from 0.

        Returns:
            RGB, upright; uint8, or uint16 (65535 is white) where the video has more than 8 bits.

        Raises:
            NeucamError: The file ends before this frame, or a frame is damaged.
        """
        if number >= self._index.num_intact:
            raise NeucamError(self._cut_off_message())
        with self._lock:
            if number < self._next:
                self._ahead, self._next = self._decoded(), 0
            for frame in self._ahead:
                self._next += 1
                if self._next > number:
                    return upright_rgb(frame)
            self._next = self._index.num_frames
            raise NeucamError(self._damaged_message(number, "the video ends before it"))

    def _decoded(self) -> Iterator[VideoFrame]:
        import av

        num_decoded = 0
        with open_video(self.data) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            try:
                for frame in container.decode(stream):
                    if frame.is_corrupt:
                        raise NeucamError(self._damaged_message(num_decoded, "the decoder had to patch it up"))
                    num_decoded += 1
                    yield frame
            except av.FFmpegError as error:
                raise NeucamError(self._damaged_message(num_decoded, error.strerror)) from error

    def _cut_off_message(self) -> str:
        index = self._index
        return (
            f"{self.data}: the file is cut off: {index.num_intact} of {index.num_frames} frames can be read. Copy it"
            f" again from the camera, or use those with --frame-range 0 {index.num_intact}."
        )

    def _damaged_message(self, frame: int, reason: str) -> str:
        return (
            f"{self.data}: frame {frame} of {self._index.num_frames} cannot be decoded ({reason}). Copy the file again"
            f" from the camera, or use the frames before with --frame-range 0 {frame}."
        )


def frame_paths(file: Path, num_frames: int) -> tuple[Path, ...]:
    """A name for each frame of a file, `clip.mp4.frames/00012.png`: nerfstudio names what it renders after it."""
    folder = file.with_name(f"{file.name}.frames")
    return tuple(folder / f"{index:05d}.png" for index in range(num_frames))


def upright_rgb(frame: VideoFrame) -> Shaped[np.ndarray, "height width 3"]:
    """A decoded frame as RGB, turned as the file says: uint8, or uint16 if it has more than 8 bits."""
    from av.video.reformatter import ColorRange

    is_deep = max(component.bits for component in frame.format.components) > 8
    pixels = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24", interpolation=EXACT_CONVERSION)
    if is_deep and not frame.format.is_rgb and frame.color_range != ColorRange.JPEG:
        pixels = full_scale_table(SWSCALE_16_BIT_WHITE)[pixels]
    return np.rot90(pixels, round(frame.rotation / 90))
