"""TIFF files that OpenCV does not read, or reads wrongly without a word."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.large_pictures import pictures_of_any_size

if TYPE_CHECKING:
    import tifffile

TIFF_SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
"""First bytes of the files."""
UPRIGHT = 1
"""Orientation of a picture that is stored as it is to be seen."""
UNSIGNED, FLOATING = 1, 3
"""Values of the tag SampleFormat."""
LIGHT = ("RGB", "MINISBLACK", "MINISWHITE", "PALETTE", "YCBCR")
"""Values of PhotometricInterpretation from which red, green and blue, or grey, can be had."""
ALPHAS = ("ASSOCALPHA", "UNASSALPHA")
"""Values of ExtraSamples that are an alpha channel, by which colours are multiplied or not."""
STORED_LIGHT = ("RGB", "MINISBLACK", "MINISWHITE")
"""Those whose samples are red, green and blue, or grey, as they are stored."""
SHAPES = ("YX", "YXS", "SYX")
"""Axes of a picture: grey, channels pixel by pixel, channels plane by plane."""


def read_unusual_tiff(path: Path) -> Shaped[np.ndarray, "height width 3"] | None:
    """Reads the first picture of a TIFF file as upright RGB without alpha, if OpenCV would read it wrongly.

    Returns:
        Pixels in the file's own number type; None if OpenCV reads the file rightly.

    Raises:
        NeucamError: The file is broken, or tifffile does not read its kind either.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            if _opencv_reads(page):
                return None
            if page.axes not in SHAPES or _name(page.photometric) not in STORED_LIGHT:
                raise NeucamError(_refusal(path, page))
            samples = _samples(page, path)
            white = 1 if samples.dtype.kind == "f" else np.iinfo(samples.dtype).max
            num_colours = 3 if _name(page.photometric) == "RGB" else 1
            colours, others = samples[..., :num_colours], samples[..., num_colours:]
            if _alpha(page) == "ASSOCALPHA" and others.min() < white and others.max() < white:
                raise NeucamError(
                    f"{path}: its colours are multiplied by an alpha channel that is nowhere opaque. Export it without"
                    " alpha."
                )
            if _name(page.photometric) == "MINISWHITE":
                colours = white - colours
            return np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))
    except NeucamError:
        raise
    except Exception as error:  # noqa: BLE001 - tifffile raises errors of many kinds on files that are cut off
        raise NeucamError(broken_file_message(path, f"not a complete TIFF file: {error}")) from error


def read_tiff_opacity(path: Path) -> Shaped[np.ndarray, "height width"] | None:
    """The alpha channel of the first picture of a TIFF file, upright; None without one, or where it cannot be read."""
    import cv2
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            if page.axes not in SHAPES or _name(page.photometric) not in STORED_LIGHT:
                return None
            num_colours = 3 if _name(page.photometric) == "RGB" else 1
            kinds = [_name(kind) for kind in page.extrasamples]
            if not kinds and page.samplesperpixel == num_colours + 1:
                kinds = ["UNASSALPHA"]  # some programs, OpenCV among them, do not say what a fourth sample is
            place = next((num_colours + i for i, kind in enumerate(kinds) if kind in ALPHAS), None)
            if place is None:
                return None
            if page.dtype == np.uint8 or page.compression in tifffile.TIFF.DECOMPRESSORS:
                return _samples(page, path)[..., place]
            # OpenCV knows more compressions, and gives red, green, blue and alpha of 16 bits upright.
            return cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)[..., place]
    except Exception:  # noqa: BLE001 - tifffile raises errors of many kinds; reading the pixels tells what is wrong
        return None


def upright(
    pixels: Shaped[np.ndarray, "stored_height stored_width samples"], orientation: int
) -> Shaped[np.ndarray, "height width samples"]:
    """Turns a picture as a TIFF or EXIF orientation says: 1 is upright, 2 to 8 are mirrored or turned."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return pixels


def _opencv_reads(page: "tifffile.TiffPage") -> bool:
    """Whether OpenCV 4.10 reads a picture of this kind rightly.

    It multiplies 8-bit colours by their alpha. With 16 bits it takes planes for channels, white for black, and grey
    with alpha for 8 bits. Of floats it reads 32-bit RGB only.
    """
    bits, samples, alpha = np.max(page.bitspersample), page.samplesperpixel, _alpha(page)
    if _name(page.photometric) not in LIGHT or page.axes not in SHAPES:
        return False
    if page.sampleformat == FLOATING:
        return bool(bits == 32) and page.axes == "YXS" and samples == 3
    if page.sampleformat != UNSIGNED or bits > 16:
        return False
    if bits <= 8:
        return samples < 3 or alpha is None
    is_known = page.axes != "SYX" and _name(page.photometric) != "MINISWHITE" and samples in (1, 3, 4)
    return is_known and alpha != "ASSOCALPHA"


def _alpha(page: "tifffile.TiffPage") -> str | None:
    """`ASSOCALPHA` if colours are multiplied by an alpha channel, `UNASSALPHA` if not; None without alpha."""
    return next((kind for kind in map(_name, page.extrasamples) if kind in ALPHAS), None)


def _name(value: int) -> str:
    """Name of a tag's value, such as `RGB`; its number if tifffile does not know it."""
    return getattr(value, "name", str(value))


def _samples(page: "tifffile.TiffPage", path: Path) -> Shaped[np.ndarray, "height width samples"]:
    """All samples of each pixel, upright."""
    try:
        stored = page.asarray()
    except ValueError as error:
        if "imagecodecs" not in str(error):
            raise
        if page.dtype != np.uint8:
            raise NeucamError(_refusal(path, page)) from error
        from PIL import Image, ImageOps

        # Pillow knows all compressions, but only 8 bits; uncompressed pictures it may turn wrongly (Pillow 13.0).
        with pictures_of_any_size(), Image.open(path, formats=("TIFF",)) as image:  # decoding checks the size once more
            return np.array(ImageOps.exif_transpose(image))
    samples = {"YX": stored[..., None], "YXS": stored, "SYX": np.moveaxis(stored, 0, -1)}[page.axes]
    return upright(samples, int(page.tags.valueof("Orientation", UPRIGHT)))


def _refusal(path: Path, page: "tifffile.TiffPage") -> str:
    layout = {"YX": "", "YXS": "", "SYX": ", plane by plane"}.get(page.axes, f", axes {page.axes}")
    alpha = ", alpha" if _alpha(page) else ""
    return (
        f"{path}: TIFF files of this kind ({_name(page.photometric)}, {page.dtype}{layout}{alpha}, compression"
        f" {_name(page.compression)}) cannot be read. Export 8-bit, 16-bit or 32-bit float RGB without alpha, or PNG."
    )
