"""EXIF for the AVIF files that FFmpeg writes, which has no place for it: one more item of the file (ISO 23008-12)."""

import struct

Box = tuple[bytes, bytes]
"""Its four-letter name, and its content."""

FULL_BOX_BYTES = 4
"""Version and flags, with which some boxes begin."""
EXIF_ITEM, PICTURE_ITEM = 2, 1
"""Numbers of the items in the file."""
LOCATION_SIZES = b"\x44\x00"
"""How FFmpeg's table of items is built: places and lengths have four bytes, and there is no base."""
LOCATION_BYTES = 14
"""Of an item in that table, which lies in one piece."""


def with_exif_item(content: bytes, exif: bytes) -> bytes:
    """An AVIF file with an EXIF item.

    Args:
        content: The file, as FFmpeg writes it: one item, the picture.
        exif: The EXIF block, from its byte order mark on.

    Raises:
        ValueError: The file is built otherwise.
    """
    boxes = _boxes(content)
    names = [name for name, _ in boxes]
    place = names.index(b"meta")
    meta = boxes[place][1]
    header, children = meta[:FULL_BOX_BYTES], dict(_boxes(meta[FULL_BOX_BYTES:]))
    table, items = children[b"iloc"], children[b"iinf"]
    if table[4:6] != LOCATION_SIZES or struct.unpack(">H", table[6:8])[0] != PICTURE_ITEM or b"iref" in children:
        raise ValueError("not an AVIF of one picture, as FFmpeg writes it")
    item = _box(b"infe", b"\2\0\0\1" + struct.pack(">HH", EXIF_ITEM, 0) + b"Exif\0")
    described = _box(b"cdsc", struct.pack(">HHH", EXIF_ITEM, 1, PICTURE_ITEM))
    children[b"iinf"] = items[:FULL_BOX_BYTES] + struct.pack(">H", 2) + items[6:] + item
    children = {
        name: child
        for key, value in children.items()
        for name, child in (((b"iref", bytes(FULL_BOX_BYTES) + described),) if key == b"iprp" else ()) + ((key, value),)
    }

    def file_with(table: bytes) -> bytes:
        parts = b"".join(_box(name, child) for name, child in (children | {b"iloc": table}).items())
        return b"".join(_box(name, header + parts if name == b"meta" else part) for name, part in boxes)

    growth = len(file_with(table + bytes(LOCATION_BYTES))) - len(content)
    entry = bytearray(table[8 : 8 + LOCATION_BYTES])
    number, _, pieces, start = struct.unpack_from(">HHHI", entry)
    if (number, pieces) != (PICTURE_ITEM, 1):
        raise ValueError("not an AVIF of one picture in one piece")
    struct.pack_into(">I", entry, 6, start + growth)
    data = bytes(4) + exif  # where in the item the block begins
    place_of_data = len(content) + growth + 8
    own = struct.pack(">HHHII", EXIF_ITEM, 0, 1, place_of_data, len(data))
    table = table[:6] + struct.pack(">H", 2) + bytes(entry) + own
    return file_with(table) + _box(b"mdat", data)


def _boxes(content: bytes) -> list[Box]:
    found, place = [], 0
    while place + 8 <= len(content):
        size, name = struct.unpack_from(">I4s", content, place)
        if size < 8:
            raise ValueError(f"a box {name!r} of {size} bytes")
        found.append((name, content[place + 8 : place + size]))
        place += size
    return found


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), name) + content
