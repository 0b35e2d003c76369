"""The colour profile and EXIF of a photograph's file, kept for pictures that are made from it.

EXIF tags are copied byte for byte: no type changes, and no text is decoded.
"""

import struct
from collections.abc import Callable, Collection
from io import BufferedIOBase
from pathlib import Path
from typing import Literal, NamedTuple

from neucam_nerfstudio import __version__
from neucam_nerfstudio.imaging.colour_profiles import is_rgb_profile
from neucam_nerfstudio.imaging.large_pictures import open_with_pillow
from neucam_nerfstudio.imaging.raw_files import is_raw

SOFTWARE = f"neucam-nerfstudio {__version__}"
"""Program that written files name."""

DESCRIPTION_TAG, SOFTWARE_TAG, EXIF_FOLDER, GPS_FOLDER = 270, 305, 34665, 34853
KEPT_TAGS = {
    DESCRIPTION_TAG: "ImageDescription",
    271: "Make",
    272: "Model",
    306: "DateTime",
    315: "Artist",
    33432: "Copyright",
}
"""Main tags that describe the photograph; the others describe how its file stores the pixels."""
DROPPED_EXIF_TAGS = {37500: "MakerNote", 40962: "PixelXDimension", 40963: "PixelYDimension", 40965: "Interoperability"}
"""EXIF tags that hold the photograph's size, or places in its file."""

TurnedDial = Literal["focus", "aperture", "exposure"]
"""A setting of the camera that a picture may have differently from its photograph."""

TAGS_OF_DIAL: dict[TurnedDial, dict[int, str]] = {
    "focus": {37382: "SubjectDistance", 41996: "SubjectDistanceRange"},
    "aperture": {33437: "FNumber", 37378: "ApertureValue"},
    "exposure": {
        33434: "ExposureTime",
        37377: "ShutterSpeedValue",
        34855: "PhotographicSensitivity",
        34864: "SensitivityType",
        34865: "StandardOutputSensitivity",
        34866: "RecommendedExposureIndex",
        34867: "ISOSpeed",
        34868: "ISOSpeedLatitudeyyy",
        34869: "ISOSpeedLatitudezzz",
        37380: "ExposureBiasValue",
        41493: "ExposureIndex",
    },
}
"""EXIF tags that are wrong for a picture with another setting (EXIF 2.32)."""

ByteOrder = Literal["<", ">"]
HEADERS: dict[ByteOrder, bytes] = {"<": b"II*\0", ">": b"MM\0*"}
"""First four bytes of a TIFF file or EXIF block."""
ASCII, LONG = 2, 4
"""Types of a tag (TIFF 6.0, section 2)."""
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
"""Size of one value by the type of its tag (TIFF 6.0, section 2; 129 is UTF-8 text: EXIF 3.0)."""
ENTRY_BYTES, INLINE_BYTES = 12, 4
"""Size of a tag's entry in its folder, and of the longest values that lie in the entry itself."""


class Tag(NamedTuple):
    """A tag as its file holds it: number of its type, and its values in the file's byte order."""

    type: int
    content: bytes


Folder = dict[int, Tag]
"""Tags by number; TIFF calls this an image file directory."""


class Exif(NamedTuple):
    """EXIF tags, byte for byte those of a photograph.

    Attributes:
        byte_order: Byte order of all values.
        main: The main tags, without those that point to folders.
        folders: The folders of EXIF and GPS tags, by the main tag that points to each.
    """

    byte_order: ByteOrder
    main: Folder
    folders: dict[int, Folder]

    def block(self) -> bytes:
        """The EXIF block of a JPEG or PNG file, from its byte order mark on."""
        start = 8
        header = HEADERS[self.byte_order] + struct.pack(f"{self.byte_order}I", start)
        return header + self.tree_bytes(start)

    def tree_bytes(self, start: int) -> bytes:
        """The tags as a file holds them from `start`, an even number, on: the main folder, then the others."""
        pointers = dict.fromkeys(self.folders, Tag(LONG, bytes(INLINE_BYTES)))
        place, below = start + len(_folder_bytes(self.main | pointers, start, self.byte_order)), b""
        for number, folder in self.folders.items():
            pointers[number] = Tag(LONG, struct.pack(f"{self.byte_order}I", place + len(below)))
            below += _folder_bytes(folder, place + len(below), self.byte_order)
        return _folder_bytes(self.main | pointers, start, self.byte_order) + below


class PhotographMetadata(NamedTuple):
    """What is kept from a photograph's file; None if the file does not say.

    Attributes:
        icc_profile: The colours that its R, G, B stand for.
        exif: Camera, lens, time, place and settings.
    """

    icc_profile: bytes | None
    exif: Exif | None


