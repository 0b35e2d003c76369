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
ASCII, SHORT, LONG, RATIONAL, LONG8 = 2, 3, 4, 5, 16
"""Types of a tag (TIFF 6.0, section 2; BigTIFF)."""
BYTES_OF_TYPE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
BYTES_OF_TYPE |= {16: 8, 17: 8, 18: 8, 129: 1}
"""Size of one value by the type of its tag (TIFF 6.0, section 2; from 16 on BigTIFF; 129 is UTF-8 text: EXIF 3.0)."""


class FolderLayout(NamedTuple):
    """How long the numbers of a folder are, in `struct`'s letters.

    Attributes:
        num_entries: How many tags there are.
        entry: A tag's number, type and count of values; its values follow, or the place where they lie.
        place: A place in the file, of which values as long lie in the entry itself.
        place_type: Type of a tag that holds such a place.
    """

    num_entries: str
    entry: str
    place: str
    place_type: int

    @property
    def inline_bytes(self) -> int:
        """Size of the longest values that lie in the entry itself."""
        return struct.calcsize(f"<{self.place}")

    @property
    def entry_bytes(self) -> int:
        """Size of a tag's entry in its folder."""
        return struct.calcsize(f"<{self.entry}") + self.inline_bytes


CLASSIC_LAYOUT = FolderLayout("H", "HHI", "I", LONG)
"""Of TIFF 6.0, section 2, and EXIF blocks: files of less than 4 GiB."""
BIG_LAYOUT = FolderLayout("Q", "HHQ", "Q", LONG8)
"""Of BigTIFF (libtiff's design of 2007)."""


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

    def tree_bytes(self, start: int, layout: FolderLayout = CLASSIC_LAYOUT) -> bytes:
        """The tags as a file holds them from `start`, an even number, on: the main folder, then the others."""

        def folder_bytes(folder: Folder, place: int) -> bytes:
            return _folder_bytes(folder, place, self.byte_order, layout)

        pointers = dict.fromkeys(self.folders, Tag(layout.place_type, bytes(layout.inline_bytes)))
        place, below = start + len(folder_bytes(self.main | pointers, start)), b""
        for number, folder in self.folders.items():
            content = struct.pack(f"{self.byte_order}{layout.place}", place + len(below))
            pointers[number] = Tag(layout.place_type, content)
            below += folder_bytes(folder, place + len(below))
        return folder_bytes(self.main | pointers, start) + below


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


def read_folder(
    file: BufferedIOBase,
    start: int,
    byte_order: ByteOrder,
    wanted: Callable[[int], bool],
    layout: FolderLayout = CLASSIC_LAYOUT,
) -> Folder:
    """The wanted tags of the folder at `start`, told by number.

    Tags of unknown type are left out, and those whose values lie beyond the file's end.
    """
    end = file.seek(0, 2)
    file.seek(start)
    size_of_count = struct.calcsize(f"<{layout.num_entries}")
    content = file.read(size_of_count).ljust(size_of_count, b"\0")
    (num_entries,) = struct.unpack(f"{byte_order}{layout.num_entries}", content)
    entries = file.read(layout.entry_bytes * num_entries)
    folder: Folder = {}
    for place in range(0, len(entries) - layout.entry_bytes + 1, layout.entry_bytes):
        entry = f"{byte_order}{layout.entry}{layout.inline_bytes}s"
        number, type_, count, inline = struct.unpack_from(entry, entries, place)
        if type_ not in BYTES_OF_TYPE or not wanted(number):
            continue
        size = count * BYTES_OF_TYPE[type_]
        if size <= layout.inline_bytes:
            folder[number] = Tag(type_, inline[:size])
            continue
        (place_of_values,) = struct.unpack(f"{byte_order}{layout.place}", inline)
        if place_of_values + size <= end:
            file.seek(place_of_values)
            folder[number] = Tag(type_, file.read(size))
    return folder


def read_pointed(file: BufferedIOBase, pointer: Tag, byte_order: ByteOrder, wanted: Callable[[int], bool]) -> Folder:
    """The wanted tags of the folder that a tag points to; empty if the tag is not a pointer."""
    if len(pointer.content) != CLASSIC_LAYOUT.inline_bytes:
        return {}
    return read_folder(file, struct.unpack(f"{byte_order}I", pointer.content)[0], byte_order, wanted)


def _folder_bytes(folder: Folder, start: int, byte_order: ByteOrder, layout: FolderLayout) -> bytes:
    entries, values = struct.pack(f"{byte_order}{layout.num_entries}", len(folder)), b""
    start_of_values = start + len(entries) + layout.entry_bytes * len(folder) + layout.inline_bytes
    for number, tag in sorted(folder.items()):
        inline = tag.content
        if len(tag.content) > layout.inline_bytes:
            inline = struct.pack(f"{byte_order}{layout.place}", start_of_values + len(values))
            values += tag.content + bytes(len(tag.content) % 2)
        count = len(tag.content) // BYTES_OF_TYPE[tag.type]
        entries += struct.pack(f"{byte_order}{layout.entry}", number, tag.type, count)
        entries += inline.ljust(layout.inline_bytes, b"\0")
    return entries + bytes(layout.inline_bytes) + values
