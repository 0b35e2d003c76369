"""EXIF as the attributes that OpenEXR's standard names: camera, lens, time, settings, and the scale of pixels."""

import math
import struct
from collections.abc import Mapping

from neucam_nerfstudio.imaging.exif_block import ASCII, EXIF_FOLDER, GPS_FOLDER, LONG, RATIONAL, SHORT, Exif, Tag

SIGNED_RATIONAL, UTF8 = 10, 129
"""Types of a tag (TIFF 6.0, section 2; EXIF 3.0)."""
FLOATS = {11: (4, "f"), 12: (8, "d")}
"""Size and `struct`'s letter of floating-point types (TIFF 6.0, section 2)."""
MICROMETRES_OF_UNIT = {2: 25_400.0, 3: 10_000.0, 4: 1_000.0, 5: 1.0}
"""Micrometres in EXIF's units of resolution: inch, centimetre, millimetre, micrometre."""
INFINITE_DISTANCE = 0xFFFFFFFF
"""Numerator of a SubjectDistance of infinity (EXIF 2.32)."""

Attributes = dict[str, str | float]


def exr_attributes(exif: Exif | None) -> Attributes:
    """What a photograph says of how it was taken, by the names of OpenEXR's standard attributes.

    `sensorPhotositePitch` is the distance of two pixels on the sensor in micrometres, from FocalPlaneXResolution: with
    the focal length it is the scale. EXIF's focal length for 35 mm film has no such name, and keeps its own.
    """
    if exif is None:
        return {}
    settings, place = exif.folders.get(EXIF_FOLDER, {}), exif.folders.get(GPS_FOLDER, {})

    def text(folder: Mapping[int, Tag], number: int) -> str | None:
        tag = folder.get(number)
        if tag is None or tag.type not in (ASCII, UTF8):
            return None
        return tag.content.split(b"\0")[0].decode("utf-8", "replace").strip() or None

    def first(folder: Mapping[int, Tag], number: int) -> float | None:
        return next(iter(numbers(folder.get(number), exif.byte_order)), None)

    def positive(folder: Mapping[int, Tag], number: int) -> float | None:
        value = first(folder, number)
        return value if value is not None and 0 < value < INFINITE_DISTANCE else None

    unit_um = MICROMETRES_OF_UNIT.get(int(first(settings, 41488) or 2))
    density, pitch = positive(settings, 41486), None
    if density is not None and unit_um is not None:
        pitch = unit_um / density
    print_unit, print_density = int(first(exif.main, 296) or 2), positive(exif.main, 282)
    per_inch = {2: 1.0, 3: 2.54}.get(print_unit)
    told: dict[str, str | float | None] = {
        "cameraMake": text(exif.main, 271),
        "cameraModel": text(exif.main, 272),
        "lensMake": text(settings, 42035),
        "lensModel": text(settings, 42036),
        "owner": text(exif.main, 33432) or text(exif.main, 315),
        "comments": text(exif.main, 270),
        "capDate": text(settings, 36867) or text(exif.main, 306),
        "utcOffset": _utc_offset_s(text(settings, 36881)),
        "expTime": positive(settings, 33434),
        "aperture": positive(settings, 33437),
        "isoSpeed": positive(settings, 34855),
        "focus": positive(settings, 37382),
        "nominalFocalLength": positive(settings, 37386),
        "FocalLengthIn35mmFilm": positive(settings, 41989),
        "sensorPhotositePitch": pitch,
        "xDensity": None if print_density is None or per_inch is None else print_density * per_inch,
        "latitude": _degrees(place, 2, text(place, 1), exif.byte_order),
        "longitude": _degrees(place, 4, text(place, 3), exif.byte_order),
        "altitude": first(place, 6),
    }
    return {name: value for name, value in told.items() if value is not None}


def numbers(tag: Tag | None, byte_order: str) -> list[float]:
    """The numbers of a tag; those that are 0/0, and other types, are left out."""
    if tag is None:
        return []
    if tag.type in (RATIONAL, SIGNED_RATIONAL):
        kind = "I" if tag.type == RATIONAL else "i"
        parts = struct.unpack(f"{byte_order}{len(tag.content) // 4}{kind}", tag.content)
        return [above / below for above, below in zip(parts[::2], parts[1::2], strict=False) if below]
    if tag.type in (SHORT, LONG):
        size, kind = (2, "H") if tag.type == SHORT else (4, "I")
        return list(map(float, struct.unpack(f"{byte_order}{len(tag.content) // size}{kind}", tag.content)))
    if tag.type in FLOATS:  # which EXIF does not know, and programs write all the same
        size, kind = FLOATS[tag.type]
        return list(struct.unpack(f"{byte_order}{len(tag.content) // size}{kind}", tag.content))
    return []


def _utc_offset_s(offset: str | None) -> float | None:
    """Seconds to add to local time for UTC, of EXIF's `+02:00`."""
    try:
        sign, hours, minutes = (offset or "")[0], int((offset or "")[1:3]), int((offset or "")[4:6])
    except (IndexError, ValueError):
        return None
    return -math.copysign(3600 * hours + 60 * minutes, -1 if sign == "-" else 1)


def _degrees(place: Mapping[int, Tag], number: int, side: str | None, byte_order: str) -> float | None:
    parts = numbers(place.get(number), byte_order)
    if len(parts) != 3:
        return None
    degrees = parts[0] + parts[1] / 60 + parts[2] / 3600
    return -degrees if side in ("S", "W") else degrees
