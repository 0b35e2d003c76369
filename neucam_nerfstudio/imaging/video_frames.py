"""Decoded frames of videos and AVIF files: as RGB, and without the combs of interlaced recording."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Int16, Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_codes import NO_CODES, ColourCodes
from neucam_nerfstudio.photometry import full_scale_table

if TYPE_CHECKING:
    import av
    import av.container
    import av.filter

EXACT_CONVERSION = 0x4 | 0x2000 | 0x4000 | 0x40000
"""libswscale's SWS_BICUBIC, SWS_FULL_CHR_H_INT, SWS_FULL_CHR_H_INP and SWS_ACCURATE_RND. Without them it rounds down,
and takes every second pixel's colour from its neighbour."""
SWSCALE_16_BIT_WHITE = 65283
"""What libswscale makes of the white of video levels (luma 235 of 8 bits) in 16 bits, where 65535 is meant."""


INTERLACED_ORDERS = (2, 3, 4, 5)
"""FFmpeg's numbers for the order of fields that a file tells; 0 is untold, 1 is progressive."""
PROBED_FRAMES = 24
"""Frames in which combs are looked for: a second of film, a tenth of a second's work at 1920x1080."""
MOST_ROWS = 1152
"""Rows of the tallest pictures that were ever recorded in fields, with those that coding adds."""
SHARE_OF_ALL, LEAST_SHARE = 0.8, 0.2
"""Share of combed frames, among those in which things move, from which all frames are recorded in fields, and from
which those are that show combs (film on television has 2 of 5)."""
COMB_STEP, LEAST_COMB_SHARE = 8, 5e-4
"""Of 255: the least step between rows of a comb; and share of a frame's pixels that combs cover at least. The combs of
a walk's video cover 0.01 to 0.05."""
UNTOLD_TIME_BASE = Fraction(1, 1000)
"""Seconds a tick of frames whose file tells none: filters want one, and no filter used here looks at times."""
LEAST_COMBED = 3
"""Fewer combed frames may be stripes that move."""


class Interlacing(NamedTuple):
    """How the frames of a video hold two moments each, the rows of one between those of the other.

    Attributes:
        which: Whether all frames do, or those in which it shows.
        first: The field that was taken first: of the top row (tff), or the second row (bff); auto: as each frame says.
        note: What was found and is done, in a sentence.
    """

    which: Literal["all", "combed"]
    first: Literal["tff", "bff", "auto"]
    note: str


class Probe(NamedTuple):
    """What the first frames of a video tell.

    Attributes:
        interlacing: None where frames are whole.
        note: What to say where a file says otherwise than its pictures show.
        fields_are_packets: Whether a frame comes in two packets, one of each field.
    """

    interlacing: Interlacing | None = None
    note: str | None = None
    fields_are_packets: bool = False


def has_deep_colour(frame: "av.VideoFrame") -> bool:
    """Whether samples of a frame have more than 8 bits."""
    return max(component.bits for component in frame.format.components) > 8


def rgb_of_frame(frame: "av.VideoFrame", deep: bool | None = None) -> Shaped[np.ndarray, "height width 3"]:
    """A decoded frame as RGB: uint8, or uint16 if it has more than 8 bits, or `deep` says so."""
    from av.video.reformatter import ColorRange

    deep = has_deep_colour(frame) if deep is None else deep
    pixels: np.ndarray = frame.to_ndarray(format="rgb48le" if deep else "rgb24", interpolation=EXACT_CONVERSION)
    if deep and not frame.format.is_rgb and frame.color_range != ColorRange.JPEG:
        pixels = full_scale_table(SWSCALE_16_BIT_WHITE)[pixels]
    return pixels


def upright_rgb(frame: "av.VideoFrame", codes: ColourCodes = NO_CODES) -> Shaped[np.ndarray, "height width 3"]:
    """A decoded frame as RGB, turned as the file says: uint8, or uint16 if it has more than 8 bits.

    HLG and PQ signals are brought to the curve of sRGB, in uint16.
    """
    pixels = rgb_of_frame(frame, deep=True if codes.is_bright else None)
    return np.rot90(codes.on_srgb_curve(pixels), round(frame.rotation / 90))


