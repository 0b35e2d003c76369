"""Video files: how many frames they hold and when each is shown, and the frames themselves, decoded when asked for."""

import itertools
from collections.abc import Iterator, Sequence
from io import BufferedIOBase
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.imaging.photographs import full_scale_table

if TYPE_CHECKING:
    import av
    import av.container

EXACT_CONVERSION = 0x4 | 0x2000 | 0x4000 | 0x40000
"""libswscale's SWS_BICUBIC, SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP and SWS_ACCURATE_RND. Without them it rounds down,
and takes every second pixel's colour from its neighbour."""
SWSCALE_16_BIT_WHITE = 65283
"""What libswscale makes of the white of video levels (luma 235 of 8 bits) in 16 bits, where 65535 is meant."""


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
        self.paths = frame_paths(path, self._index.num_frames)
        self.frame_rate = self._index.frame_rate
        self.notes: list[str] = []
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
                self._ahead, self._next = self._decoded(), 0
            for frame in self._ahead:
                self._next += 1
                if self._next > number:
                    return upright_rgb(frame)
            self._next = self._index.num_frames
            raise NeucamError(self._damaged_message(number, "the video ends before it"))

    def _decoded(self) -> Iterator["av.VideoFrame"]:
        import av.error

        num_decoded = 0
        with open_video(self.data) as container:
            stream = container.streams.video[0]
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


def frame_paths(file: Path, num_frames: int) -> tuple[Path, ...]:
    """A path for each frame of a file, such as `clip.mp4.frames/00012.png`: nerfstudio names renderings after it."""
    folder = file.with_name(f"{file.name}.frames")
    return tuple(folder / f"{index:05d}.png" for index in range(num_frames))


def upright_rgb(frame: "av.VideoFrame") -> Shaped[np.ndarray, "height width 3"]:
    """A decoded frame as RGB, turned as the file says: uint8, or uint16 if it has more than 8 bits."""
    from av.video.reformatter import ColorRange

    is_deep = max(component.bits for component in frame.format.components) > 8
    pixels: np.ndarray = frame.to_ndarray(format="rgb48le" if is_deep else "rgb24", interpolation=EXACT_CONVERSION)
    if is_deep and not frame.format.is_rgb and frame.color_range != ColorRange.JPEG:
        pixels = full_scale_table(SWSCALE_16_BIT_WHITE)[pixels]
    return np.rot90(pixels, round(frame.rotation / 90))


class VideoIndex(NamedTuple):
    """How many frames a video file has, and when they are shown.

    Attributes:
        num_frames: Number of frames that the file says it shows, whether they can be read or not.
        num_intact: Number of frames from the first on that can be read; smaller if the file is cut off.
        frame_rate: Frames a second, on average; None if the file does not say.
        moments: When each frame is shown, in mean frame intervals after the first: exactly i for frame i of an evenly
            spaced video. None if the file does not say.
    """

    num_frames: int
    num_intact: int
    frame_rate: float | None
    moments: tuple[float, ...] | None


class _Packet(NamedTuple):
    """A compressed frame: when it is shown and decoded, in ticks, whether it is whole, and shown at all."""

    shown_at: int
    decoded_at: int | None
    is_whole: bool
    is_shown: bool


def open_video(path: Path) -> "av.container.InputContainer":
    """Opens a video file; a NeucamError says that it is none, or that too much is cut off."""
    import av
    import av.error

    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        raise NeucamError(
            f"{path}: cannot be opened as a video ({error.strerror}): the file is cut off, or no video. Copy it again"
            " from the camera, or convert it to MP4."
        ) from error
    if not container.streams.video:
        container.close()
        raise NeucamError(f"{path}: the file holds no pictures (sound only?). Give --data a video.")
    return container


