"""Writes linear radiance as OpenEXR, Radiance HDR or 16-bit TIFF."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.rendering.file_writing import PictureFileError, unsupported, written_whole
from neucam_nerfstudio.rendering.tiff_files import write_tiff

LARGEST_HALF = 65504.0
"""Largest value of a 16-bit float."""

REC709_CHROMATICITIES = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, 0.3127, 0.3290)
"""(x, y) of red, green, blue and white (ITU-R BT.709), as EXR headers give them."""

Precision = Literal["half", "float"]
"""Size of an EXR sample: `half` 16 bits (11 of them significant), `float` 32 bits."""


def write_radiance(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    precision: Precision = "half",
    metadata: Mapping[str, Any] | None = None,
    channels: Mapping[str, Float[np.ndarray, "height width channels"]] | None = None,
) -> None:
    """Writes linear radiance, Rec. 709 primaries, as `.exr`, Radiance `.hdr` or 16-bit `.tif`/`.tiff`.

    A TIFF's samples are whole numbers: 65535 stands for the largest radiance, and the file says how much that is.

    Args:
        path: File to write, whole or not at all; missing folders are made.
        radiance: Linear radiance, R, G, B.
        precision: Size of an EXR sample; `.hdr` always has 8 bits and a shared exponent.
        metadata: Attributes of the EXR header, such as `software`; other files have no place for them.
        channels: What an EXR file holds besides, by name: one channel `name`, or three `name.R`, `name.G`, `name.B`.

    Raises:
        PictureFileError: If the suffix is another one, there are channels that it has no place for, a value is not
            finite, or one is too large for the precision.
    """
    suffix, named = path.suffix.lower(), channels or {}
    for what, values in {"radiance": radiance, **named}.items():
        if not np.isfinite(values).all():
            raise PictureFileError(f"{path}: the {what} holds values that are not finite; nothing was written.")
    if named and suffix != ".exr":
        raise PictureFileError(f"{path}: only .exr has a place for further channels ({', '.join(named)}).")
    if suffix == ".exr":
        _write_exr(path, radiance, precision, metadata or {}, named)
    elif suffix == ".hdr":
        _write_rgbe(path, radiance)
    elif suffix in (".tif", ".tiff"):
        _write_linear_tiff(path, radiance)
    else:
        raise unsupported(path, "radiance", (".exr", ".hdr", ".tif", ".tiff"))


def _write_exr(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    precision: Precision,
    metadata: Mapping[str, Any],
    channels: Mapping[str, Float[np.ndarray, "height width channels"]],
) -> None:
    import OpenEXR

    planes = {"RGB": _samples(path, "radiance", radiance, precision)}
    for name, values in channels.items():
        samples = _samples(path, name, values, precision)
        letters = [""] if samples.shape[-1] == 1 else [".R", ".G", ".B"]
        planes |= {f"{name}{letter}": np.ascontiguousarray(samples[..., i]) for i, letter in enumerate(letters)}
    kind = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage}
    header = {**kind, "chromaticities": REC709_CHROMATICITIES, **metadata}
    with written_whole(path, RuntimeError) as temporary, OpenEXR.File(header, planes) as exr:
        exr.write(str(temporary))


def _samples(path: Path, what: str, values: Float[np.ndarray, "*shape"], precision: Precision) -> np.ndarray:
    peak = float(np.abs(values).max())
    if precision == "half" and peak > LARGEST_HALF:
        raise PictureFileError(
            f"{path}: the {what} reaches {peak:.6g}, but half precision ends at {LARGEST_HALF:g}: use float."
        )
    return np.ascontiguousarray(values, np.float16 if precision == "half" else np.float32)


def _write_rgbe(path: Path, radiance: Float[np.ndarray, "height width 3"]) -> None:
    import cv2

    with written_whole(path) as temporary:
        if not cv2.imwrite(str(temporary), np.ascontiguousarray(radiance[..., ::-1], np.float32)):
            raise OSError(f"{path}: OpenCV could not write it.")


def _write_linear_tiff(path: Path, radiance: Float[np.ndarray, "height width 3"]) -> None:
    peak = max(float(radiance.max()), float(np.finfo(np.float32).tiny))
    samples = np.rint(radiance.clip(min=0) * (65535 / peak)).astype(np.uint16)
    description = f"Linear radiance, Rec. 709 primaries: 65535 stands for {peak:.6g}."
    write_tiff(path, samples, description=description)
