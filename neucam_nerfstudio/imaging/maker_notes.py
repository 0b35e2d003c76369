"""Focus distances that makers of cameras write in tags of their own, and EXIF of RAW files that are built unlike TIFF.

Most of it is what exiv2 knows, an optional library (`pip install 'neucam-nerfstudio[focus]'`).
"""

import math
import struct
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

from neucam_nerfstudio.imaging.exif_block import EXIF_FOLDER, GPS_FOLDER, Exif, Folder, Tag, read_folder

EXIV2_LOCK = Lock()
"""exiv2's parser of XMP serves one file at a time, and several threads read photographs."""
FOLDERS_OF_EXIV2 = {"Image": None, "Photo": EXIF_FOLDER, "GPSInfo": GPS_FOLDER}
"""exiv2's names of the main folder, and of those that a main tag points to."""
LONGEST_TAG = 1 << 16
"""Bytes of the longest tag that is kept: none of a camera's settings is longer."""

CENTIMETRES_INFINITE = 0xFFFF
"""Canon's distance of infinity."""
MILLIMETRES_INFINITE = 0x20000000
"""From where on distances of Casio and Olympus, in millimetres, are infinity."""
SONY_INFINITE = 255
"""Sony's focus position of infinity."""
APPLE_HEADER = b"Apple iOS\0"
APPLE_FOLDER_START, APPLE_FOCUS_RANGE = 14, 0x000C
"""Where the tags of an iPhone's maker note begin, and that of the nearest and farthest focus, in metres (ExifTool)."""
SIGNED_RATIONAL = 10


def exiv2_is_there() -> bool:
    """Whether the library is installed."""
    return find_spec("exiv2") is not None


def maker_focus_distance_m(path: Path) -> float | None:
    """Distance in metres at which a camera was focused, by its maker's own tags; infinity is `math.inf`.

    Canon, Nikon, Olympus, Minolta, Casio; Sony by its lens's position (ExifTool's formula). Formulas are those of
    ExifTool and darktable. None where the maker does not tell, or exiv2 is not installed.
    """
    found = _tags_by_exiv2(path, lambda key: key in WANTED)
    return next((distance for read in MAKERS if (distance := read(found)) is not None), None)


def apple_focus_distance_m(maker_note: bytes) -> float | None:
    """The middle, in dioptres, of the range in which an iPhone says that all is in focus."""
    if not maker_note.startswith(APPLE_HEADER):
        return None
    told = read_folder(BytesIO(maker_note), APPLE_FOLDER_START, ">", lambda tag: tag == APPLE_FOCUS_RANGE)
    tag = told.get(APPLE_FOCUS_RANGE)
    if tag is None or tag.type != SIGNED_RATIONAL or len(tag.content) != 16:
        return None
    numbers = struct.unpack(">4i", tag.content)
    ends = [above / below for above, below in zip(numbers[::2], numbers[1::2], strict=True) if below]
    return _mean_distance_m(*ends) if len(ends) == 2 and min(ends) > 0 else None


def exif_by_exiv2(path: Path) -> Exif | None:
    """EXIF and GPS tags of any file that exiv2 reads, in Intel's byte order; None without it, or without such tags."""
    found = _tags_by_exiv2(path, lambda key: key.split(".")[1] in FOLDERS_OF_EXIV2, as_bytes=True)
    main: Folder = {}
    folders: dict[int, Folder] = {EXIF_FOLDER: {}, GPS_FOLDER: {}}
    for key, (number, tag) in found.items():
        pointer = FOLDERS_OF_EXIV2[key.split(".")[1]]
        (main if pointer is None else folders[pointer])[number] = tag
    folders = {pointer: tags for pointer, tags in folders.items() if tags}
    return Exif("<", main, folders) if main or folders else None


