"""What tests of several rooms share: a small real capture, photographs and videos that tests write themselves, and
nerfstudio's global state cleared."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings
from jaxtyping import install_import_hook

from neucam_nerfstudio.capture.scan import open_capture

if TYPE_CHECKING:
    from neucam_nerfstudio.capture.manifest import Capture

Writer = Callable[..., Path]

CHECKED_ROOMS = [
    f"neucam_nerfstudio.{room}"
    for room in (
        *("errors", "photometry", "imaging", "capture", "classical", "grids", "scene", "camera", "parts", "rendering"),
        *("models", "published", "datasets", "evaluation", "scripts", "training", "learning", "api"),
        "fused_photographs",
        "fused_files",
    )
]
"""Parts of the package whose type and shape annotations every test checks, call by call. The list grows: a room joins
when its tests pass. A name that is imported for type checking only needs its module: `"av.VideoFrame"`."""

install_import_hook(CHECKED_ROOMS, "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))")

# A busy machine is no failure: examples may take as long as they take.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
DESK = REPOSITORY / "dataset" / "MFME" / "Desk"
TINY_REDUCTION = 5
"""Desk's 450 x 300 pixels become 90 x 60."""
CROP_ROWS, CROP_COLUMNS = slice(100, 220), slice(120, 300)
"""A part of Desk with depth, texture and highlights."""


