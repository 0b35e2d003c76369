"""Linear radiance: OpenEXR and Radiance HDR, read and written, and 16-bit TIFF, written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float, UInt16

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import REC709, ColourPrimaries, linear_profile
from neucam_nerfstudio.imaging.exif_block import Exif
from neucam_nerfstudio.imaging.exr_attributes import exr_attributes
from neucam_nerfstudio.imaging.file_writing import unsupported, written_whole
from neucam_nerfstudio.imaging.large_pictures import in_strips, open_with_pillow, strips_of_rows
from neucam_nerfstudio.imaging.photograph_metadata import sized
from neucam_nerfstudio.imaging.photographs import downscale
from neucam_nerfstudio.imaging.tiff_writing import write_tiff
from neucam_nerfstudio.runtime import num_cpus

LARGEST_HALF = 65504.0
"""Largest value of a 16-bit float."""

Precision = Literal["auto", "half", "float"]
"""Size of an EXR sample: `half` 16 bits (11 of them significant), `float` 32 bits, `auto` half where that is enough."""


def read_radiance(path: Path, downscale_factor: int = 1) -> Float[np.ndarray, "height width 3"]:
    """Reads linear radiance: float32 RGB, unbounded.

    Args:
        path: An `.exr` file with channels R, G, B (or one grey channel Y), or a Radiance `.hdr` file.
        downscale_factor: Size divisor, by area averaging of the light.

    Raises:
        NeucamError: The file cannot be read, or holds values that are not finite.
    """
    radiance = _read_exr(path) if path.suffix.lower() == ".exr" else _read_hdr(path)
    if not np.isfinite(radiance).all():
        raise NeucamError(f"{path}: the ground truth holds NaN or infinite values. Replace or remove the file.")
    return downscale(np.ascontiguousarray(radiance, np.float32), downscale_factor, path)


def read_exr_channels(path: Path) -> dict[str, Float[np.ndarray, "height width"]]:
    """The channels of an EXR file by name.

    Raises:
        NeucamError: The file cannot be read.
    """
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            return {name: channel.pixels for name, channel in file.channels().items()}
    except Exception as error:  # noqa: BLE001 - OpenEXR raises bare RuntimeError and others
        raise NeucamError(_unreadable_message(path, error)) from error


def picture_size(path: Path) -> tuple[int, int]:
    """Height and width of an EXR, Radiance HDR, PNG or TIFF file, from its header alone.

    Raises:
        NeucamError: The file has no such header.
    """
    suffix = path.suffix.lower()
    try:
        if suffix == ".exr":
            import OpenEXR

            with OpenEXR.File(str(path), header_only=True) as file:
                (left, top), (right, bottom) = file.header()["dataWindow"]
            return int(bottom - top + 1), int(right - left + 1)
        if suffix == ".hdr":
            with path.open("rb") as file:
                found = re.search(rb"\n-Y (\d+) \+X (\d+)\n", file.read(4096))
            if found is None:
                raise ValueError("not a Radiance HDR file")
            return int(found[1]), int(found[2])
        with open_with_pillow(path) as image:
            return image.height, image.width
    except Exception as error:  # noqa: BLE001 - OpenEXR raises bare RuntimeError, Pillow several kinds
        raise NeucamError(_unreadable_message(path, error)) from error


def _read_exr(path: Path) -> Float[np.ndarray, "height width 3"]:
    channels = read_exr_channels(path)
    names = ("Y", "Y", "Y") if "Y" in channels and "R" not in channels else ("R", "G", "B")
    if not set(names) <= set(channels):
        raise NeucamError(_unreadable_message(path, f"channels {', '.join(channels)}, expected R, G, B"))
    return np.stack([channels[name] for name in names], -1)


def _read_hdr(path: Path) -> Float[np.ndarray, "height width 3"]:
    import cv2

    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        pixels = None
    if pixels is None or pixels.dtype != np.float32:
        raise NeucamError(_unreadable_message(path, "not a complete Radiance HDR file"))
    return pixels[..., ::-1]


def _unreadable_message(path: Path, detail: object) -> str:
    return f"{path}: unreadable ground truth ({detail}). Replace the file, or remove it to train without a score."


def write_radiance(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    precision: Precision = "auto",
    metadata: Mapping[str, Any] | None = None,
    channels: Mapping[str, Float[np.ndarray, "height width channels"]] | None = None,
    primaries: ColourPrimaries = REC709,
    exif: Exif | None = None,
) -> None:
    """Writes linear radiance as `.exr`, Radiance `.hdr` or 16-bit `.tif`/`.tiff`; each file names its primaries.

    A TIFF's samples are whole numbers: 65535 stands for the largest radiance, and the file says how much that is.

    Args:
        radiance: Linear radiance, R, G, B.
        precision: Size of an EXR sample; `.hdr` always has 8 bits and a shared exponent.
        metadata: Attributes of the EXR header, such as `software`, and lines of a TIFF's description; `.hdr` has no
            place for them.
        channels: Further channels of an EXR file by name: one channel `name`, or three `name.R`, `name.G`, `name.B`.
        primaries: Primaries of the radiance.
        exif: Camera, time, settings and scale of the photograph that it was made from: attributes of an EXR, tags of a
            TIFF, and lines in the header of an `.hdr` file.

    Raises:
        NeucamError: The suffix is another one, or has no place for channels; a value is not finite, or too large for
            the precision.
    """
    suffix, named = path.suffix.lower(), channels or {}
    for what, values in {"radiance": radiance, **named}.items():
        if not np.isfinite([values.min(), values.max()]).all():  # either is NaN if one value is
            raise NeucamError(f"{path}: the {what} holds values that are not finite; nothing was written.")
    if named and suffix != ".exr":
        raise NeucamError(f"{path}: only .exr has a place for further channels ({', '.join(named)}).")
    if suffix == ".exr":
        chromaticities = tuple(coordinate for colour in primaries for coordinate in colour)
        attributes = {"chromaticities": chromaticities, **exr_attributes(exif), **(metadata or {})}
        _write_exr(path, radiance, precision, attributes, named)
    elif suffix == ".hdr":
        _write_rgbe(path, radiance, primaries, exr_attributes(exif))
    elif suffix in (".tif", ".tiff"):
        peak = max(float(radiance.max()), float(np.finfo(np.float32).tiny))
        scale = 65535 / peak
        said = [f"Linear radiance: 65535 stands for {peak:.6g}.", *(f"{k}: {v}" for k, v in (metadata or {}).items())]
        own = None if exif is None else sized(exif, *radiance.shape[:2])

        def encode(rows: np.ndarray) -> UInt16[np.ndarray, "rows width 3"]:
            return np.rint(rows.clip(min=0) * scale).astype(np.uint16)

        write_tiff(path, radiance, linear_profile(primaries), own, "\n".join(said), encode)
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

    if precision == "auto":
        precision = "float" if any(said_of_size(values) for values in (radiance, *channels.values())) else "half"
    planes = {"RGB": _samples(path, "radiance", radiance, precision)}
    for name, values in channels.items():
        samples = _samples(path, name, values, precision)
        planes[name] = samples[..., 0] if samples.shape[-1] == 1 else samples
    # Lossless. Of a photograph with 24 million pixels, PIZ takes half of ZIP's time (half) or space (float).
    kind = {"compression": OpenEXR.PIZ_COMPRESSION, "type": OpenEXR.scanlineimage}
    OpenEXR.set_global_thread_count(num_cpus())
    with written_whole(path, RuntimeError) as temporary, OpenEXR.File({**kind, **metadata}, planes) as exr:
        exr.write(str(temporary))


def said_of_size(radiance: Float[np.ndarray, "height width channels"]) -> str | None:
    """What is done about radiance that 16-bit samples do not hold, as a sentence; None where they do."""
    peak = max(float(radiance.max()), -float(radiance.min()))
    if peak <= LARGEST_HALF:
        return None
    return f"Radiance reaches {peak:.3g}, half precision ends at {LARGEST_HALF:g}: EXR files have samples of 32 bits."


def _samples(
    path: Path, what: str, values: Float[np.ndarray, "height width channels"], precision: Precision
) -> Float[np.ndarray, "height width channels"]:
    if precision == "float":
        return np.ascontiguousarray(values, np.float32)
    peak = max(float(values.max()), -float(values.min()))
    if peak > LARGEST_HALF:
        raise NeucamError(
            f"{path}: the {what} reaches {peak:.6g}, but half precision ends at {LARGEST_HALF:g}: use float."
        )
    return in_strips(values, lambda rows: rows.astype(np.float16))


def _write_rgbe(
    path: Path, radiance: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries, told: Mapping[str, Any]
) -> None:
    import cv2

    height, width = radiance.shape[:2]
    coordinates = " ".join(f"{coordinate:.4f}" for colour in primaries for coordinate in colour)
    date = f"CAPDATE={told['capDate']}\n" if "capDate" in told else ""
    said = "".join(f"# {name}: {' '.join(str(value).split())}\n" for name, value in told.items())
    header = f"#?RADIANCE\n{said}{date}PRIMARIES={coordinates}\nFORMAT=32-bit_rle_rgbe\n\n-Y {height} +X {width}\n"
    with written_whole(path) as temporary, temporary.open("wb") as file:
        file.write(header.encode())
        for rows in strips_of_rows(height, width):
            strip = cv2.imencode(".hdr", np.ascontiguousarray(radiance[rows, :, ::-1], np.float32))[1].tobytes()
            file.write(strip[strip.index(b"\n-Y ") + 1 :].split(b"\n", 1)[1])  # less the header of each strip
