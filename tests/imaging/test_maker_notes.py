"""Focus distances of makers' own tags, as exiv2 writes them, in metres."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.imaging import maker_notes
from neucam_nerfstudio.imaging.exif import ExifSettings, read_exif, unread_note
from neucam_nerfstudio.imaging.exif_block import EXIF_FOLDER
from neucam_nerfstudio.imaging.maker_notes import apple_focus_distance_m, exif_by_exiv2, maker_focus_distance_m
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata

exiv2: Any = pytest.importorskip("exiv2")
CANON, NIKON, OLYMPUS = "Canon", "NIKON CORPORATION", "OLYMPUS CORPORATION"
NIKON_KEYS = {"Nikon3.SerialNumber": "1234567", "Nikon3.ShutterCount": "100"}


def write(path: Path, make: str, tags: dict[str, Any]) -> Path:
    """A photograph of that maker's camera; tags by exiv2's keys without `Exif.`."""
    Image.new("RGB", (16, 12), (90, 80, 70)).save(path)
    image = exiv2.ImageFactory.open(str(path))
    image.readMetadata()
    exif = image.exifData()
    for key, value in {"Image.Make": make, **tags}.items():
        exif[f"Exif.{key}"] = value
    image.writeMetadata()
    return path


def canon_range(upper_cm: int, lower_cm: int) -> dict[str, Any]:
    signed = [each - 65536 if each > 32767 else each for each in (upper_cm, lower_cm)]
    names = ("CanonFi.FocusDistanceUpper", "CanonFi.FocusDistanceLower")
    return {name: exiv2.ShortValue([value]) for name, value in zip(names, signed, strict=True)}


def rational(above: int, below: int) -> Any:
    return exiv2.URationalValue([(above, below)])


def byte(value: int) -> Any:
    return exiv2.DataValue(bytes([value]))


def nikon_lens(steps: int) -> dict[str, Any]:
    return {**NIKON_KEYS, "NikonLd3.Version": exiv2.DataValue(b"0204"), "NikonLd3.FocusDistance": byte(steps)}


@pytest.mark.parametrize(
    ("make", "tags", "distance_m"),
    [
        (CANON, canon_range(82, 75), 2 / (1 / 0.82 + 1 / 0.75)),
        (CANON, canon_range(65535, 1000), 20.0),  # the middle of 0 and 0.1 dioptres
        (CANON, canon_range(65535, 65535), math.inf),
        (CANON, canon_range(40000, 40000), 400.0),
        (CANON, canon_range(0, 0), None),
        (CANON, {"CanonSi.SubjectDistance": exiv2.UShortValue([250])}, 2.5),
        (NIKON, nikon_lens(80), 1.0),
        (NIKON, nikon_lens(0), None),
        (NIKON, {"Nikon3.FocusDistance": rational(15, 10)}, 1.5),
        (NIKON, {"Nikon3.FocusDistance": rational(0, 1)}, None),
        (OLYMPUS, {"OlympusFi.FocusDistance": rational(1500, 10)}, 1.5),
        (OLYMPUS, {"OlympusFi.FocusDistance": rational(0xFFFFFFFF, 1)}, math.inf),
        ("Minolta", {"MinoltaCsNew.FocusDistance": exiv2.ULongValue([1230])}, 1.23),
        ("Minolta", {"MinoltaCsNew.FocusDistance": exiv2.ULongValue([0])}, math.inf),
        ("CASIO", {"Casio2.ObjectDistance": exiv2.ULongValue([1230])}, 1.23),
        ("SONY", {"Sony2Fp.FocusPosition2": byte(112), "Photo.FocalLengthIn35mmFilm": "50"}, 0.25),
        ("SONY", {"Sony2Fp.FocusPosition2": byte(255), "Photo.FocalLengthIn35mmFilm": "50"}, math.inf),
        ("Panasonic", {"Photo.SubjectDistance": rational(7, 2)}, 3.5),
        ("Maker", {}, None),
    ],
)
def test_focus_distance_is_in_metres(tmp_path, make, tags, distance_m):
    found = read_exif(write(tmp_path / "IMG_1.jpg", make, tags)).focus_distance_m
    assert found is None if distance_m is None else found == pytest.approx(distance_m)


def test_focus_distance_of_a_raw_file(tmp_path):
    tiff = write(tmp_path / "IMG_1.tif", NIKON, nikon_lens(60))
    assert read_exif(tiff.rename(tmp_path / "IMG_1.NEF")).focus_distance_m == pytest.approx(0.01 * 10**1.5)


def apple_note(nearest: tuple[int, int], farthest: tuple[int, int]) -> bytes:
    header = b"Apple iOS\0\0\1MM" + struct.pack(">H", 1)
    entry = struct.pack(">HHII", 0x000C, 10, 2, 32)  # two signed rationals, behind the folder's only entry
    return header + entry + struct.pack(">I4i", 0, *nearest, *farthest)


def test_an_iphone_tells_the_range_that_is_in_focus():
    note = apple_note((1, 4), (1, 2))
    assert apple_focus_distance_m(note) == pytest.approx(1 / 3)  # the middle of 4 and 2 dioptres
    assert apple_focus_distance_m(apple_note((0, 1), (0, 0))) is apple_focus_distance_m(b"Nikon\0") is None


def test_exif_of_raw_files_that_are_no_tiff_is_kept(tmp_path, write_raf):
    path = write_raf("a.raf", np.full((64, 96), 2000))
    exif = exif_by_exiv2(path)
    assert exif is not None and exif.main[271].content == b"FUJIFILM\0"
    kept = read_metadata(path).exif
    assert kept is not None and kept.main[272].content == b"X-Test\0"
    assert struct.unpack("<2I", kept.folders[EXIF_FOLDER][33434].content) == (1, 8)


def test_without_the_library_nothing_breaks_and_a_line_says_so(tmp_path, monkeypatch):
    path = write(tmp_path / "IMG_1.jpg", CANON, canon_range(82, 75))
    monkeypatch.setattr(maker_notes, "find_spec", lambda name: None)
    assert maker_focus_distance_m(path) is None and exif_by_exiv2(path) is None
    told = ExifSettings(exposure_time_s=1.0)
    note = "Focus distances in makers' notes are read with pip install 'neucam-nerfstudio[focus]'."
    assert unread_note([Path("a.nef"), Path("b.nef")], [told, told]) == note
    assert unread_note([Path("a.jpg")], [told]) is None