def probe(container: "av.container.InputContainer", stream: "av.VideoStream", name: str) -> Probe:
    """Looks for combs where things move, in the first frames or those in the middle; and at what the file says.

    Args:
        container: The file, at its beginning; it is read on.
        stream: Of its pictures.
        name: Of the file, for sentences.
    """
    import av.error

    told = stream.codec_context.field_order in INTERLACED_ORDERS
    if stream.height > MOST_ROWS and not told:
        return Probe()
    frames, num_packets = _next_frames(container, stream)
    if not frames:
        return Probe()
    in_fields = told or any(frame.interlaced_frame for frame in frames)
    packets_are_fields = in_fields and num_packets >= 1.5 * len(frames)
    looks = _look_at(frames)
    if looks.combed + looks.whole == 0 and len(frames) >= PROBED_FRAMES and container.duration:  # nothing moves yet
        with suppress(av.error.FFmpegError):
            container.seek((container.start_time or 0) + container.duration // 2)
            looks = _look_at(_next_frames(container, stream)[0])
    share = looks.combed / max(looks.combed + looks.whole, 1)
    if (looks.combed >= LEAST_COMBED and share >= LEAST_SHARE) or (in_fields and looks.combed):
        which = "all" if share >= SHARE_OF_ALL else "combed"
        what = "all its frames hold" if which == "all" else "some of its frames hold"
        note = (
            f"{name} is interlaced: {what} two moments, in alternate rows. They are deinterlaced: the first moment is"
            " kept, and its missing rows are filled in."
        )
        return Probe(Interlacing(which, looks.first, note), None, packets_are_fields)
    if not in_fields:
        return Probe()
    if looks.whole:
        note = f"{name} says that it is interlaced, but its frames show no combs: they are used as they are."
        return Probe(None, note, packets_are_fields)
    note = f"{name} says that it is interlaced, and too little moves to see it: its frames are deinterlaced."
    return Probe(Interlacing("all", "auto", note), None, packets_are_fields)


class _Looks(NamedTuple):
    """How many frames show combs, and how many are whole though things move; and which field seems to be the first."""

    combed: int
    whole: int
    first: Literal["tff", "bff"]


def _look_at(frames: list["av.VideoFrame"]) -> _Looks:
    looks = [frame.metadata.get("lavfi.idet.multiple.current_frame") for frame in filtered(frames, "idet")]
    # idet compares neighbouring frames, which flicker misleads; combs alone may be a window's blinds.
    shows = [look in ("tff", "bff") and has_combs(each) for look, each in zip(looks, frames, strict=False)]
    first = "tff" if looks.count("tff") >= looks.count("bff") else "bff"
    return _Looks(sum(shows), looks.count("progressive"), first)


def has_combs(frame: "av.VideoFrame") -> bool:
    """Whether brightness goes up and down from row to row, and does not so within either field."""
    luma: np.ndarray = frame.to_ndarray(format="gray")[:, ::2].astype(np.int16)
    between_fields = _alternating_share(luma)
    within = (_alternating_share(luma[::2]) + _alternating_share(luma[1::2])) / 2
    return between_fields > max(LEAST_COMB_SHARE, 2 * within)


def _alternating_share(luma: Int16[np.ndarray, "rows columns"]) -> float:
    """Share of places where brightness goes up, down and up from row to row, or down, up and down."""
    step = np.diff(luma, axis=0)
    up, down = step > COMB_STEP, step < -COMB_STEP
    alternating = (up[:-2] & down[1:-1] & up[2:]) | (down[:-2] & up[1:-1] & down[2:])
    return float(alternating.mean()) if alternating.size else 0.0


def _next_frames(
    container: "av.container.InputContainer", stream: "av.VideoStream"
) -> tuple[list["av.VideoFrame"], int]:
    """The next frames as far as they are whole, and of how many packets they are made."""
    import av.error

    frames, num_packets = [], 0
    with suppress(av.error.FFmpegError):  # reading frames reports it
        for packet in container.demux(stream):
            if packet.is_corrupt:
                break
            num_packets += 1 if packet.size else 0
            frames += stream.decode(packet)
            if len(frames) >= PROBED_FRAMES:
                break
    return frames, num_packets


def deinterlaced(frames: Iterable["av.VideoFrame"], interlacing: Interlacing) -> Iterator["av.VideoFrame"]:
    """Each frame's first moment: rows between its own are filled in from neighbouring rows and frames (BWDIF)."""
    if interlacing.which == "all":
        yield from filtered(frames, f"bwdif=mode=send_frame:parity={interlacing.first}:deint=all")
    else:  # idet marks the frames that show combs
        yield from filtered(frames, "idet", "bwdif=mode=send_frame:parity=auto:deint=interlaced")


def filtered(frames: Iterable["av.VideoFrame"], *filters: str) -> Iterator["av.VideoFrame"]:
    """Frames after filters of FFmpeg that give one for each, written as FFmpeg has them: `name=option=value:...`.

    Where reading frames fails with a `NeucamError`, those before come out first.
    """
    import av.error

    graph, failure = None, None

    def ready() -> Iterator["av.VideoFrame"]:
        while graph is not None:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield frame  # type: ignore[misc]  # of a graph of pictures

    source = iter(frames)
    while True:
        try:
            frame = next(source)
        except StopIteration:
            break
        except NeucamError as error:
            failure = error
            break
        if graph is None:
            graph = _graph(frame, filters)
        graph.push(frame)
        yield from ready()
    if graph is not None:
        graph.push(None)
        yield from ready()
    if failure is not None:
        raise failure


def _graph(frame: "av.VideoFrame", filters: Iterable[str]) -> "av.filter.Graph":
    import av.filter

    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base or UNTOLD_TIME_BASE
        )
    ]
    nodes += [graph.add(name, options) for name, _, options in (each.partition("=") for each in filters)]
    nodes.append(graph.add("buffersink"))
    for before, after in zip(nodes, nodes[1:], strict=False):
        before.link_to(after)
    graph.configure()
    return graph
