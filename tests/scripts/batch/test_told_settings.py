"""What is said of a capture before its photographs are decoded, and after."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.batch.told_settings import glance_at_settings, settings_of

DESK = "9 photographs, 90x60, 3 focus settings (names), 3 exposures, -3 to +3 stops (exposure.txt)"


def test_names_and_lists_tell_what_the_scan_finds(tiny_desk, desk):
    assert str(glance_at_settings(tiny_desk, "settings")) == DESK == str(settings_of(desk))


def test_a_manifest_has_the_last_word(tiny_capture):
    capture, _ = open_capture(tiny_capture, train_frames=("F0*", "F1*"), eval_frames=("F0*", "F1*"))
    capture.save(tiny_capture / "capture.json")
    assert str(glance_at_settings(tiny_capture / "capture.json", "settings")).startswith(
        "6 photographs, 90x60, 2 focus"
    )


def test_exif_tells_exposures_and_only_pictures_the_focus(write_jpeg_with_exif, tmp_path):
    for name, time_s in (("a.jpg", "1/60"), ("b.jpg", "1/15")):
        write_jpeg_with_exif(name, time_s=time_s, f_number=8, iso=100)
    told = glance_at_settings(tmp_path, "settings")
    assert str(told).startswith("2 photographs, 8x6, focus by the pictures, 2 exposures, ") and "(EXIF)" in str(told)
    assert told.exposure_stops[1] - told.exposure_stops[0] == pytest.approx(2, abs=0.01)
    assert str(glance_at_settings(tmp_path, "focus-stack", 2)).startswith(
        "2 photographs, 4x3, 2 focus settings (order)"
    )
    assert "2 focus settings (moments)" in str(glance_at_settings(tmp_path, "moments"))


def test_a_photograph_that_lies_on_its_side_is_measured_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (40, 20)).save(tmp_path / name, exif=exif)
    told = glance_at_settings(tmp_path, "settings")
    assert (told.width, told.height) == (20, 40)


def test_frames_of_an_array(tmp_path):
    np.save(tmp_path / "clip.npy", np.zeros((4, 6, 8, 3), np.uint8))
    told = str(glance_at_settings(tmp_path / "clip.npy", "moments"))
    assert told == "4 frames of an array, 8x6, 4 focus settings (moments), exposures by the pictures"


def test_what_cannot_be_used_is_said(tiny_capture):
    (tiny_capture / "F0E0.png").rename(tiny_capture / "other.png")
    with pytest.raises(NeucamError, match="other.png: its name carries no F<number>"):
        glance_at_settings(tiny_capture, "settings")
