"""Photographs and videos that tests write themselves."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

Writer = Callable[..., Path]


@pytest.fixture
def write_grey(tmp_path: Path) -> Writer:
    """Writes `name` as an evenly grey picture: `write_grey("a.png", value=40, size=(6, 8))`."""
    from PIL import Image

    def write(name: str, value: int = 100, size: tuple[int, int] = (6, 8)) -> Path:
        Image.fromarray(np.full((*size, 3), value, np.uint8)).save(tmp_path / name)
        return tmp_path / name

    return write


@pytest.fixture
def write_jpeg_with_exif(tmp_path: Path) -> Writer:
    """Writes a JPEG as a camera does: `write_jpeg_with_exif("a.jpg", 100, time_s="1/8", f_number=8, iso=100)`.

    Instead of an even grey it can be a picture, `[height, width, 3]` uint8.
    """
    from PIL import Image
    from PIL.TiffImagePlugin import IFDRational

    exposure_ifd, tag_of = 0x8769, {"time_s": 0x829A, "f_number": 0x829D, "iso": 0x8827, "distance_m": 0x9206}

    def write(name: str, value: int | np.ndarray = 100, **settings: object) -> Path:
        exif = Image.Exif()
        for setting, amount in settings.items():
            exact = Fraction(str(amount))
            rational = IFDRational(exact.numerator, exact.denominator)
            exif.get_ifd(exposure_ifd)[tag_of[setting]] = int(exact) if setting == "iso" else rational
        pixels = value if isinstance(value, np.ndarray) else np.full((6, 8, 3), value, np.uint8)
        Image.fromarray(pixels).save(tmp_path / name, exif=exif, quality=95)
        return tmp_path / name

    return write


@pytest.fixture
def write_dng(tmp_path: Path) -> Writer:
    """Writes an RGGB Bayer mosaic of 14 bits as a DNG: the smallest RAW file that LibRaw develops."""
    import tifffile

    def ratios(values: list[float]) -> list[int]:
        return [part for value in values for part in (round(value * 1000), 1000)]

    def write(name: str, mosaic: np.ndarray, orientation: int = 1) -> Path:
        tags = [
            (50706, "B", 4, (1, 4, 0, 0), True),  # DNGVersion
            (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
            (33422, "B", 4, (0, 1, 1, 2), True),  # CFAPattern: RGGB
            (50708, "s", 0, "Test Camera", True),  # UniqueCameraModel
            (50721, "2i", 9, ratios([1, 0, 0, 0, 1, 0, 0, 0, 1]), True),  # ColorMatrix1
            (50728, "2I", 3, ratios([1, 1, 1]), True),  # AsShotNeutral
            (50778, "H", 1, 21, True),  # CalibrationIlluminant1: D65
            (50714, "H", 1, 0, True),  # BlackLevel
            (50717, "I", 1, 16383, True),  # WhiteLevel
            (274, "H", 1, orientation, True),
        ]
        path = tmp_path / name
        tifffile.imwrite(path, mosaic.astype(np.uint16), photometric=32803, extratags=tags, metadata=None)
        return path

    return write


@pytest.fixture
def write_video(tmp_path: Path) -> Writer:
    """Writes a video: `write_video("clip.webm", codec="libvpx-vp9", num_frames=12, fps=30)`.

    The square at the upper left of frame i has the value 20 + 15 i, the rest of the picture is a grey ramp.
    """
    import av

    def picture(index: int, height: int, width: int) -> av.VideoFrame:
        pixels = np.tile(np.linspace(60, 200, width).astype(np.uint8)[None, :, None], (height, 1, 3))
        pixels[: height // 3, : width // 4] = (20 + 15 * index) % 256
        return av.VideoFrame.from_ndarray(pixels, format="rgb24")

    def write(
        name: str,
        codec: str = "libx264",
        pixel_format: str = "yuv420p",
        num_frames: int = 12,
        size: tuple[int, int] = (48, 64),
        fps: int = 30,
        options: dict[str, str] | None = None,
        muxer: dict[str, str] | None = None,
    ) -> Path:
        with av.open(str(tmp_path / name), "w", options=muxer or {}) as container:
            stream = container.add_stream(codec, rate=fps, options=options or {})
            (stream.height, stream.width), stream.pix_fmt = size, pixel_format
            container.start_encoding()
            for index in range(num_frames):
                container.mux(stream.encode(picture(index, *size)))
            container.mux(stream.encode(None))
        return tmp_path / name

    return write
