import io
import struct

import pytest
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from neucam_nerfstudio.imaging.tag_folders import Tag, read_folder, read_header, read_pointed, text_tag, tree_bytes

SHORT, SIGNED_RATIONAL, UNDEFINED, UTF8 = 3, 10, 7, 129


def all_tags(tag: int) -> bool:
    return True


@pytest.mark.parametrize(("byte_order", "mark"), [("<", b"II*\0"), (">", b"MM\0*")])
def test_folders_are_read_as_they_were_written(byte_order, mark):
    main = {
        33432: Tag(UTF8, "© Müller\0".encode()),
        271: text_tag("Ma"),
        65000: Tag(SHORT, struct.pack(f"{byte_order}3H", 1, 2, 3)),
    }
    below = {37380: Tag(SIGNED_RATIONAL, struct.pack(f"{byte_order}2i", -10, 30)), 41728: Tag(UNDEFINED, b"\3")}
    folders = {34665: below, 34853: {1: text_tag("N")}}
    file = io.BytesIO(mark + struct.pack(f"{byte_order}I", 8) + tree_bytes(main, folders, 8, byte_order))
    assert read_header(file) == (byte_order, 8)
    read = read_folder(file, 8, byte_order, all_tags)
    assert {tag: read_pointed(file, read.pop(tag), byte_order, all_tags) for tag in folders} == folders
    assert read == main
    by_pillow = ImageFileDirectory_v2(file.getvalue()[:8])
    file.seek(8)
    by_pillow.load(file)
    assert (by_pillow[271], by_pillow[65000]) == ("Ma", (1, 2, 3))


def test_only_wanted_tags_are_read():
    file = io.BytesIO(bytes(8) + tree_bytes({1: text_tag("N"), 2: text_tag("S")}, {}, 8, "<"))
    assert read_folder(file, 8, "<", lambda tag: tag == 2) == {2: text_tag("S")}


def test_a_broken_folder_gives_what_is_whole():
    """A tag of unknown type, one whose values lie beyond the end, and one that points nowhere."""
    folder = bytearray(tree_bytes({1: text_tag("N"), 2: text_tag("far away"), 3: text_tag("x")}, {}, 8, "<"))
    struct.pack_into("<H", folder, 2 + 2 * 12 + 2, 99)
    struct.pack_into("<I", folder, 2 + 12 + 4, 1 << 31)
    file = io.BytesIO(bytes(8) + folder)
    assert read_folder(file, 8, "<", all_tags) == {1: text_tag("N")}
    assert read_folder(file, 5000, "<", all_tags) == {}
    assert read_pointed(file, text_tag("N"), "<", all_tags) == {}


@pytest.mark.parametrize("content", [b"", b"II*\0", b"\x89PNG\r\n\x1a\n", b"II+\0\x08\0\0\0"])
def test_what_is_no_tiff_is_refused(content):
    with pytest.raises(ValueError, match="does not begin a TIFF file"):
        read_header(io.BytesIO(content))