def read_metadata(path: Path, turned: Collection[TurnedDial] = ()) -> PhotographMetadata:
    """Reads the profile and EXIF of a photograph, for an upright picture of any size.

    Three profiles are left out, because they do not fit the pixels as they are read: that of a RAW file, which is
    developed to linear light, and those of grey and CMYK files, which are read as R, G, B. A RAW file keeps its EXIF if
    it is built like a TIFF file. A frame of a video has neither. The tags of `turned` settings, which the picture has
    differently, are left out.
    """
    if not path.is_file():
        return PhotographMetadata(None, None)
    if is_raw(path):
        with path.open("rb") as file:
            return PhotographMetadata(None, _kept(file, turned))
    from PIL import UnidentifiedImageError

    try:
        with open_with_pillow(path) as photograph:
            profile = photograph.info.get("icc_profile")
            exif_file: BufferedIOBase | None = getattr(photograph.getexif(), "fp", None)  # where Pillow reads EXIF from
            return PhotographMetadata(
                profile if profile and is_rgb_profile(profile) else None,
                None if exif_file is None else _kept(exif_file, turned),
            )
    except UnidentifiedImageError:  # such as a float TIFF, whose pixels another library reads
        return PhotographMetadata(None, None)


def _kept(file: BufferedIOBase, turned: Collection[TurnedDial]) -> Exif | None:
    dropped = DROPPED_EXIF_TAGS.keys() | {tag for dial in turned for tag in TAGS_OF_DIAL[dial]}
    wanted = {EXIF_FOLDER: lambda tag: tag not in dropped, GPS_FOLDER: lambda tag: True}
    try:
        byte_order, start = read_header(file)
    except ValueError:  # not built like a TIFF file
        return None
    main = read_folder(file, start, byte_order, lambda tag: tag in KEPT_TAGS or tag in wanted)
    pointers = {tag: main.pop(tag) for tag in wanted if tag in main}
    folders = {tag: read_pointed(file, pointer, byte_order, wanted[tag]) for tag, pointer in pointers.items()}
    folders = {tag: folder for tag, folder in folders.items() if folder}
    if not main and not folders:
        return None
    return Exif(byte_order, main | {SOFTWARE_TAG: text_tag(SOFTWARE)}, folders)


def text_tag(text: str) -> Tag:
    """A tag of text; characters beyond ASCII are UTF-8, as other programs write them too."""
    return Tag(ASCII, text.encode() + b"\0")


def read_header(file: BufferedIOBase) -> tuple[ByteOrder, int]:
    """Byte order of a TIFF file or EXIF block, and where its main folder is.

    Raises:
        ValueError: It does not begin like one.
    """
    file.seek(0)
    header = file.read(8)
    for byte_order, mark in HEADERS.items():
        if len(header) == 8 and header.startswith(mark):
            return byte_order, struct.unpack(f"{byte_order}I", header[4:])[0]
    raise ValueError(f"{header!r} does not begin a TIFF file")


def read_folder(file: BufferedIOBase, start: int, byte_order: ByteOrder, wanted: Callable[[int], bool]) -> Folder:
    """The wanted tags of the folder at `start`, told by number.

    Tags of unknown type are left out, and those whose values lie beyond the file's end.
    """
    end = file.seek(0, 2)
    file.seek(start)
    (num_entries,) = struct.unpack(f"{byte_order}H", file.read(2).ljust(2, b"\0"))
    entries = file.read(ENTRY_BYTES * num_entries)
    folder: Folder = {}
    for place in range(0, len(entries) - ENTRY_BYTES + 1, ENTRY_BYTES):
        number, type_, count, inline = struct.unpack_from(f"{byte_order}HHI4s", entries, place)
        if type_ not in BYTES_OF_TYPE or not wanted(number):
            continue
        size = count * BYTES_OF_TYPE[type_]
        if size <= INLINE_BYTES:
            folder[number] = Tag(type_, inline[:size])
            continue
        (place_of_values,) = struct.unpack(f"{byte_order}I", inline)
        if place_of_values + size <= end:
            file.seek(place_of_values)
            folder[number] = Tag(type_, file.read(size))
    return folder


def read_pointed(file: BufferedIOBase, pointer: Tag, byte_order: ByteOrder, wanted: Callable[[int], bool]) -> Folder:
    """The wanted tags of the folder that a tag points to; empty if the tag is not a pointer."""
    if len(pointer.content) != INLINE_BYTES:
        return {}
    return read_folder(file, struct.unpack(f"{byte_order}I", pointer.content)[0], byte_order, wanted)


def _folder_bytes(folder: Folder, start: int, byte_order: ByteOrder) -> bytes:
    entries, values = struct.pack(f"{byte_order}H", len(folder)), b""
    start_of_values = start + 2 + ENTRY_BYTES * len(folder) + 4
    for number, tag in sorted(folder.items()):
        inline = tag.content
        if len(tag.content) > INLINE_BYTES:
            inline = struct.pack(f"{byte_order}I", start_of_values + len(values))
            values += tag.content + bytes(len(tag.content) % 2)
        count = len(tag.content) // BYTES_OF_TYPE[tag.type]
        entries += struct.pack(f"{byte_order}HHI4s", number, tag.type, count, inline)
    return entries + bytes(4) + values
