"""Pictures that bright displays show in high dynamic range: Ultra HDR JPEG, and PNG and AVIF with PQ values.

Ultra HDR is a JPEG that any display shows, with a gain map that gives bright displays the rest of the light.
"""

import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_codes import PQ_PEAK_NITS
from neucam_nerfstudio.imaging.colour_profiles import BT2020, REC709, ColourPrimaries
from neucam_nerfstudio.imaging.exif_block import Exif
from neucam_nerfstudio.imaging.exif_item import with_exif_item
from neucam_nerfstudio.imaging.file_writing import unsupported, written_whole
from neucam_nerfstudio.imaging.image_files import quantised, write_png
from neucam_nerfstudio.imaging.large_pictures import even_size, in_strips, strips_of_rows
from neucam_nerfstudio.imaging.photograph_metadata import sized
from neucam_nerfstudio.photometry import REC709_LUMINANCE, encode_srgb

if TYPE_CHECKING:
    import av

HDR_DISPLAY_SUFFIXES = (".jpg", ".png", ".avif")

BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, BT2020_MATRIX, FULL_RANGE = 9, 16, 0, 9, 1
"""Code points of ITU-T H.273, which PNG, AVIF and video streams share."""

AVIF_OPTIONS = {"crf": "8", "preset": "6", "svtav1-params": "avif=1:lp=1"}
"""Options of SVT-AV1: losses stay below what a display shows. With more threads than one (`lp`) it hangs on pictures of
fewer than 26 rows or columns, and more than 64 of the other."""

WHITE_NITS = 203.0
"""Luminance of a picture's diffuse white in cd/m2 (ITU-R BT.2408, section 2)."""
BRIGHTEST_LIGHT = PQ_PEAK_NITS / WHITE_NITS
"""Greatest light in a file for bright displays, in diffuse whites."""

LARGEST_CAPACITY = 2.0**4
"""Displays that go this much above diffuse white show the whole gain. Hardly any display goes further, and a larger
value would dim the picture on all others."""
LEAST_BOOST = 1.001
"""Gain maps must be able to brighten, even where nothing is brighter than white."""
WHITE_PERCENTILE = 99.9
"""Percentage of a picture's luminances below the white of ordinary displays; the viewer's tone mapping has the same."""
WHITE_SAMPLES = 1 << 18
"""Pixels from which the white of ordinary displays is found."""
JPEG_QUALITY = 95


def write_hdr_picture(
    path: Path,
    light: Float[np.ndarray, "height width 3"],
    primaries: ColourPrimaries = REC709,
    exif: Exif | None = None,
) -> None:
    """Writes a picture for bright displays, by its suffix.

    - `.jpg`: Ultra HDR (ISO 21496-1 gain map of one channel, Rec. 709 primaries), by libvips. Programs that do not know
      gain maps show an ordinary JPEG, with the greys of the viewer's tone mapping `reinhard`.
    - `.png`: 16 bits, PQ values, BT.2020 primaries, which a `cICP` chunk names (PNG, third edition).
    - `.avif`: 10 bits, PQ values, BT.2020 primaries, colour at half resolution. An odd last row or column is cut off.

    Args:
        light: Linear light; 1 is diffuse white (203 cd/m2), more is brighter than paper.
        primaries: Primaries of the light.
        exif: Camera, time, settings and scale of the photograph that it was made from.

    Raises:
        NeucamError: The suffix is another one, or pyvips is missing.
    """
    suffix = path.suffix.lower()
    height, width = even_size(*light.shape[:2]) if suffix == ".avif" else light.shape[:2]
    block = None if exif is None else sized(exif, height, width).block()
    if suffix == ".jpg":
        _write_ultra_hdr(path, light, primaries, block)
    elif suffix == ".png":
        full_range_rgb = bytes((BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, FULL_RANGE))
        bgr = in_strips(light, lambda rows: quantised(pq_from_light(rows, primaries), bits=16)[..., ::-1])
        write_png(path, bgr, {b"cICP": full_range_rgb} | ({} if block is None else {b"eXIf": block}))
    elif suffix == ".avif":
        _write_avif(path, light, primaries, block)
    else:
        raise unsupported(path, "bright displays", HDR_DISPLAY_SUFFIXES)


