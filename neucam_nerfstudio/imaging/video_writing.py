"""Videos written picture by picture: MP4, WebM and GIF files, and folders of PNG files."""

import itertools
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import conversion_to_srgb
from neucam_nerfstudio.imaging.file_writing import unfinished_name, unsupported, written_whole
from neucam_nerfstudio.imaging.image_files import quantised, write_image
from neucam_nerfstudio.imaging.large_pictures import even_size
from neucam_nerfstudio.imaging.photograph_metadata import NOTHING_KEPT, PhotographMetadata

if TYPE_CHECKING:
    import av

VideoFormat = Literal["mp4", "webm", "gif", "frames"]
"""H.264, VP9, an animated GIF of 256 colours, or a folder of PNG files."""

Picture = Float[np.ndarray, "height width channels"]
"""Display values in [0, 1]; one channel (grey) or three (R, G, B)."""

Rgb8 = UInt8[np.ndarray, "height width 3"]

CODECS = {
    ".mp4": ("libx264", {"crf": "16", "preset": "medium"}),
    ".webm": ("libvpx-vp9", {"crf": "20", "b:v": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
}
"""Encoder and options by suffix: losses are hard to see, and files small enough to send."""
VIDEO_SUFFIXES = (*CODECS, ".gif")

BT709, SRGB_TRANSFER = 1, 13
"""Code points of ITU-T H.273."""
LARGEST_RATE_DENOMINATOR = 1001
"""Frame rates are fractions of whole numbers, such as 24000/1001."""
GIF_HUNDREDTHS_LEAST = 2
"""Least time of a GIF's picture: viewers show shorter ones for a tenth of a second."""

FRAME_NAME = re.compile(r"\d{5}\.png")


def gif_frame_rate(frame_rate: float) -> float:
    """The nearest frame rate of a GIF, whose pictures last whole hundredths of a second."""
    return 100 / max(GIF_HUNDREDTHS_LEAST, round(100 / frame_rate))


@contextmanager
def video_file(path: Path, frame_rate: float, icc_profile: bytes | None = None) -> Iterator[Callable[[Picture], None]]:
    """A video, and the function that adds a picture to it; the file appears when all are added, or not at all.

    Args:
        path: `.mp4` (H.264) or `.webm` (VP9), both of even size, or `.gif` (repeats for ever).
        frame_rate: Pictures a second; a GIF takes the nearest rate that it can have.
        icc_profile: Colours of the pictures' R, G, B, which are converted to sRGB; None is sRGB.

    Raises:
        NeucamError: The suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise unsupported(path, "videos", VIDEO_SUFFIXES)
    to_srgb = conversion_to_srgb(icc_profile) if icc_profile is not None else np.asarray
    with written_whole(path) as temporary:
        kind = _gif(temporary, frame_rate) if suffix == ".gif" else _stream(temporary, frame_rate, *CODECS[suffix])

        def add_rgb(picture: Picture) -> None:
            rgb = np.broadcast_to(quantised(picture, bits=8), (*picture.shape[:2], 3))
            add(to_srgb(np.ascontiguousarray(rgb)))

        with kind as add:
            yield add_rgb


@contextmanager
def frame_folder(folder: Path, metadata: PhotographMetadata = NOTHING_KEPT) -> Iterator[Callable[[Picture], None]]:
    """A folder, and the function that adds `00000.png`, `00001.png`, ... to it; all appear when the last is added.

    Frames of an earlier sequence are removed, so that the folder holds one sequence; other files stay. The files hold
    the colour profile and EXIF.

    Raises:
        NeucamError: There is a file of that name.
    """
    folder = folder.resolve()  # a link stays one
    if folder.exists() and not folder.is_dir():
        raise NeucamError(f"{folder}: is a file; expected a folder for the frames. Move it away or give another name.")
    unfinished = unfinished_name(folder)
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    count = 0

    def add(picture: Picture) -> None:
        nonlocal count
        write_image(unfinished / f"{count:05d}.png", picture, metadata=metadata)
        count += 1

    try:
        yield add
        _put_in_place(unfinished, folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _put_in_place(unfinished: Path, folder: Path) -> None:
    """Renames `unfinished` to `folder`, and moves other files than frames over from an older folder of that name.

    The older folder is set aside meanwhile, and comes back if the new one cannot take its place.
    """
    aside = folder.with_name(f"{unfinished.name}-before")
    try:
        if folder.exists():
            shutil.copymode(folder, unfinished)
            os.replace(folder, aside)
        os.replace(unfinished, folder)
    finally:
        if aside.exists() and not folder.exists():
            os.replace(aside, folder)
        if aside.exists():
            for other in aside.iterdir():
                if not FRAME_NAME.fullmatch(other.name):
                    os.replace(other, folder / other.name)
            shutil.rmtree(aside)


@contextmanager
def _stream(path: Path, frame_rate: float, codec: str, options: dict[str, str]) -> Iterator[Callable[[Rgb8], None]]:
    import av
    from av.video.reformatter import ColorRange

    rate = Fraction(frame_rate).limit_denominator(LARGEST_RATE_DENOMINATOR)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, options=options)
        stream.pix_fmt = "yuv420p"
        encoder = stream.codec_context
        encoder.colorspace = encoder.color_primaries = BT709
        encoder.color_trc, encoder.color_range = SRGB_TRANSFER, ColorRange.MPEG

        def add(picture: Rgb8) -> None:
            height, width = even_size(*picture.shape[:2])
            if not encoder.is_open:
                stream.height, stream.width = height, width
            rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
            frame = rgb.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=ColorRange.MPEG)
            container.mux(stream.encode(frame))

        yield add
        container.mux(stream.encode(None))


@contextmanager
def _gif(path: Path, frame_rate: float) -> Iterator[Callable[[Rgb8], None]]:
    import av

    interval = Fraction(round(100 / gif_frame_rate(frame_rate)), 100)
    count = itertools.count()
    with av.open(str(path), "w", format="gif") as container:
        stream = container.add_stream("gif", rate=1 / interval)
        stream.pix_fmt = "pal8"

        def add(picture: Rgb8) -> None:
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = next(count), interval
            container.mux(stream.encode(_in_256_colours(frame)))

        yield add
        container.mux(stream.encode(None))


def _in_256_colours(frame: "av.VideoFrame") -> "av.VideoFrame":
    """A picture dithered to the 256 colours that suit it best."""
    from av.filter.graph import Graph

    graph = Graph()
    rgb = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    twice, palette = graph.add("split"), graph.add("palettegen", "stats_mode=single")
    dither, reduced = graph.add("paletteuse", "new=1:dither=floyd_steinberg"), graph.add("buffersink")
    rgb.link_to(twice)
    twice.link_to(palette, 0, 0)
    twice.link_to(dither, 1, 0)
    palette.link_to(dither, 0, 1)
    dither.link_to(reduced)
    graph.configure()
    graph.push(frame)
    graph.push(None)
    return graph.vpull()
