"""Writes pictures that bright displays show in high dynamic range: Ultra HDR JPEG, and PNG and AVIF with PQ values."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt16

from neucam_nerfstudio.imaging.colour_primaries import BT2020, REC709, ColourPrimaries
from neucam_nerfstudio.imaging.file_writing import unsupported, written_whole
from neucam_nerfstudio.imaging.image_files import quantised, write_png
from neucam_nerfstudio.imaging.size_limits import even_size
from neucam_nerfstudio.imaging.strips import in_strips, strips_of_rows
from neucam_nerfstudio.imaging.ultra_hdr_files import PQ_PEAK_NITS, WHITE_NITS, write_ultra_hdr

if TYPE_CHECKING:
    import av

HDR_DISPLAY_SUFFIXES = (".jpg", ".png", ".avif")

BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, BT2020_MATRIX, FULL_RANGE = 9, 16, 0, 9, 1
"""Code points of ITU-T H.273, which PNG, AVIF and video streams share."""

AVIF_OPTIONS = {"crf": "8", "preset": "6", "svtav1-params": "avif=1:lp=1"}
"""Of SVT-AV1: losses stay below what a display shows. With several threads (`lp`) it never ends on thin pictures: of
fewer than 26 rows or columns, and more than 64 of the other."""


def write_hdr_picture(
    path: Path, light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries = REC709
) -> None:
    """Writes a picture for bright displays, by its suffix.

    - `.jpg`: Ultra HDR (ISO 21496-1 gain map), Rec. 709: others show an ordinary JPEG. See `write_ultra_hdr`.
    - `.png`: 16 bits, PQ values, BT.2020 primaries, said in a `cICP` chunk (PNG, third edition).
    - `.avif`: 10 bits, PQ values, BT.2020 primaries, colour at half resolution. Its size is cut to even numbers.

    Args:
        path: File to write, whole or not at all; missing folders are made.
        light: Linear light; 1 is diffuse white (203 cd/m2), more is brighter than paper.
        primaries: Of the light.

    Raises:
        NeucamError: If the suffix is another one, or pyvips is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".jpg":
        write_ultra_hdr(path, light, primaries)
    elif suffix == ".png":
        full_range_rgb = bytes((BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, FULL_RANGE))
        bgr = in_strips(light, lambda rows: _pq_samples(rows, primaries)[..., ::-1])
        write_png(path, bgr, {b"cICP": full_range_rgb})
    elif suffix == ".avif":
        _write_avif(path, light, primaries)
    else:
        raise unsupported(path, "bright displays", HDR_DISPLAY_SUFFIXES)


def pq_from_light(
    light: Float[np.ndarray, "*batch 3"], primaries: ColourPrimaries = REC709
) -> Float[np.ndarray, "*batch 3"]:
    """PQ values in [0, 1], BT.2020 primaries (SMPTE ST 2084, equation 5.2).

    Args:
        light: Linear light; 1 is diffuse white.
        primaries: Of the light.
    """
    of_bt2020 = light @ primaries.to(BT2020).T.astype(light.dtype)
    share_of_peak = (of_bt2020 * (WHITE_NITS / PQ_PEAK_NITS)).clip(0, 1)
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = share_of_peak**m1
    return ((c1 + c2 * root) / (1 + c3 * root)) ** m2


def _pq_samples(light: Float[np.ndarray, "*batch 3"], primaries: ColourPrimaries) -> UInt16[np.ndarray, "*batch 3"]:
    return quantised(pq_from_light(light, primaries), bits=16)


def _write_avif(path: Path, light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries) -> None:
    os.environ.setdefault("SVT_LOG", "1")  # errors only: the encoder would print its settings
    import av
    from av.video.reformatter import ColorRange

    picture = _pq_frame(light, primaries)
    with written_whole(path) as temporary, av.open(str(temporary), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options=AVIF_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
        encoder = stream.codec_context
        encoder.color_primaries, encoder.color_trc = BT2020_PRIMARIES, PQ_TRANSFER
        encoder.colorspace, encoder.color_range = BT2020_MATRIX, ColorRange.MPEG
        with scheduled_as_before():
            encoder.open()
        for frame in (picture, None):
            container.mux(stream.encode(frame))


@contextmanager
def scheduled_as_before() -> Iterator[None]:
    """Undoes SVT-AV1's real-time priority. As root, the encoder raises its threads and the one that opens it, and every
    process started later inherits that: two busy ones stop a machine of two cores."""
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


def _pq_frame(light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries) -> av.VideoFrame:
    """PQ values with 10 bits and colour at half resolution, cut to even numbers."""
    import av
    from av.video.reformatter import ColorRange

    height, width = even_size(*light.shape[:2])
    rgb = av.VideoFrame(width, height, "rgb48le")
    lines = np.frombuffer(rgb.planes[0], np.uint16).reshape(height, -1)  # may be longer than the picture is wide
    for rows in strips_of_rows(height, width):
        lines[rows, : 3 * width] = _pq_samples(light[rows, :width], primaries).reshape(-1, 3 * width)
    return rgb.reformat(format="yuv420p10le", dst_colorspace=BT2020_MATRIX, dst_color_range=ColorRange.MPEG)
