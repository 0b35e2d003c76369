"""Writes pictures that bright displays show in high dynamic range: Ultra HDR JPEG, and PNG and AVIF with PQ values."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt

from neucam_nerfstudio.rendering.file_writing import PictureFileError, unsupported, written_whole
from neucam_nerfstudio.rendering.image_files import quantised, write_png
from neucam_nerfstudio.rendering.size_limits import even_size

HDR_DISPLAY_SUFFIXES = (".jpg", ".png", ".avif")

WHITE_NITS = 203.0
"""Luminance of a picture's diffuse white in cd/m2 (ITU-R BT.2408, section 2)."""

PQ_PEAK_NITS = 10_000.0
"""Luminance that PQ ends at, in cd/m2."""

BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, BT2020_MATRIX, FULL_RANGE = 9, 16, 0, 9, 1
"""Code points of ITU-T H.273, which PNG, AVIF and video streams share."""

REC709_TO_BT2020 = ((0.6274, 0.3293, 0.0433), (0.0691, 0.9195, 0.0114), (0.0164, 0.0880, 0.8956))
"""Linear R, G, B (ITU-R BT.2087, section 2)."""

AVIF_OPTIONS = {"crf": "8", "preset": "6", "svtav1-params": "avif=1:lp=1"}
"""Of SVT-AV1: losses stay below what a display shows. With several threads (`lp`) it never ends on thin pictures: of
fewer than 26 rows or columns, and more than 64 of the other."""


def write_hdr_picture(path: Path, light: Float[np.ndarray, "height width 3"]) -> None:
    """Writes a picture for bright displays, by its suffix.

    - `.jpg`: Ultra HDR (ISO 21496-1 gain map): others show an ordinary JPEG. Written by libvips.
    - `.png`: 16 bits, PQ values, BT.2020 primaries, said in a `cICP` chunk (PNG, third edition).
    - `.avif`: 10 bits, PQ values, BT.2020 primaries, colour at half resolution. Its size is cut to even numbers.

    Args:
        path: File to write, whole or not at all; missing folders are made.
        light: Linear light, Rec. 709 primaries; 1 is diffuse white (203 cd/m2), more is brighter than paper.

    Raises:
        PictureFileError: If the suffix is another one, or pyvips is missing.
    """
    suffix = path.suffix.lower()
    if suffix == ".jpg":
        _write_ultra_hdr(path, light)
    elif suffix == ".png":
        full_range_rgb = bytes((BT2020_PRIMARIES, PQ_TRANSFER, NO_MATRIX, FULL_RANGE))
        write_png(path, quantised(pq_from_light(light), bits=16), {b"cICP": full_range_rgb})
    elif suffix == ".avif":
        _write_avif(path, quantised(pq_from_light(light), bits=16))
    else:
        raise unsupported(path, "bright displays", HDR_DISPLAY_SUFFIXES)


def pq_from_light(light: Float[np.ndarray, "*batch 3"]) -> Float[np.ndarray, "*batch 3"]:
    """PQ values in [0, 1], BT.2020 primaries (SMPTE ST 2084, equation 5.2).

    Args:
        light: Linear light, Rec. 709 primaries; 1 is diffuse white.
    """
    of_bt2020 = light @ np.array(REC709_TO_BT2020, light.dtype).T
    share_of_peak = (of_bt2020 * (WHITE_NITS / PQ_PEAK_NITS)).clip(0, 1)
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = share_of_peak**m1
    return ((c1 + c2 * root) / (1 + c3 * root)) ** m2


def _write_ultra_hdr(path: Path, light: Float[np.ndarray, "height width 3"]) -> None:
    try:
        import pyvips
    except (ImportError, OSError) as error:  # the second without the library that it binds
        raise PictureFileError(
            f"{path}: Ultra HDR is written by pyvips, which is not installed. Install it with"
            " pip install 'neucam-nerfstudio[ultrahdr]', or write PNG or AVIF."
        ) from error
    picture = pyvips.Image.new_from_array(np.ascontiguousarray(light, np.float32)).copy(interpretation="scrgb")
    with written_whole(path, pyvips.Error) as temporary:
        picture.uhdrsave(str(temporary), Q=95)


def _write_avif(path: Path, samples: UInt[np.ndarray, "height width 3"]) -> None:
    os.environ.setdefault("SVT_LOG", "1")  # errors only: the encoder would print its settings
    import av
    from av.video.reformatter import ColorRange

    height, width = even_size(*samples.shape[:2])
    rgb = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples[:height, :width]), format="rgb48le")
    picture = rgb.reformat(format="yuv420p10le", dst_colorspace=BT2020_MATRIX, dst_color_range=ColorRange.MPEG)
    with written_whole(path) as temporary, av.open(str(temporary), "w", format="avif") as container:
        stream = container.add_stream("libsvtav1", rate=1, options=AVIF_OPTIONS)
        stream.width, stream.height, stream.pix_fmt = width, height, picture.format.name
        encoder = stream.codec_context
        encoder.color_primaries, encoder.color_trc = BT2020_PRIMARIES, PQ_TRANSFER
        encoder.colorspace, encoder.color_range = BT2020_MATRIX, ColorRange.MPEG
        for frame in (picture, None):
            container.mux(stream.encode(frame))
