"""Camera settings from EXIF: camera, lens, shutter time, aperture, sensitivity and focus distance of a photograph."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from neucam_nerfstudio.imaging.maker_notes import apple_focus_distance_m, exiv2_is_there, maker_focus_distance_m
from neucam_nerfstudio.imaging.phone_pictures import embedded_metadata, kind_of_file
from neucam_nerfstudio.imaging.raw_files import RawHeader, is_raw, read_raw_header

UPRIGHT = 1
"""EXIF orientation of a picture that is stored as it is to be seen."""
_INFINITE_DISTANCE = 0xFFFFFFFF  # EXIF 2.32, SubjectDistance: this numerator means infinity, 0 means unknown.
_CANON_INFINITE_DISTANCE = 0xFFFF  # Canon's shot info counts in centimetres, 0 means unknown.


@dataclass(frozen=True)
class ExifSettings:
    """Camera settings of one photograph; None where the file does not say."""

    exposure_time_s: float | None = None
    f_number: float | None = None
    iso: float | None = None
    focus_distance_m: float | None = None
    focal_length_mm: float | None = None
    camera: str | None = None
    lens: str | None = None


def read_exif(path: Path) -> ExifSettings:
    """Reads the camera settings of a photograph; all None without EXIF.

    Focus distances are those of makers' own tags, then EXIF's. Without exiv2, few makers' are read, and only LibRaw
    reads RAW files that are not built like a TIFF (Canon CR3, Fujifilm RAF), which gives no distance.
    """
    tags = _tags(path)
    exposure_time_s = _number(tags.get("EXIF ExposureTime"))
    header = read_raw_header(path) if exposure_time_s is None and is_raw(path) else RawHeader()
    return ExifSettings(
        focal_length_mm=_number(tags.get("EXIF FocalLength")),
        camera=_words(tags.get("Image Model")),
        lens=_words(tags.get("EXIF LensModel")),
        exposure_time_s=exposure_time_s or header.exposure_time_s,
        f_number=_number(tags.get("EXIF FNumber")) or header.f_number,
        iso=_number(tags.get("EXIF ISOSpeedRatings")) or header.iso,
        focus_distance_m=_focus_distance_m(path, tags),
    )


def unread_note(paths: Sequence[Path], settings: Sequence[ExifSettings]) -> str | None:
    """A sentence that names the kinds of RAW files without settings: cameras always write them, so none was read.

    Or of which only the focus distances are not read, for want of a library.
    """
    without = (path for path, frame in zip(paths, settings, strict=True) if frame == ExifSettings())
    suffixes = sorted({path.suffix.lower() for path in without if is_raw(path)})
    if suffixes:
        return f"EXIF of {', '.join(suffixes)} files cannot be read."
    raw = [path for path in paths if is_raw(path)]
    if raw and all(frame.focus_distance_m is None for frame in settings) and not exiv2_is_there():
        return "Focus distances in makers' notes are read with pip install 'neucam-nerfstudio[focus]'."
    return None


def orientation_hint(path: Path, other: Path) -> str:
    """A sentence to add where the sizes of two photographs differ: whether EXIF turns them differently."""
    tags = [_tags(each, details=False).get("Image Orientation") for each in (path, other)]
    first, second = (int(_number(tag) or UPRIGHT) for tag in tags)  # a frame of a video or an array is no file
    if first == second:
        return ""
    return f" EXIF turns them differently (orientation {first} of {path.name}, {second} of {other.name})."


def exposure_stops(settings: Sequence[ExifSettings]) -> list[float] | None:
    """Exposures relative to the middle one, log2(time * ISO / f-number^2).

    If no file has an aperture (a lens without contacts), or none has an ISO, that one counts as constant.

    Returns:
        Stops, +1 is twice the light; None if only some of the files say.
    """
    light = [1.0] * len(settings)
    for name, power in (("exposure_time_s", 1), ("iso", 1), ("f_number", -2)):
        values = [getattr(frame, name) for frame in settings]
        if any(value is None for value in values):
            if name == "exposure_time_s" or any(value is not None for value in values):
                return None
            continue
        light = [amount * value**power for amount, value in zip(light, values, strict=True)]
    stops = [math.log2(amount) for amount in light]
    middle = sorted(stops)[(len(stops) - 1) // 2]
    return [round(value - middle, 3) for value in stops]


def focus_dioptres(settings: Sequence[ExifSettings]) -> list[float] | None:
    """Focus distances in dioptres (1/m; 0 is infinity); None if a file does not say."""
    distances = [frame.focus_distance_m for frame in settings if frame.focus_distance_m is not None]
    return [1.0 / distance for distance in distances] if len(distances) == len(settings) else None


def _tags(path: Path, details: bool = True) -> Mapping[str, object]:
    """EXIF tags by name; empty where no EXIF can be read."""
    import exifread

    logging.getLogger("exifread").setLevel(logging.CRITICAL)  # it warns of a PNG without EXIF
    try:
        kind = kind_of_file(path)
        block = None if kind is None else embedded_metadata(path, kind).exif or b""
        with path.open("rb") if block is None else BytesIO(block) as file:
            return exifread.process_file(file, details=details)
    except Exception:  # noqa: BLE001 - EXIF is optional, and a file that is broken is reported when it is decoded
        return {}


def _words(tag: object) -> str | None:
    """The text of an EXIF tag; None if it says nothing."""
    return str(tag).strip("\0 -") or None if tag is not None else None


def _number(tag: object) -> float | None:
    """A positive finite number from an EXIF tag; cameras write 0 or 0/0 for what they do not know."""
    value = getattr(tag, "values", None)
    try:
        while isinstance(value, list | tuple):  # ExifRead nests floating-point numbers
            value = value[0]
        number = float(value)  # type: ignore[arg-type]  # refused below
    except (IndexError, TypeError, ValueError, ZeroDivisionError):
        return None
    return number if number > 0 and math.isfinite(number) else None


def _focus_distance_m(path: Path, tags: Mapping[str, object]) -> float | None:
    """Focus distance from makers' notes, or from the EXIF standard's tag."""
    distance_m = maker_focus_distance_m(path)
    if distance_m is not None:
        return distance_m
    canon_cm = _number(tags.get("MakerNote SubjectDistance"))
    if canon_cm is not None:
        return math.inf if canon_cm >= _CANON_INFINITE_DISTANCE else canon_cm / 100
    distance_m = _number(tags.get("EXIF SubjectDistance"))
    if distance_m is None and not exiv2_is_there():
        distance_m = _number(tags.get("MakerNote ManualFocusDistance"))
    if distance_m is None:
        return apple_focus_distance_m(bytes(getattr(tags.get("EXIF MakerNote"), "values", None) or b""))
    return math.inf if distance_m == _INFINITE_DISTANCE else distance_m
