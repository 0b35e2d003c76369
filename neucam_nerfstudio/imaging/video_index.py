"""What a video file holds, found without decoding it: its pictures' stream, how many frames and when each is shown."""

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_codes import ColourCodes

if TYPE_CHECKING:
    import av
    import av.container


FRAMES_SUFFIX = ".frames"
"""Of the folder that frames of a file are named as if they lay in."""


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


class ToldOfVideo(NamedTuple):
    """What a video file says of its pictures; None where it does not.

    Attributes:
        codes: Their colours.
        make: Maker of the camera.
        model: Of the camera.
        taken_at: When recording began, as EXIF writes it: `2024:05:12 18:30:00`.
        utc_offset: Of that time, such as `+02:00`.
    """

    codes: ColourCodes
    make: str | None = None
    model: str | None = None
    taken_at: str | None = None
    utc_offset: str | None = None


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
    if not _moving(container):
        container.close()
        raise NeucamError(f"{path}: the file holds no pictures (sound only?). Give --data a video.")
    return container


def frame_paths(file: Path, num_frames: int) -> tuple[Path, ...]:
    """A path for each frame of a file, such as `clip.mp4.frames/00012.png`: nerfstudio names renderings after it."""
    folder = file.with_name(f"{file.name}{FRAMES_SUFFIX}")
    return tuple(folder / f"{index:05d}.png" for index in range(num_frames))


def video_of_frame(path: Path) -> Path | None:
    """The video that a path of `frame_paths` is a frame of; None where there is no such file, or an array's."""
    folder = path.parent
    if folder.suffix != FRAMES_SUFFIX or path.exists():
        return None
    file = folder.with_name(folder.name.removesuffix(FRAMES_SUFFIX))
    return file if file.is_file() and file.suffix.lower() != ".npy" else None


def told_of_video(path: Path) -> ToldOfVideo:
    """Colours, camera and time as the file says; nothing of one that cannot be opened."""
    return _told_of_video(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _told_of_video(path: Path, changed: int) -> ToldOfVideo:
    """The same, opened once for all its frames, until it is changed."""
    try:
        with open_video(path) as container:
            codes = codes_of_stream(main_stream(container))
            tags = {name.lower(): text for name, text in container.metadata.items()}
    except NeucamError:
        return ToldOfVideo(ColourCodes())
    said = tags.get("com.apple.quicktime.creationdate") or tags.get("creation_time") or ""
    taken_at, offset = None, None
    with suppress(ValueError):
        moment = datetime.fromisoformat(re.sub(r"([+-]\d\d)(\d\d)$", r"\1:\2", said.replace("Z", "+00:00")))
        taken_at, offset = f"{moment:%Y:%m:%d %H:%M:%S}", re.sub(r"(\d\d)$", r":\1", f"{moment:%z}") or None
    make, model = (
        tags.get(f"com.apple.quicktime.{name}") or tags.get(f"com.android.{ours}") or tags.get(name)
        for name, ours in (("make", "manufacturer"), ("model", "model"))
    )
    return ToldOfVideo(codes, make, model, taken_at, offset)


def codes_of_stream(stream: "av.VideoStream") -> ColourCodes:
    """What a stream says of its colours."""
    told = stream.codec_context
    return ColourCodes(int(told.color_primaries), int(told.color_trc))


def main_stream(container: "av.container.InputContainer") -> "av.VideoStream":
    """The stream of moving pictures with the most pixels; of several as large, the one that the file plays first."""
    from av.stream import Disposition

    def rank(stream: "av.VideoStream") -> tuple[int, bool, int]:
        return stream.width * stream.height, bool(stream.disposition & Disposition.default), -stream.index

    return max(_moving(container), key=rank)


def other_streams_note(container: "av.container.InputContainer", name: str) -> str | None:
    """Which of several streams of pictures is used, in a sentence; None where there is one."""
    streams, chosen = _moving(container), main_stream(container)
    if len(streams) < 2:
        return None
    sizes = ", ".join(f"{stream.width}x{stream.height}" for stream in streams)
    return (
        f"{name} holds {len(streams)} videos ({sizes}): the {'largest' if _is_larger(chosen, streams) else 'first'} is"
        f" used, stream {chosen.index}."
    )


def pixel_shape_note(stream: "av.VideoStream", name: str) -> str | None:
    """That pictures are to be shown wider or narrower than their pixels say, in a sentence; None where they are not."""
    shape = stream.sample_aspect_ratio
    if not shape or shape == 1:
        return None
    return (
        f"{name}: its pixels are not square, {shape.numerator}:{shape.denominator} wide to high. Pictures keep them:"
        " programs that do not know show everything too narrow or too wide."
    )


def _is_larger(chosen: "av.VideoStream", streams: Sequence["av.VideoStream"]) -> bool:
    sizes = [stream.width * stream.height for stream in streams]
    return sizes.count(chosen.width * chosen.height) == 1


def _moving(container: "av.container.InputContainer") -> list["av.VideoStream"]:
    """The streams of pictures, without the covers and thumbnails that lie in a file."""
    from av.stream import Disposition

    still = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
    return [stream for stream in container.streams.video if not stream.disposition & still]


def read_index(path: Path) -> VideoIndex:
    """Counts the frames of a video file, at least one, from its packets, without decoding them."""
    with open_video(path) as container:
        stream = main_stream(container)
        packets = [
            _Packet(packet.pts or 0, packet.dts, not packet.is_corrupt, _is_shown(packet, stream.codec.name))
            for packet in container.demux(stream)
            if packet.size
        ]
        num_missing = _count_missing(path, container, packets)
        frame_rate = float(stream.average_rate) if stream.average_rate else None
        tick_s = float(stream.time_base or 1)
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


def decoded_index(path: Path) -> VideoIndex:
    """The same by decoding all frames, for videos with packets of half a frame: a field of alternate rows."""
    import av.error

    shown_at: list[int] = []
    with open_video(path) as container:
        stream = main_stream(container)
        stream.thread_type = "AUTO"
        with suppress(av.error.FFmpegError):  # reading frames reports it
            for frame in container.decode(stream):
                shown_at.append(frame.pts or 0)
        tick_s = float(stream.time_base or 1)
    if not shown_at:
        raise NeucamError(f"{path}: none of its frames can be read. Copy it again from the camera.")
    shown_at.sort()
    span_s = (shown_at[-1] - shown_at[0]) * tick_s  # the file's own rate may be that of fields
    frame_rate = (len(shown_at) - 1) / span_s if span_s > 0 else None
    return VideoIndex(len(shown_at), len(shown_at), frame_rate, count_in_frames(shown_at))


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

    stream = main_stream(container)
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
