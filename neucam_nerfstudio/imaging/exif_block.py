"""EXIF blocks and the folders of TIFF files, byte for byte: no type changes, and no text is decoded."""

import struct
from collections.abc import Callable
from io import BufferedIOBase
from typing import Literal, NamedTuple

from neucam_nerfstudio import __version__

SOFTWARE = f"neucam-nerfstudio {__version__}"
"""Program that written files name."""

DESCRIPTION_TAG, SOFTWARE_TAG, EXIF_FOLDER, GPS_FOLDER = 270, 305, 34665, 34853
"""Numbers of main tags: two of text, and two that point to folders."""

ByteOrder = Literal["<", ">"]
HEADERS: dict[ByteOrder, bytes] = {"<": b"II*\0", ">": b"MM\0*"}
"""First four bytes of a TIFF file or EXIF block."""
RAW_HEADERS: dict[bytes, ByteOrder] = {b"IIRO": "<", b"IIRS": "<", b"IIU\0": "<", b"MMOR": ">"}
"""Those of RAW files of Olympus and Panasonic, which are built like TIFF files beyond them."""
ASCII, SHORT, LONG, RATIONAL = 2, 3, 4, 5
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
    marks: dict[bytes, ByteOrder] = {mark: order for order, mark in HEADERS.items()}
    byte_order = (marks | RAW_HEADERS).get(header[:4])
    if byte_order is not None and len(header) == 8:
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
