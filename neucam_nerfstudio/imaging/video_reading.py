"""Video files: how many frames they hold and when each is shown, and the frames themselves, decoded when asked for."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.imaging.video_frames import deinterlaced, probe, upright_rgb
from neucam_nerfstudio.imaging.video_index import (
    codes_of_stream,
    decoded_index,
    frame_paths,
    main_stream,
    open_video,
    other_streams_note,
    pixel_shape_note,
    read_index,
)

if TYPE_CHECKING:
    import av


class VideoFile:
    """Frames of a video file; `exposure.txt` and ground truth lie beside the file.

    Raises:
        NeucamError: It cannot be opened, or holds no frame.
    """

    kind: Final = "video"
    holds_sensor_values = False

    def __init__(self, path: Path) -> None:
        self.data, self.folder = path, path.parent
        self._index = read_index(path)
        with open_video(path) as container:
            stream = main_stream(container)
            streams_note, shape_note = other_streams_note(container, path.name), pixel_shape_note(stream, path.name)
            probed = probe(container, stream, path.name)
            self._codes = codes_of_stream(stream)
        self._interlacing = probed.interlacing
        if probed.fields_are_packets:
            self._index = decoded_index(path)
        self.paths = frame_paths(path, self._index.num_frames)
        self.frame_rate = self._index.frame_rate
        interlacing_note = probed.interlacing.note if probed.interlacing else probed.note
        self.notes = list(filter(None, (streams_note, interlacing_note, shape_note, self._codes.note(path.name))))
        self.moments = self._index.moments or tuple(map(float, range(self._index.num_frames)))
        if self._index.moments is None:
            self.notes.append(f"{path.name} does not say when each frame is shown: taken as evenly spaced.")
        self._lock, self._ahead, self._next = Lock(), iter(()), self._index.num_frames

    def exif(self) -> list[ExifSettings]:
        """Empty settings: a video does not say the exposures of its frames."""
        return [ExifSettings()] * len(self.paths)

    def frame(self, number: int) -> Shaped[np.ndarray, "height width 3"]:
        """Decodes a frame, numbered from 0. Decoding goes on after the one read last: frames in order are decoded once.

        Returns:
            RGB, upright; uint8, or uint16 (65535 is white) where the video has more than 8 bits.

        Raises:
            NeucamError: The file ends before this frame, or a frame is damaged.
        """
        num_intact = self._index.num_intact
        if number >= num_intact:
            raise NeucamError(
                f"{self.data}: the file is cut off: {num_intact} of {len(self.paths)} frames can be read. Copy it again"
                f" from the camera, or use those with --frame-range 0 {num_intact}."
            )
        with self._lock:
            if number < self._next:
                self._ahead, self._next = self._whole_frames(), 0
            for frame in self._ahead:
                self._next += 1
                if self._next > number:
                    return upright_rgb(frame, self._codes)
            self._next = self._index.num_frames
            raise NeucamError(self._damaged_message(number, "the video ends before it"))

    def _whole_frames(self) -> Iterator["av.VideoFrame"]:
        return self._decoded() if self._interlacing is None else deinterlaced(self._decoded(), self._interlacing)

    def _decoded(self) -> Iterator["av.VideoFrame"]:
        import av.error

        num_decoded = 0
        with open_video(self.data) as container:
            stream = main_stream(container)
            stream.thread_type = "AUTO"
            held = (packet for packet in container.demux(stream) if packet.size)
            whole = itertools.takewhile(lambda packet: not packet.is_corrupt, held)
            try:
                for packet in itertools.chain(whole, [None]):  # None: the decoder gives what it has kept back
                    for frame in stream.decode(packet):
                        if frame.is_corrupt:
                            raise NeucamError(self._damaged_message(num_decoded, "the decoder had to patch it up"))
                        num_decoded += 1
                        yield frame
            except av.error.FFmpegError as error:
                raise NeucamError(self._damaged_message(num_decoded, str(error.strerror))) from error

    def _damaged_message(self, frame: int, reason: str) -> str:
        return (
            f"{self.data}: frame {frame} of {self._index.num_frames} cannot be decoded ({reason}). Copy the file again"
            f" from the camera, or use the frames before with --frame-range 0 {frame}."
        )