def _tags_by_exiv2(path: Path, wanted: Callable[[str], bool], as_bytes: bool = False) -> dict[str, Any]:
    """Tags by exiv2's keys: numerator of their first value and its denominator, or number and bytes."""
    if not exiv2_is_there():
        return {}
    exiv2: Any = import_module("exiv2")

    def content(datum: Any) -> Any:
        if not as_bytes:
            return datum.value().toRational(0) if datum.count() else (0, 1)
        buffer = bytearray(datum.size())
        datum.copy(buffer, exiv2.ByteOrder.littleEndian)
        return datum.tag(), Tag(int(datum.typeId()), bytes(buffer))

    with EXIV2_LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of `copy`, the only way to a value's bytes
        exiv2.LogMsg.setLevel(exiv2.LogMsg.Level.mute)
        try:
            image = exiv2.ImageFactory.open(str(path))
            image.readMetadata()
            told = image.exifData()
            return {each.key(): content(each) for each in told if wanted(each.key()) and each.size() <= LONGEST_TAG}
        except exiv2.Exiv2Error:  # a file of a kind that it does not know, or a broken one, which decoding reports
            return {}


Told = dict[str, tuple[int, int]]


def _mean_distance_m(*distances_m: float) -> float:
    """The middle of distances in dioptres, in which a lens's steps are even."""
    dioptres = sum(1 / each for each in distances_m) / len(distances_m)
    return 1 / dioptres if dioptres > 0 else math.inf


def _canon(told: Told) -> float | None:
    def metres(key: str) -> Iterator[float]:
        centimetres = told.get(key, (0, 1))[0] & CENTIMETRES_INFINITE  # exiv2 takes it for signed
        if centimetres:
            yield math.inf if centimetres == CENTIMETRES_INFINITE else centimetres / 100

    ends = [*metres("Exif.CanonFi.FocusDistanceUpper"), *metres("Exif.CanonFi.FocusDistanceLower")]
    ends = ends or [*metres("Exif.CanonSi.SubjectDistance")]
    return _mean_distance_m(*ends) if ends else None


def _nikon(told: Told) -> float | None:
    steps = 0.0
    if told.get("Exif.NikonLd4.LensID", (0, 1))[0]:  # a lens of the Z mount
        steps = told.get("Exif.NikonLd4.FocusDistance2", (0, 1))[0] / 256
    for key in ("Exif.NikonLd2.FocusDistance", "Exif.NikonLd3.FocusDistance", "Exif.NikonLd4.FocusDistance"):
        steps = steps or float(told.get(key, (0, 1))[0])
    if steps:
        return 0.01 * 10 ** (steps / 40)
    metres = (told.get(key, (0, 1)) for key in ("Exif.Nikon3.FocusDistance", "Exif.Nikon1.FocusDistance"))
    return next((above / below for above, below in metres if above > 0 and below > 0), None)


def _millimetres(told: Told) -> float | None:
    keys = ("Exif.OlympusFi.FocusDistance", "Exif.Casio.ObjectDistance", "Exif.Casio2.ObjectDistance")
    for key in keys:  # Olympus's denominator is 1 or 10, and means nothing
        millimetres = told.get(key, (0, 1))[0] & 0xFFFFFFFF
        if millimetres:
            return math.inf if millimetres >= MILLIMETRES_INFINITE else millimetres / 1000
    minolta = told.get("Exif.MinoltaCsNew.FocusDistance")
    return None if minolta is None else minolta[0] / 1000 or math.inf


def _sony(told: Told) -> float | None:
    position = told.get("Exif.Sony2Fp.FocusPosition2", (0, 1))[0]
    above, below = told.get("Exif.Photo.FocalLengthIn35mmFilm", (0, 1))
    if position >= SONY_INFINITE:
        return math.inf
    return (2 ** (position / 16 - 5) + 1) * above / below / 1000 if position > 0 and above > 0 else None


MAKERS = (_canon, _nikon, _millimetres, _sony)
WANTED = frozenset(
    f"Exif.{name}"
    for name in (
        "CanonFi.FocusDistanceUpper CanonFi.FocusDistanceLower CanonSi.SubjectDistance NikonLd4.LensID"
        " NikonLd4.FocusDistance2 NikonLd2.FocusDistance NikonLd3.FocusDistance NikonLd4.FocusDistance"
        " Nikon3.FocusDistance Nikon1.FocusDistance OlympusFi.FocusDistance Casio.ObjectDistance Casio2.ObjectDistance"
        " MinoltaCsNew.FocusDistance Sony2Fp.FocusPosition2 Photo.FocalLengthIn35mmFilm"
    ).split()
)
"""exiv2's keys of the tags that tell the distance."""
