"""Camera settings from EXIF."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace

import exifread
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.imaging.exif import (
    ExifSettings,
    exposure_stops,
    focus_dioptres,
    orientation_hint,
    read_exif,
    unread_note,
)
from neucam_nerfstudio.imaging.exr_attributes import exr_attributes
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata


def test_settings_are_read(write_jpeg_with_exif):
    path = write_jpeg_with_exif("a.jpg", time_s="1/8", f_number="5.6", iso=200, distance_m="2.5")
    assert read_exif(path) == ExifSettings(exposure_time_s=0.125, f_number=5.6, iso=200.0, focus_distance_m=2.5)


def test_zero_means_unknown(write_jpeg_with_exif):
    assert read_exif(write_jpeg_with_exif("a.jpg", time_s=0, f_number=0, iso=0, distance_m=0)) == ExifSettings()


def test_file_without_exif_tells_nothing_and_prints_nothing(write_grey, capfd):
    assert read_exif(write_grey("a.png")) == ExifSettings()
    assert capfd.readouterr() == ("", "")


def test_broken_file_tells_nothing(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00MM\x00*")
    assert read_exif(tmp_path / "a.jpg") == ExifSettings()


def test_raw_files_that_are_no_tiff_tell_their_settings(write_raf):
    settings = read_exif(write_raf("a.raf", np.full((64, 96), 2000)))
    assert (settings.exposure_time_s, settings.iso, settings.focus_distance_m) == (0.125, 200, None)
    assert settings.f_number == pytest.approx(5.6)


def test_raw_files_that_tell_nothing_are_named():
    told, nothing = ExifSettings(exposure_time_s=1.0), ExifSettings()
    paths = [Path("a.CR3"), Path("b.raf"), Path("c.jpg")]
    assert unread_note(paths, [nothing, told, nothing]) == "EXIF of .cr3 files cannot be read."
    assert unread_note(paths, [nothing, nothing, told]) == "EXIF of .cr3, .raf files cannot be read."
    assert unread_note(paths, [told, told, nothing]) is None


def test_orientations_are_named_where_they_differ(tmp_path, write_grey):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (8, 6)).save(tmp_path / "turned.jpg", exif=exif)
    turned, upright = tmp_path / "turned.jpg", write_grey("upright.jpg")
    hint = " EXIF turns them differently (orientation 6 of turned.jpg, 1 of upright.jpg)."
    assert orientation_hint(turned, upright) == hint
    assert orientation_hint(turned, turned) == orientation_hint(upright, tmp_path / "clip.mp4.frames/00001.png") == ""


def test_infinite_focus_distance(write_jpeg_with_exif):
    assert read_exif(write_jpeg_with_exif("a.jpg", distance_m=0xFFFFFFFF)).focus_distance_m == math.inf


@pytest.mark.parametrize(("centimetres", "distance_m"), [(250, 2.5), (65535, math.inf), (0, None)])
def test_canon_tells_focus_distance_in_centimetres(write_grey, monkeypatch, centimetres, distance_m):
    tags = {"MakerNote SubjectDistance": SimpleNamespace(values=centimetres)}
    monkeypatch.setattr(exifread, "process_file", lambda file, **options: tags)
    assert read_exif(write_grey("a.png")).focus_distance_m == distance_m


def test_stops_are_relative_to_the_middle_exposure():
    bracket = [ExifSettings(time, 8.0, 100.0) for time in (1.0, 0.125, 8.0)]
    assert exposure_stops(bracket) == [0.0, -3.0, 3.0]


def test_aperture_and_sensitivity_count():
    frames = [ExifSettings(0.01, 4.0, 100.0), ExifSettings(0.01, 8.0, 100.0), ExifSettings(0.01, 4.0, 800.0)]
    assert exposure_stops(frames) == [0.0, -2.0, 3.0]


def test_lens_without_contacts_counts_as_constant():
    assert exposure_stops([ExifSettings(0.25), ExifSettings(1.0)]) == [0.0, 2.0]


@pytest.mark.parametrize("partial", [ExifSettings(), ExifSettings(1.0, None, 100.0), ExifSettings(1.0, 8.0, None)])
def test_exposures_that_only_some_files_tell_are_unknown(partial):
    assert exposure_stops([ExifSettings(1.0, 8.0, 100.0), partial]) is None


def test_focus_distances_become_dioptres():
    frames = [ExifSettings(focus_distance_m=distance) for distance in (0.5, 4.0, math.inf)]
    assert focus_dioptres(frames) == [2.0, 0.25, 0.0]


def test_focus_distances_that_only_some_files_tell_are_unknown():
    assert focus_dioptres([ExifSettings(focus_distance_m=1.0), ExifSettings()]) is None


def test_settings_as_floating_point_numbers_are_read(tmp_path):
    """EXIF has ratios; programs that do not know write floats all the same."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0x829A: 0.0025, 0x829D: 1.8, 0x8827: 64, 0x9206: 0.25})
    Image.new("RGB", (8, 6)).save(tmp_path / "a.jpg", exif=exif.tobytes())
    assert read_exif(tmp_path / "a.jpg") == ExifSettings(0.0025, 1.8, 64.0, 0.25)
    kept = read_metadata(tmp_path / "a.jpg").exif
    assert exr_attributes(kept) == {"expTime": 0.0025, "aperture": 1.8, "isoSpeed": 64.0, "focus": 0.25}
