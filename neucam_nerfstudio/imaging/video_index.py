"""How many frames a video file has, how many of them are there and when they are shown: from its packets, without
decoding."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

from neucam_nerfstudio.errors import NeucamError

if TYPE_CHECKING:
    from av import Packet
    from av.container import InputContainer
    from av.video.stream import VideoStream


class VideoIndex(NamedTuple):
    """What a video file holds.

    Attributes:
        num_frames: Frames that are shown, as the file says, whether they can be read or not.
        num_intact: Frames from the first on that can be read; fewer if the file is cut off.
        frame_rate: Frames a second, on average; None if the file does not tell.
        moments: When each frame is shown, counted in frames of that rate from the first: frame i at i, exactly, where
            they are evenly spaced. None if the file does not tell.
    """

    num_frames: int
    num_intact: int
    frame_rate: float | None
    moments: tuple[float, ...] | None


class _Packet(NamedTuple):
    """When a compressed frame is shown and decoded, in ticks, and whether it is whole and shown at all."""

    shown_at: int
    decoded_at: int | None
    is_whole: bool
    is_shown: bool


def open_video(path: Path) -> InputContainer:
    """Opens a video file.

    Raises:
        NeucamError: It is no video, or cut off so that nothing can be read.
    """
    import av

    try:
        container = av.open(str(path), metadata_errors="replace")
    except av.FFmpegError as error:
        raise NeucamError(
            f"{path}: cannot be opened as a video ({error.strerror}): it is cut off, or something else. Copy it again"
            " from the camera, or convert it to MP4."
        ) from error
    if not container.streams.video:
        container.close()
        raise NeucamError(f"{path}: the file holds no pictures (sound only?). Give --data a video.")
    return container


def read_index(path: Path) -> VideoIndex:
    """Counts the frames of a video file by walking through its packets.

    Raises:
        NeucamError: It cannot be opened, or holds no frame.
    """
    with open_video(path) as container:
        stream = container.streams.video[0]
        packets = [
            _Packet(packet.pts or 0, packet.dts, not packet.is_corrupt, _is_shown(packet, stream.codec.name))
            for packet in container.demux(stream)
            if packet.size
        ]
        num_missing = _count_missing(path, container, stream, packets)
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
    """When frames are shown, counted in their mean interval.

    Frame i at i where all are where evenly spaced ones would be, but for the file's rounding to whole ticks.

    Args:
        shown_at: Of each frame, in ticks, sorted.

    Returns:
        None if two frames have the same time: that is how files look which do not tell times.
    """
    if any(later == earlier for earlier, later in zip(shown_at, shown_at[1:], strict=False)):
        return None
    last, span = len(shown_at) - 1, shown_at[-1] - shown_at[0]
    off_even = (abs((ticks - shown_at[0]) * last - index * span) for index, ticks in enumerate(shown_at))
    # A tick may be as long as a frame (AVI); one that is left out is at least a third of a frame off somewhere.
    if max(off_even) <= min(last, span / 4):
        return tuple(map(float, range(len(shown_at))))
    return tuple((ticks - shown_at[0]) * last / span for ticks in shown_at)


def _is_shown(packet: Packet, codec: str) -> bool:
    """Not what an edit list leaves out, and not VP8's pictures that only others are predicted from (RFC 6386, 9.1)."""
    return not packet.is_discard and (codec != "vp8" or bool(bytes(packet)[0] & 0b10000))


def _count_intact(packets: list[_Packet], num_missing: int) -> int:
    """Frames from the first on that surely have their place: no frame that is not there is shown before them."""
    broken = next((index for index, packet in enumerate(packets) if not packet.is_whole), None)
    if broken is None and num_missing == 0:
        return sum(packet.is_shown for packet in packets)
    whole = packets[:broken]
    if not whole:
        return 0
    # What is not there would be decoded, and so shown, later than the last packet that is.
    settled_until = whole[0].shown_at if whole[-1].decoded_at is None else whole[-1].decoded_at
    return sum(packet.is_shown and packet.shown_at <= settled_until for packet in whole)


def _count_missing(path: Path, container: InputContainer, stream: VideoStream, packets: list[_Packet]) -> int:
    """Frames that the file says it has, but of which it holds nothing; 1 if it only says that there is more."""
    import av

    if "matroska" in container.format.name:
        if _matroska_is_complete(path):
            return 0
        if not container.duration or not stream.average_rate:
            return 1
        return max(0, round(container.duration / av.time_base * float(stream.average_rate)) - len(packets))
    if container.format.name == "avi" and packets and packets[-1].decoded_at is not None:
        # AVI counts time in frames, and may repeat one without holding it again.
        return max(0, stream.frames - packets[-1].decoded_at - 1)
    return max(0, stream.frames - len(packets))


def _matroska_is_complete(path: Path) -> bool:
    """Whether a Matroska or WebM file is as long as the size of its segment says (RFC 8794, RFC 9559)."""
    ebml_header, segment = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"
    with path.open("rb") as file:
        if file.read(4) != ebml_header:
            return True
        file.seek(_element_size(file) or 0, 1)
        size = _element_size(file) if file.read(4) == segment else None
        return size is None or file.tell() + size <= path.stat().st_size


def _element_size(file: BinaryIO) -> int | None:
    """The size field of an EBML element; None if the size is said to be unknown, as in a live recording."""
    first = file.read(1)[0]
    num_bits = 7 * (9 - first.bit_length())
    value = int.from_bytes(bytes([first]) + file.read(num_bits // 7 - 1), "big") & ((1 << num_bits) - 1)
    return None if value == (1 << num_bits) - 1 else value
