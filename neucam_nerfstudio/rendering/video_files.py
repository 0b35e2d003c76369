"""Writes pictures one after the other as an MP4, WebM or GIF file, or as a folder of PNG files."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.rendering.file_writing import unsupported, written_whole
from neucam_nerfstudio.rendering.icc_profiles import conversion_to_srgb
from neucam_nerfstudio.rendering.image_files import quantised, write_image
from neucam_nerfstudio.rendering.photograph_metadata import PhotographMetadata

VideoFormat = Literal["mp4", "webm", "gif", "frames"]
"""H.264, VP9, an animated GIF of 256 colours, or a folder of PNG files."""

Picture = Float[np.ndarray, "height width channels"]
"""Display values in [0, 1]; one channel (grey) or three (R, G, B)."""

Rgb8 = UInt8[np.ndarray, "height width 3"]

CODECS = {
    ".mp4": ("libx264", {"crf": "16", "preset": "medium"}),
    ".webm": ("libvpx-vp9", {"crf": "20", "b:v": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}),
}
"""Encoder and its options: losses that are hard to see, at a file size that can be sent."""
VIDEO_SUFFIXES = (*CODECS, ".gif")

BT709, SRGB_TRANSFER = 1, 13
"""Code points of ITU-T H.273."""

LARGEST_RATE_DENOMINATOR = 1001
"""Frame rates are fractions of whole numbers, such as 24000/1001."""

GIF_HUNDREDTHS_LEAST = 2
"""Viewers show shorter pictures of a GIF for a tenth of a second."""

FRAME_NAME = re.compile(r"\d{5}\.png")


def even_size(height: int, width: int) -> tuple[int, int]:
    """The size that is left when an odd last row and column are cut, which colour at half resolution cannot hold."""
    return height - height % 2, width - width % 2


def gif_frame_rate(frame_rate: float) -> float:
    """The rate nearest to `frame_rate` that a GIF can have: its pictures last whole hundredths of a second."""
    return 100 / max(GIF_HUNDREDTHS_LEAST, round(100 / frame_rate))


@contextmanager
def video_file(path: Path, frame_rate: float, icc_profile: bytes | None = None) -> Iterator[Callable[[Picture], None]]:
    """A video to add pictures to, one at a time; the file appears when all are added, or not at all.

    Args:
        path: `.mp4` (H.264) or `.webm` (VP9), both of even size, or `.gif` (repeats for ever).
        frame_rate: Pictures a second; a GIF takes the nearest that it can have.
        icc_profile: What the pictures' R, G, B mean as colours; the video shows those in sRGB, which None is taken for.

    Yields:
        A function that adds a picture.

    Raises:
        PictureFileError: If the suffix is another one.
    """
    suffix = path.suffix.lower()
    if suffix not in VIDEO_SUFFIXES:
        raise unsupported(path, "videos", VIDEO_SUFFIXES)
    to_srgb = None if icc_profile is None else conversion_to_srgb(icc_profile)
    with written_whole(path) as temporary:
        kind = _gif(temporary, frame_rate) if suffix == ".gif" else _stream(temporary, frame_rate, *CODECS[suffix])
        with kind as add:
            yield lambda picture: add(_rgb8(picture) if to_srgb is None else to_srgb(_rgb8(picture)))


@contextmanager
def frame_folder(folder: Path, icc_profile: bytes | None = None) -> Iterator[Callable[[Picture], None]]:
    """A folder to add pictures to, `00000.png`, `00001.png`, ...; they appear in it when all are added.

    Frames of an earlier, longer sequence are taken away, so that the folder holds one sequence; other files stay.

    Args:
        folder: Made if missing.
        icc_profile: What the pictures' R, G, B mean as colours, for the files to say.

    Yields:
        A function that adds a picture.
    """
    unfinished = folder.with_name(f".{os.getpid()}-{folder.name}")
    names: list[str] = []

    def add(picture: Picture) -> None:
        names.append(f"{len(names):05d}.png")
        write_image(unfinished / names[-1], picture, metadata=PhotographMetadata(icc_profile, None))

    try:
        yield add
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.iterdir():
            if FRAME_NAME.fullmatch(old.name) and old.name not in names:
                old.unlink()
        for name in names:
            os.replace(unfinished / name, folder / name)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


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
    from PIL import Image

    pictures: list[Image.Image] = []

    def add(picture: Rgb8) -> None:
        rgb = Image.fromarray(picture)
        pictures.append(rgb.quantize(palette=rgb.quantize(), dither=Image.Dither.FLOYDSTEINBERG))

    yield add
    milliseconds = round(1000 / gif_frame_rate(frame_rate))
    first, *others = pictures
    first.save(path, "GIF", save_all=True, append_images=others, duration=milliseconds, loop=0)


def _rgb8(picture: Picture) -> Rgb8:
    return np.ascontiguousarray(np.broadcast_to(quantised(picture, bits=8), (*picture.shape[:2], 3)))
