"""Writes display pictures as PNG, JPEG or TIFF, with the colour profile and EXIF of a photograph."""

import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, UInt, UInt8

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif_block import Exif
from neucam_nerfstudio.imaging.file_writing import unsupported, written_whole
from neucam_nerfstudio.imaging.large_pictures import in_strips
from neucam_nerfstudio.imaging.photograph_metadata import NOTHING_KEPT, PhotographMetadata, pixels_an_inch, sized
from neucam_nerfstudio.imaging.tiff_writing import write_tiff

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff")

BitDepth = Literal[8, 16]

INCHES_A_METRE = 1 / 0.0254
PNG_HEADER_BYTES = 33
"""A PNG's signature and its first chunk, after which others may come."""


def write_image(
    path: Path,
    image: Float[np.ndarray, "height width channels"] | UInt[np.ndarray, "height width channels"],
    bits: BitDepth = 8,
    jpeg_quality: int = 95,
    metadata: PhotographMetadata = NOTHING_KEPT,
    shown: Callable[[np.ndarray], np.ndarray] = np.asarray,
) -> None:
    """Writes a display picture as `.png` or `.tif`/`.tiff` (8 or 16 bits), or `.jpg`/`.jpeg` (8 bits).

    Args:
        image: Display values in [0, 1], or whole numbers from `quantised`; one channel (grey) or three (R, G, B). Or
            what `shown` makes display values of.
        bits: Bits of a sample in a PNG or TIFF file.
        jpeg_quality: 1 ... 100.
        metadata: Colour profile and EXIF for the file, whose size EXIF then names; a grey picture takes no profile.
        shown: Makes display values of rows, each row for itself, so that not all of them are in memory.

    Raises:
        NeucamError: If the suffix is another one, or 16 bits are asked of a JPEG.
    """
    suffix = path.suffix.lower()
    if suffix not in IMAGE_SUFFIXES:
        raise unsupported(path, "pictures", IMAGE_SUFFIXES)
    if suffix in (".jpg", ".jpeg") and bits == 16:
        raise NeucamError(f"{path}: JPEG has 8 bits a sample; write 16 bits as .png or .tiff.")
    is_png = suffix == ".png"

    def encode(rows: np.ndarray) -> UInt[np.ndarray, "rows width *channels"]:
        values = shown(rows)
        values = quantised(values, bits) if values.dtype.kind == "f" else values
        return values[..., 0] if values.shape[-1] == 1 else values[..., ::-1] if is_png else values

    profile, exif = metadata
    if encode(image[:1]).ndim == 2:
        profile = None
    if exif is not None:
        exif = sized(exif, *image.shape[:2])
    if suffix in (".tif", ".tiff"):
        write_tiff(path, image, profile, exif, encode=encode)
        return
    samples = in_strips(image, encode)
    density = pixels_an_inch(exif)
    if is_png:
        chunks = {} if profile is None else {b"iCCP": b"ICC profile\0\0" + zlib.compress(profile)}
        if density is not None:
            per_metre = round(density * INCHES_A_METRE)
            chunks[b"pHYs"] = struct.pack(">2IB", per_metre, per_metre, 1)
        write_png(path, samples, chunks if exif is None else {**chunks, b"eXIf": exif.block()})
    else:
        from PIL import Image

        block = b"" if exif is None else b"Exif\0\0" + exif.block()
        options = {"quality": jpeg_quality, "subsampling": "4:4:4", "icc_profile": profile, "exif": block}
        if density is not None:
            options["dpi"] = (density, density)
        with written_whole(path) as temporary:
            Image.fromarray(samples).save(temporary, "JPEG", **options)


def write_index_png(
    path: Path,
    index: UInt8[np.ndarray, "height width"],
    colours: UInt8[np.ndarray, "numbers 3"],
    exif: Exif | None = None,
) -> None:
    """Writes a map of numbers as a PNG of indexed colours: to look at, and to read the numbers from.

    Args:
        index: A number for each pixel, from 0.
        colours: Of each number, R, G, B.
        exif: EXIF for the file, whose size it then names.
    """
    from PIL import Image

    image = Image.fromarray(index, "P")
    image.putpalette(colours.tobytes())
    block = b"" if exif is None else sized(exif, *index.shape).block()
    with written_whole(path) as temporary:
        image.save(temporary, "PNG", exif=block)


def quantised(image: Float[np.ndarray, "*shape"], bits: BitDepth) -> UInt[np.ndarray, "*shape"]:
    """Values in [0, 1] as whole numbers from 0 to 2^bits - 1, rounded to the nearest; other values are clipped."""
    return np.rint(np.clip(image, 0, 1) * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def write_png(path: Path, samples: UInt[np.ndarray, "height width *channels"], chunks: dict[bytes, bytes]) -> None:
    """Writes a PNG of grey or B, G, R, uint8 or uint16, with chunks of metadata by their four-letter names."""
    import cv2
    from PIL.PngImagePlugin import putchunk

    encoded = cv2.imencode(".png", samples)[1].data
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(encoded[:PNG_HEADER_BYTES])
        for name, content in chunks.items():
            putchunk(file, name, content)
        file.write(encoded[PNG_HEADER_BYTES:])