@pytest.fixture(scope="session")
def tiny_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Desk's nine photographs, exposures and ground truth at a fifth of their size; read only."""
    import OpenEXR
    from PIL import Image

    folder = tmp_path_factory.mktemp("captures") / "TinyDesk"
    (folder / "gt").mkdir(parents=True)
    shutil.copy(DESK / "exposure.txt", folder)
    for photograph in DESK.glob("F*E*.png"):
        Image.open(photograph).reduce(TINY_REDUCTION).save(folder / photograph.name)

    truth = "gt/all_in_focus_hdr.exr"
    radiance = OpenEXR.File(str(DESK / truth)).channels()["RGB"].pixels.astype(np.float32)
    height, width = (size // TINY_REDUCTION for size in radiance.shape[:2])
    reduced = radiance.reshape(height, TINY_REDUCTION, width, TINY_REDUCTION, 3).mean((1, 3))
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": reduced}).write(str(folder / truth))
    return folder


@pytest.fixture(scope="session")
def desk_crop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part of Desk at its full resolution, with ground truth; read only."""
    import OpenEXR
    from PIL import Image

    from neucam_nerfstudio.imaging.radiance_files import read_radiance

    folder = tmp_path_factory.mktemp("captures") / "DeskCrop"
    (folder / "gt").mkdir(parents=True)
    shutil.copy(DESK / "exposure.txt", folder)
    for photograph in DESK.glob("F*E*.png"):
        Image.fromarray(np.asarray(Image.open(photograph))[CROP_ROWS, CROP_COLUMNS]).save(folder / photograph.name)
    truth = np.ascontiguousarray(read_radiance(DESK / "gt/all_in_focus_hdr.exr")[CROP_ROWS, CROP_COLUMNS])
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": truth}).write(str(folder / "gt/all_in_focus_hdr.exr"))
    return folder


@pytest.fixture(scope="session")
def desk(tiny_desk: Path) -> Capture:
    """The same, loaded: three focus settings at three exposures, 90 x 60; read only."""

    return open_capture(tiny_desk)[0]


@pytest.fixture
def desk_with_frames(desk: Capture) -> Callable[[int], Capture]:
    """The small desk's first frames as moments of a scene that moves, each with settings of its own."""

    from dataclasses import replace

    def moving(num_frames: int) -> Capture:
        frames = [replace(desk.frames[i], focus_index=i, exposure_index=i) for i in range(num_frames)]
        stops = [desk.exposure_stops(i) for i in range(num_frames)]
        return replace(
            desk,
            frames=tuple(frames),
            train_indices=tuple(range(num_frames)),
            eval_indices=tuple(range(num_frames)),
            exposures=replace(desk.exposures, stops=tuple(stops)),
            focuses=replace(desk.focuses, positions=(0.0,) * num_frames),
            reference_index=(num_frames - 1) // 2,
            moves=True,
            times=tuple(i / (num_frames - 1) for i in range(num_frames)),
        )

    return moving


@pytest.fixture
def tiny_capture(tiny_desk: Path, tmp_path: Path) -> Path:
    """A small capture of the test's own: 3 focus x 3 exposure settings, `exposure.txt`, `gt/`; free to be spoilt."""
    return Path(shutil.copytree(tiny_desk, tmp_path / "TinyDesk"))


@pytest.fixture(autouse=True)
def no_event_writers_of_earlier_runs():
    """Empties nerfstudio's list of TensorBoard and other writers, which grows with every run in a process."""
    yield
    if writer := sys.modules.get("nerfstudio.utils.writer"):
        writer.EVENT_WRITERS.clear()


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
    """Writes an RGGB Bayer mosaic of 14 bits as a DNG: the smallest RAW file that LibRaw develops.

    A picture, `[height, width, 3]`, becomes a linear DNG of its own number type. `neutral` are the shares of R, G and B
    that a grey thing gives, of which the white balance is the inverse; `black` is the value of no light; with `time_s`
    EXIF tells the exposure time, f/8, ISO 100, 50 mm, and 4000 pixels a centimetre.
    """
    import struct

    import tifffile

    from neucam_nerfstudio.imaging.exif_block import EXIF_FOLDER, Exif, Tag
    from neucam_nerfstudio.imaging.tiff_writing import add_tags

    def settings(time_s: Fraction) -> dict[int, Tag]:
        ratios_of = {33434: time_s, 33437: Fraction(8), 37386: Fraction(50), 41486: Fraction(4000)}
        told = {number: Tag(5, struct.pack("<2I", *each.as_integer_ratio())) for number, each in ratios_of.items()}
        return told | {34855: Tag(3, struct.pack("<H", 100)), 41488: Tag(3, struct.pack("<H", 3))}

    def ratios(values: list[float]) -> list[int]:
        return [part for value in values for part in (round(value * 1000), 1000)]

    def write(
        name: str,
        mosaic: np.ndarray,
        orientation: int = 1,
        neutral: tuple[float, float, float] | None = (1, 1, 1),
        black: int = 0,
        time_s: Fraction | None = None,
    ) -> Path:
        is_mosaic, is_float = mosaic.ndim == 2, mosaic.dtype.kind == "f"
        pattern = [
            (33421, "H", 2, (2, 2), True),  # CFARepeatPatternDim
            (33422, "B", 4, (0, 1, 1, 2), True),  # CFAPattern: RGGB
        ]
        samples = 1 if is_mosaic else 3
        white = 16383 if is_mosaic else 1 if is_float else 65535
        tags = [
            (50706, "B", 4, (1, 4, 0, 0), True),  # DNGVersion
            *(pattern if is_mosaic else []),
            (50708, "s", 0, "Test Camera", True),  # UniqueCameraModel
            (50721, "2i", 9, ratios([1, 0, 0, 0, 1, 0, 0, 0, 1]), True),  # ColorMatrix1
            *([(50728, "2I", 3, ratios(neutral), True)] if neutral else []),  # AsShotNeutral
            (50778, "H", 1, 21, True),  # CalibrationIlluminant1: D65
            (50714, "H", samples, (black,) * samples, True),  # BlackLevel
            (50717, "I", samples, (white,) * samples, True),  # WhiteLevel
            (274, "H", 1, orientation, True),
        ]
        path = tmp_path / name
        stored = mosaic if is_float else mosaic.astype(np.uint16)
        photometric = 32803 if is_mosaic else 34892  # CFA, LinearRaw
        tifffile.imwrite(path, stored, photometric=photometric, extratags=tags, metadata=None)
        if time_s is not None:
            add_tags(path, Exif("<", {}, {EXIF_FOLDER: settings(time_s)}))
        return path

    return write


@pytest.fixture
def write_raf(tmp_path: Path) -> Writer:
    """Writes a Bayer mosaic of 12 bits as Fujifilm's cameras do, with EXIF in its preview, where LibRaw finds it.

    Shutter time 1/8 s, f/5.6, ISO 200.
    """
    import io
    import struct

    from PIL import Image
    from PIL.TiffImagePlugin import IFDRational

    def preview() -> bytes:
        exif = Image.Exif()
        exif[271], exif[272] = "FUJIFILM", "X-Test"
        exif.get_ifd(0x8769).update({0x829A: IFDRational(1, 8), 0x829D: IFDRational(28, 5), 0x8827: 200})
        file = io.BytesIO()
        Image.new("RGB", (16, 16)).save(file, "jpeg", exif=exif)
        return b"\xff\xd8" + file.getvalue()[file.getvalue().index(b"\xff\xe1") :]

    def write(name: str, mosaic: np.ndarray) -> Path:
        size = struct.pack(">2H", *mosaic.shape)
        fields = {
            0x100: size,
            0x121: size,
            0x2FF0: struct.pack(">4H", 1024, 2048, 1024, 1536),
        }  # white balance: G R G B
        fields_part = struct.pack(">I", len(fields)) + b"".join(
            struct.pack(">2H", tag, len(value)) + value for tag, value in fields.items()
        )
        parts = [preview(), fields_part, mosaic.astype(">u2").tobytes() + bytes(64)]
        header = bytearray(b"FUJIFILMCCD-RAW 0201FF383501X-Test".ljust(60, b"\0") + b"0100".ljust(88, b"\0"))
        offset = len(header)
        for place, part in zip((84, 92, 100), parts, strict=True):
            struct.pack_into(">2I", header, place, offset, len(part))
            offset += len(part)
        (tmp_path / name).write_bytes(bytes(header) + b"".join(parts))
        return tmp_path / name

    return write


@pytest.fixture
def write_video(tmp_path: Path) -> Writer:
    """Writes a video: `write_video("clip.webm", codec="libvpx-vp9", num_frames=12, fps=30)`.

    The square at the upper left of frame i has the value 20 + 15 i, the rest of the picture is a grey ramp. It is shown
    at `shown_at[i]` / fps seconds, by default at i / fps.
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
        shown_at: Sequence[int] | None = None,
    ) -> Path:
        with av.open(str(tmp_path / name), "w", options=muxer or {}) as container:
            stream = container.add_stream(codec, rate=fps, options=options or {})
            (stream.height, stream.width), stream.pix_fmt = size, pixel_format
            container.start_encoding()
            for index in range(num_frames):
                frame = picture(index, *size)
                if shown_at is not None:
                    frame.pts, frame.time_base = shown_at[index], Fraction(1, fps)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return tmp_path / name

    return write
