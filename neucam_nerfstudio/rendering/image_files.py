"""Writes pictures: linear radiance as EXR or Radiance HDR, display pictures as PNG or JPEG."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

LARGEST_HALF = 65504.0
"""Largest value of a 16-bit float."""

Precision = Literal["half", "float"]
"""Size of an EXR sample: `half` 16 bits (11 of them significant), `float` 32 bits."""


class PictureFileError(ValueError):
    """A picture that its file cannot hold. The message names the file, what was found and what the file can hold."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to, and renames it to `path` only if the writing succeeds.

    So nobody ever reads half a file, and a failure leaves an older file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_radiance(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    precision: Precision = "half",
    metadata: Mapping[str, str | float] | None = None,
) -> None:
    """Writes linear radiance, Rec. 709 primaries, as `.exr` or Radiance `.hdr`.

    Args:
        path: File to write, whole or not at all; missing folders are made.
        radiance: Linear radiance, R, G, B.
        precision: Size of an EXR sample; `.hdr` always has 8 bits and a shared exponent.
        metadata: Attributes of the EXR header, such as `software`; `.hdr` has no place for them.

    Raises:
        PictureFileError: If the suffix is another one, a value is not finite, or one is too large for the precision.
    """
    if not np.isfinite(radiance).all():
        raise PictureFileError(f"{path}: the radiance holds values that are not finite; nothing was written.")
    if path.suffix.lower() == ".exr":
        _write_exr(path, radiance, precision, metadata or {})
    elif path.suffix.lower() == ".hdr":
        _write_with_opencv(path, radiance.astype(np.float32))
    else:
        raise _unsupported(path, "radiance", ".exr, .hdr")


def _write_exr(
    path: Path, radiance: Float[np.ndarray, "height width 3"], precision: Precision, metadata: Mapping[str, str | float]
) -> None:
    import OpenEXR

    peak = float(np.abs(radiance).max())
    if precision == "half" and peak > LARGEST_HALF:
        raise PictureFileError(
            f"{path}: the radiance reaches {peak:.6g}, but half precision ends at {LARGEST_HALF:g}: use float."
        )
    samples = radiance.astype(np.float16 if precision == "half" else np.float32)
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, **metadata}
    with written_whole(path) as temporary, OpenEXR.File(header, {"RGB": np.ascontiguousarray(samples)}) as exr:
        exr.write(str(temporary))


def write_image(
    path: Path, image: Float[np.ndarray, "height width channels"], bits: Literal[8, 16] = 8, jpeg_quality: int = 95
) -> None:
    """Writes a display picture as `.png` (8 or 16 bits) or `.jpg`/`.jpeg` (8 bits).

    Args:
        path: File to write, whole or not at all; missing folders are made.
        image: Display values in [0, 1]; one channel (grey) or three (R, G, B).
        bits: Depth of a PNG sample.
        jpeg_quality: 1 ... 100.

    Raises:
        PictureFileError: If the suffix is another one, or 16 bits are asked of a JPEG.
    """
    suffix = path.suffix.lower()
    if suffix not in (".png", ".jpg", ".jpeg"):
        raise _unsupported(path, "pictures", ".png, .jpg, .jpeg")
    if suffix != ".png" and bits == 16:
        raise PictureFileError(f"{path}: JPEG has 8 bits a sample; write 16 bits as .png.")
    largest = 2**bits - 1
    samples = np.rint(np.clip(image, 0, 1) * largest).astype(np.uint8 if bits == 8 else np.uint16)
    _write_with_opencv(path, samples, jpeg_quality)


def _write_with_opencv(path: Path, image: np.ndarray, jpeg_quality: int = 95) -> None:
    import cv2

    with written_whole(path) as temporary:
        bgr = np.ascontiguousarray(image[..., ::-1])
        if not cv2.imwrite(str(temporary), bgr, [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]):
            raise OSError(f"{path}: OpenCV could not write it.")


def _unsupported(path: Path, what: str, supported: str) -> PictureFileError:
    found = path.suffix or "no suffix"
    return PictureFileError(f"{path}: {found} is not a file type for {what}; supported: {supported}.")
