"""TIFF files of kinds that OpenCV does not read, or reads wrongly without a word."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped, UInt8

from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.pillow_files import pictures_of_any_size

if TYPE_CHECKING:
    from tifffile import TiffPage

UNSIGNED, FLOATING = 1, 3
"""Sample formats."""
LIGHT = ("RGB", "MINISBLACK", "MINISWHITE", "PALETTE", "YCBCR")
"""Photometric interpretations that tell red, green and blue, or grey."""
STORED_LIGHT = ("RGB", "MINISBLACK", "MINISWHITE")
"""Those whose samples are that light as they stand."""
SHAPES = ("YX", "YXS", "SYX")
"""Axes of a picture: grey, channels pixel by pixel, channels plane by plane."""


def read_unusual_tiff(path: Path) -> Shaped[np.ndarray, "height width 3"] | None:
    """Reads the first picture of a TIFF file as RGB, upright, without alpha, unless OpenCV reads such a kind rightly.

    Returns:
        Pixels in the file's own number type; None if the file is to be read by OpenCV.

    Raises:
        NeucamError: The file is broken, or of a kind that tifffile does not read, either.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages[0]
            if _opencv_reads(page):
                return None
            if page.axes not in SHAPES or page.photometric.name not in STORED_LIGHT:
                raise NeucamError(_refusal(path, page))
            return _as_rgb(_stored_samples(page, path), page, path)
    except NeucamError:
        raise
    except Exception as error:  # noqa: BLE001 - tifffile raises errors of many kinds on what is cut off
        raise NeucamError(broken_file_message(path, f"not a complete TIFF file: {error}")) from error


def upright(
    pixels: Shaped[np.ndarray, "stored_height stored_width samples"], orientation: int
) -> Shaped[np.ndarray, "height width samples"]:
    """Turns a picture as a TIFF orientation says: 1 is upright, 2 to 8 are mirrored or turned."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _opencv_reads(page: TiffPage) -> bool:
    """Whether OpenCV 4.10 reads such a picture, and rightly.

    It multiplies 8-bit colours by their alpha. Of more bits it takes planes for channels, white for black and grey with
    alpha for 8 bits; of floats it reads RGB, and 64 bits it does not turn into RGB.
    """
    bits, samples, alpha = np.max(page.bitspersample), page.samplesperpixel, _alpha(page)
    if page.photometric.name not in LIGHT or page.axes not in SHAPES:
        return False
    if page.sampleformat == FLOATING:
        return bits == 32 and page.axes == "YXS" and samples == 3
    if page.sampleformat != UNSIGNED or bits > 16:
        return False
    if bits <= 8:
        return samples < 3 or alpha is None
    is_known = page.axes != "SYX" and page.photometric.name != "MINISWHITE" and samples in (1, 3, 4)
    return is_known and alpha != "ASSOCALPHA"


def _alpha(page: TiffPage) -> str | None:
    """`ASSOCALPHA` if colours are multiplied by an alpha channel, `UNASSALPHA` if it is only there; None without."""
    return next((kind.name for kind in page.extrasamples if kind.name in ("ASSOCALPHA", "UNASSALPHA")), None)


def _stored_samples(page: TiffPage, path: Path) -> Shaped[np.ndarray, "height width samples"]:
    """What the file holds for each pixel, upright.

    Raises:
        NeucamError: Nothing that is installed decompresses it.
    """
    orientation = page.tags.valueof("Orientation", 1)
    try:
        stored = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.dtype != np.uint8:
            raise NeucamError(_refusal(path, page)) from error
        return _samples_by_pillow(path)
    samples = {"YX": stored[..., None], "YXS": stored, "SYX": np.moveaxis(stored, 0, -1)}[page.axes]
    return upright(samples, orientation)


def _samples_by_pillow(path: Path) -> UInt8[np.ndarray, "height width samples"]:
    """It reads all compressions, but only 8 bits, and what is not compressed it may turn wrongly (Pillow 13.0)."""
    from PIL import Image, ImageOps

    with pictures_of_any_size(), Image.open(path, formats=("TIFF",)) as image:  # it looks again at the size to decode
        return np.array(ImageOps.exif_transpose(image))


def _as_rgb(
    samples: Shaped[np.ndarray, "height width samples"], page: TiffPage, path: Path
) -> Shaped[np.ndarray, "height width 3"]:
    """Stored samples as RGB, black at 0.

    Raises:
        NeucamError: The colours are multiplied by an alpha channel that is not opaque everywhere.
    """
    white = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
    num_colours = 3 if page.photometric.name == "RGB" else 1
    colours, others = samples[..., :num_colours], samples[..., num_colours:]
    if _alpha(page) == "ASSOCALPHA" and others.min() < white:
        raise NeucamError(
            f"{path}: its colours are multiplied by an alpha channel that is not opaque. Export it without alpha."
        )
    if page.photometric.name == "MINISWHITE":
        colours = white - colours
    return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))


def _refusal(path: Path, page: TiffPage) -> str:
    layout = {"YX": "", "YXS": "", "SYX": ", plane by plane"}.get(page.axes, f", axes {page.axes}")
    alpha = ", alpha" if _alpha(page) else ""
    return (
        f"{path}: TIFF files of this kind ({page.photometric.name}, {page.dtype}{layout}{alpha}, compression"
        f" {page.compression.name}) cannot be read. Export 8-bit, 16-bit or 32-bit float RGB without alpha, or PNG."
    )