def pq_from_light(
    light: Float[np.ndarray, "*batch 3"], primaries: ColourPrimaries = REC709
) -> Float[np.ndarray, "*batch 3"]:
    """PQ values in [0, 1], BT.2020 primaries (SMPTE ST 2084, equation 5.2), of linear light; 1 is diffuse white."""
    of_bt2020 = light @ primaries.to(BT2020).T.astype(light.dtype)
    share_of_peak = (of_bt2020 * (WHITE_NITS / PQ_PEAK_NITS)).clip(0, 1)
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = share_of_peak**m1
    return ((c1 + c2 * root) / (1 + c3 * root)) ** m2


def _write_avif(
    path: Path, light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries, exif: bytes | None
) -> None:
    os.environ.setdefault("SVT_LOG", "1")  # errors only: the encoder would print its settings
    picture = _pq_frame(light, primaries)
    with written_whole(path) as temporary:
        _encode_avif(temporary, picture)
        if exif is not None:
            temporary.write_bytes(with_exif_item(temporary.read_bytes(), exif))


def _encode_avif(path: Path, picture: "av.VideoFrame") -> None:
    import av
    from av.video.reformatter import ColorRange

    with av.open(str(path), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options=AVIF_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
        encoder = stream.codec_context
        encoder.color_primaries, encoder.color_trc = BT2020_PRIMARIES, PQ_TRANSFER
        encoder.colorspace, encoder.color_range = BT2020_MATRIX, ColorRange.MPEG
        with scheduled_as_before():
            encoder.open()
        for frame in (picture, None):
            container.mux(stream.encode(frame))


def _pq_frame(light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries) -> "av.VideoFrame":
    """PQ values with 10 bits and colour at half resolution, cut to even numbers of rows and columns."""
    import av
    from av.video.reformatter import ColorRange

    height, width = even_size(*light.shape[:2])
    rgb = av.VideoFrame(width, height, "rgb48le")
    plane = memoryview(rgb.planes[0])  # type: ignore[arg-type]  # whose stubs lack the buffer protocol
    lines = np.frombuffer(plane, np.uint16).reshape(height, -1)  # may be longer than the picture is wide
    for rows in strips_of_rows(height, width):
        lines[rows, : 3 * width] = quantised(pq_from_light(light[rows, :width], primaries), 16).reshape(-1, 3 * width)
    # One thread: libswscale's write beyond the ends of their rows, over the first pixels of another's (FFmpeg 8).
    return rgb.reformat(format="yuv420p10le", dst_colorspace=BT2020_MATRIX, dst_color_range=ColorRange.MPEG, threads=1)


@contextmanager
def scheduled_as_before() -> Iterator[None]:
    """Undoes SVT-AV1's real-time priority.

    As root, the encoder raises the priority of its threads and of the thread that opens it, and every process started
    later inherits it: two busy ones stop a machine of two cores.
    """
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in map(int, os.listdir("/proc/self/task")):
            with suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(thread) == os.SCHED_FIFO:
                    os.sched_setscheduler(thread, policy, parameters)


def _write_ultra_hdr(
    path: Path, light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries, exif: bytes | None
) -> None:
    pyvips = import_pyvips()
    base, gain_map, boost = _base_and_gain_map(light, primaries)
    picture = pyvips.Image.new_from_array(base, interpretation="srgb")
    jpeg = pyvips.Image.new_from_array(gain_map, interpretation="b-w").jpegsave_buffer(Q=JPEG_QUALITY)
    number, numbers = pyvips.GValue.gdouble_type, pyvips.GValue.array_double_type
    for name, kind, value in (
        ("max-content-boost", numbers, [boost] * 3),
        ("min-content-boost", numbers, [1.0] * 3),
        ("gamma", numbers, [1.0] * 3),
        ("offset-sdr", numbers, [0.0] * 3),
        ("offset-hdr", numbers, [0.0] * 3),
        ("hdr-capacity-min", number, 1.0),
        ("hdr-capacity-max", number, min(boost, LARGEST_CAPACITY)),
        ("use-base-cg", pyvips.GValue.gint_type, 1),
        ("data", pyvips.GValue.blob_type, jpeg),
    ):
        picture.set_type(kind, f"gainmap-{name}", value)
    if exif is not None:
        picture.set_type(pyvips.GValue.blob_type, "exif-data", b"Exif\0\0" + exif)
    with written_whole(path, pyvips.Error) as temporary:
        picture.uhdrsave(str(temporary), Q=JPEG_QUALITY)


def import_pyvips() -> ModuleType:
    """Imports the library that writes Ultra HDR, an optional one.

    Raises:
        NeucamError: It is missing.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # OSError without libvips itself
        raise NeucamError(
            "Ultra HDR is written by pyvips, which is not installed. Install it with"
            " pip install 'neucam-nerfstudio[ultrahdr]', or write PNG or AVIF."
        ) from error
    return pyvips


def _base_and_gain_map(
    light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries
) -> tuple[UInt8[np.ndarray, "height width 3"], UInt8[np.ndarray, "height width 1"], float]:
    """Light as a picture for ordinary displays (sRGB) times a boost to the power of gain map / 255.

    Light beyond Rec. 709 and 10,000 cd/m2 is clipped.
    """
    to_rec709 = primaries.to(REC709).T.astype(np.float32)

    def rec709(part: Float[np.ndarray, "rows columns 3"]) -> Float[np.ndarray, "rows columns 3"]:
        return (part @ to_rec709).clip(0, BRIGHTEST_LIGHT)

    height, width = light.shape[:2]
    step = math.ceil(math.sqrt(height * width / WHITE_SAMPLES))
    white = white_of_base(rec709(light[::step, ::step]))
    brightest = max(float(rec709(light[rows]).max()) for rows in strips_of_rows(height, width))
    boost = max(LEAST_BOOST, float(gain_over_base(np.array([brightest]), white)[0]))
    base, gain_map = np.empty((height, width, 3), np.uint8), np.empty((height, width, 1), np.uint8)
    for rows in strips_of_rows(height, width):
        strip = rec709(light[rows])
        gain = gain_over_base(strip.max(-1, keepdims=True), white)
        base[rows] = quantised(encode_srgb(strip / gain), bits=8)
        gain_map[rows] = quantised(np.log(gain) / math.log(boost), bits=8)
    return base, gain_map, boost


def white_of_base(light: Float[np.ndarray, "*batch 3"]) -> float:
    """Light that an ordinary display shows as white: that of the brightest parts, but at least diffuse white.

    `light` may be a fair sample of a picture's pixels; it has Rec. 709 primaries.
    """
    luminance = (light @ np.array(REC709_LUMINANCE, light.dtype)).ravel()
    rank = math.ceil(WHITE_PERCENTILE / 100 * luminance.size) - 1
    return max(1.0, float(np.partition(luminance, rank)[rank]))


def gain_over_base(strongest: Float[np.ndarray, "*shape"], white: float) -> Float[np.ndarray, "*shape"]:
    """Ratio of a pixel's light to the light that an ordinary display shows of it, at least 1.

    The curve is that of `reinhard` (Reinhard et al. 2002, equation 4) for the strongest of linear R, G and B: none
    clips, and one gain restores all three. `white`, at least 1, is the light that is shown as white.
    """
    return np.maximum((1 + strongest) / (1 + strongest / white**2), strongest)