def read_index(path: Path) -> VideoIndex:
    """Counts the frames of a video file, at least one, from its packets, without decoding them."""
    with open_video(path) as container:
        stream = container.streams.video[0]
        packets = [
            _Packet(packet.pts or 0, packet.dts, not packet.is_corrupt, _is_shown(packet, stream.codec.name))
            for packet in container.demux(stream)
            if packet.size
        ]
        num_missing = _count_missing(path, container, packets)
        frame_rate = float(stream.average_rate) if stream.average_rate else None
        tick_s = float(stream.time_base)
    num_frames = sum(packet.is_shown for packet in packets) + num_missing
    num_intact = _count_intact(packets, num_missing)
    if num_frames == 0:
        raise NeucamError(f"{path}: the video has no frames. Give a video that shows something, or copy it again.")
    if num_intact == 0:
        raise NeucamError(
            f"{path}: the file is cut off: none of its {num_frames} frames can be read. Copy it again from the camera."
        )
    shown_at = sorted(packet.shown_at for packet in packets if packet.is_shown)[:num_intact]
    moments = count_in_frames(shown_at)
    if moments is not None:
        if moments != tuple(range(num_intact)):
            frame_rate = (num_intact - 1) / ((shown_at[-1] - shown_at[0]) * tick_s)
        moments += tuple(moments[-1] + 1 + index for index in range(num_frames - num_intact))
    return VideoIndex(num_frames, num_intact, frame_rate, moments)


def count_in_frames(shown_at: Sequence[int]) -> tuple[float, ...] | None:
    """Converts sorted times in ticks to mean frame intervals after the first frame.

    Times that differ from even spacing only by the file's rounding to whole ticks give exactly 0, 1, 2, ... None if two
    frames have the same time, which means that the file does not say the times.
    """
    if any(later == earlier for earlier, later in zip(shown_at, shown_at[1:], strict=False)):
        return None
    last, span = len(shown_at) - 1, shown_at[-1] - shown_at[0]
    off_even = (abs((ticks - shown_at[0]) * last - index * span) for index, ticks in enumerate(shown_at))
    # A tick may be as long as a frame (AVI); a missing frame moves another by at least a third of a frame.
    if max(off_even) <= min(last, span / 4):
        return tuple(map(float, range(len(shown_at))))
    return tuple((ticks - shown_at[0]) * last / span for ticks in shown_at)


def _is_shown(packet: "av.Packet", codec: str) -> bool:
    """False for frames that an edit list leaves out, and for VP8's hidden reference frames (RFC 6386, 9.1)."""
    return not packet.is_discard and (codec != "vp8" or bool(bytes(packet)[0] & 0b10000))


def _count_intact(packets: list[_Packet], num_missing: int) -> int:
    """Number of frames from the first on before which no missing frame is shown."""
    broken = next((index for index, packet in enumerate(packets) if not packet.is_whole), None)
    if broken is None and num_missing == 0:
        return sum(packet.is_shown for packet in packets)
    whole = packets[:broken]
    if not whole:
        return 0
    # A missing frame would be decoded, and therefore shown, later than the last packet in the file.
    settled_until = whole[0].shown_at if whole[-1].decoded_at is None else whole[-1].decoded_at
    return sum(packet.is_shown and packet.shown_at <= settled_until for packet in whole)


def _count_missing(path: Path, container: "av.container.InputContainer", packets: list[_Packet]) -> int:
    """Number of frames that the file announces and does not hold; 1 if it only announces more data."""
    import av

    stream = container.streams.video[0]
    if "matroska" in container.format.name:
        if _matroska_is_complete(path):
            return 0
        if not container.duration or not stream.average_rate:
            return 1
        return max(0, round(container.duration / av.time_base * float(stream.average_rate)) - len(packets))
    if container.format.name == "avi" and packets and packets[-1].decoded_at is not None:
        # AVI counts time in frames, and may repeat a frame without a packet of its own.
        return max(0, stream.frames - packets[-1].decoded_at - 1)
    return max(0, stream.frames - len(packets))


def _matroska_is_complete(path: Path) -> bool:
    """Whether a Matroska or WebM file is as long as its segment's size field says (RFC 8794, RFC 9559)."""
    ebml_header, segment = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
    with path.open("rb") as file:
        if file.read(4) != ebml_header:
            return True
        file.seek(_element_size(file) or 0, 1)
        size = _element_size(file) if file.read(4) == segment else None
        return size is None or file.tell() + size <= path.stat().st_size


def _element_size(file: BufferedIOBase) -> int | None:
    """Size field of an EBML element; None for the value that means unknown, as in a live recording."""
    first = file.read(1)[0]
    num_bits = 7 * (9 - first.bit_length())
    value = int.from_bytes(bytes([first]) + file.read(num_bits // 7 - 1), "big") & ((1 << num_bits) - 1)
    return None if value == (1 << num_bits) - 1 else value
