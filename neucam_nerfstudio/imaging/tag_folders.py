"""Folders of tags, as EXIF and TIFF files have them, copied byte for byte: no type changes and no text is decoded."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import BinaryIO, Literal, NamedTuple

ByteOrder = Literal["<", ">"]

ASCII, LONG = 2, 4
"""Types of a tag (TIFF 6.0, section 2)."""

BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 129: 1}
"""Size of one value (TIFF 6.0, section 2; 129, UTF-8 text: EXIF 3.0)."""

HEADERS: dict[ByteOrder, bytes] = {"<": b"II*\0", ">": b"MM\0*"}
"""The first four bytes of a file."""

ENTRY_BYTES = 12
INLINE_BYTES = 4
"""Longer values lie outside their entry."""


class Tag(NamedTuple):
    """A tag as its file holds it.

    Attributes:
        type: Number of the type.
        content: The values, in the file's byte order.
    """

    type: int
    content: bytes

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.content) // BYTES_OF_TYPE[self.type]


Folder = dict[int, Tag]
"""Tags by their number."""


def text_tag(text: str) -> Tag:
    """A tag of text; what is not ASCII is UTF-8, as other programs write it too."""
    return Tag(ASCII, text.encode() + b"\0")


def read_header(file: BinaryIO) -> tuple[ByteOrder, int]:
    """Byte order of a TIFF file, or of an EXIF block, which is built like one, and where its main folder is.

    Raises:
        ValueError: It is not built so.
    """
    file.seek(0)
    header = file.read(8)
    for byte_order, mark in HEADERS.items():
        if len(header) == 8 and header.startswith(mark):
            return byte_order, struct.unpack(f"{byte_order}I", header[4:])[0]
    raise ValueError(f"{header!r} does not begin a TIFF file")


def read_folder(file: BinaryIO, start: int, byte_order: ByteOrder, wanted: Callable[[int], bool]) -> Folder:
    """The wanted tags of a folder; those of unknown type, or that reach beyond the file's end, are left out.

    Args:
        file: Open for reading.
        start: Where the folder is.
        byte_order: Of the file.
        wanted: Whether to keep a tag, by its number.
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


def read_pointed(file: BinaryIO, pointer: Tag, byte_order: ByteOrder, wanted: Callable[[int], bool]) -> Folder:
    """The wanted tags of a folder that a tag points to; none if it does not."""
    if len(pointer.content) != INLINE_BYTES:
        return {}
    return read_folder(file, struct.unpack(f"{byte_order}I", pointer.content)[0], byte_order, wanted)


def folder_bytes(folder: Folder, start: int, byte_order: ByteOrder) -> bytes:
    """A folder as it is written.

    Args:
        folder: The tags.
        start: Where in the file it will be; an even number.
        byte_order: Of the file.
    """
    entries, values = struct.pack(f"{byte_order}H", len(folder)), b""
    start_of_values = start + 2 + ENTRY_BYTES * len(folder) + 4
    for number, tag in sorted(folder.items()):
        inline = tag.content
        if len(tag.content) > INLINE_BYTES:
            inline = struct.pack(f"{byte_order}I", start_of_values + len(values))
            values += tag.content + bytes(len(tag.content) % 2)
        entries += struct.pack(f"{byte_order}HHI4s", number, tag.type, tag.count, inline)
    return entries + bytes(4) + values


def tree_bytes(main: Folder, folders: dict[int, Folder], start: int, byte_order: ByteOrder) -> bytes:
    """A folder as it is written, followed by those that it points to.

    Args:
        main: Its tags, without those that point.
        folders: The others, by the tag that points to each.
        start: Where in the file it will be; an even number.
        byte_order: Of the file.
    """
    whole = main | dict.fromkeys(folders, _pointer(0, byte_order))
    place, below = start + len(folder_bytes(whole, start, byte_order)), b""
    for number, folder in folders.items():
        whole[number] = _pointer(place + len(below), byte_order)
        below += folder_bytes(folder, place + len(below), byte_order)
    return folder_bytes(whole, start, byte_order) + below


def _pointer(start: int, byte_order: ByteOrder) -> Tag:
    return Tag(LONG, struct.pack(f"{byte_order}I", start))
