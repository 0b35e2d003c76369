"""Exposures that people write down: in lists of other programs, in tables and in names of files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.exposure_lists import read_exposure_file, read_other_list
from neucam_nerfstudio.capture.settings.exposure_numbers import ExposureList, exposures_in_names
from neucam_nerfstudio.errors import NeucamError

FRAMES = [Path(f"IMG {number}.jpg") for number in (1, 2, 3)]
STOPS = [-3.0, 0.0, 1.0]  # of 1/8 s, 1 s and 2 s


def read(folder: Path, name: str, text: str, encoding: str = "utf-8") -> ExposureList | str | None:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return read_other_list(path, FRAMES)


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("1/8 s\n1 s\n2 s\n", "seconds"),
        ("1/8\n1\n2", "seconds"),
        ('1/8 1" 2"', "seconds"),
        ("125ms\n1000 ms\n2000ms", "seconds"),
        ("0.125 sec\n1 seconds\n2s", "seconds"),
        ("-3 EV\n0EV\n+1 stop", "stops"),
        ("-3\n0\n1", "stops"),
        ("IMG 3.jpg 2\nIMG 1.jpg 1/8\nIMG 2.jpg 1\n", "seconds"),
    ],
)
def test_exposure_file_has_stops_or_seconds(tmp_path, text, meaning):
    (tmp_path / "exposure.txt").write_text(text)
    found = read_exposure_file(tmp_path / "exposure.txt", FRAMES)
    assert found.readings == {meaning: pytest.approx(STOPS)}


def test_negative_fractions_are_stops(tmp_path):
    (tmp_path / "exposure.txt").write_text("-2/3\n0\n2/3")
    assert read_exposure_file(tmp_path / "exposure.txt", FRAMES).readings == {
        "stops": pytest.approx([-2 / 3, 0, 2 / 3])
    }


def test_positive_numbers_may_be_anything_and_first_stops(tmp_path):
    (tmp_path / "exposure.txt").write_text("0.125 1 2")
    readings = read_exposure_file(tmp_path / "exposure.txt", FRAMES).readings
    assert list(readings) == ["stops", "seconds", "1/seconds"]
    assert readings["stops"] == [0.125, 1, 2] and readings["1/seconds"] == pytest.approx([3, 0, -1])


@pytest.mark.parametrize("text", ["1/8 s\n1 EV\n2", "IMG 1.jpg 1\nIMG 2.jpg 2"], ids=["mixed units", "frame missing"])
def test_exposure_file_that_cannot_be_understood_is_refused(tmp_path, text):
    (tmp_path / "exposure.txt").write_text(text)
    with pytest.raises(
        NeucamError, match=r"exposure\.txt: (some numbers are|it names 2 of 3 frames, but not IMG 3\.jpg)"
    ):
        read_exposure_file(tmp_path / "exposure.txt", FRAMES)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-8-sig"])
@pytest.mark.parametrize(
    ("name", "text", "meaning"),
    [
        ("list.txt", "IMG 1.jpg 8\nIMG 2.jpg 1\nIMG 3.jpg 0.5\n", "1/seconds"),
        (
            "hall.hdr_image_list.txt",
            "3\n# Name 1/shutter_speed\nIMG 1.ppm 8\nIMG 2.ppm 1\nIMG 3.ppm .5",
            "1/seconds",
        ),
        ("times.csv", "file,exposure_time\nIMG 2.jpg,1\nIMG 1.jpg,0.125\nIMG 3.jpg,2", "seconds"),
        ("set.csv", "Nr;Datei;Shutter speed (s)\n1;IMG 1;1/8\n2;IMG 2;1\n3;IMG 3;2", "seconds"),
        ("set.csv", "IMG 1.jpg;0,125\nIMG 2.jpg;1\nIMG 3.jpg;2", "seconds"),
        ("ev.tsv", "name\tEV\nIMG 1.jpg\t-3\nIMG 2.jpg\t0\nIMG 3.jpg\t1", "stops"),
        ("set.csv", 'name,stops\n"img 1.JPG",-3\n"img 2.JPG",0\n"photos/img 3.JPG",1', "stops"),
        ("shutter.txt", "3 // frames\n0.125 // first\n1\n2", "seconds"),
    ],
)
def test_lists_of_other_programs(tmp_path, name, text, meaning, encoding):
    found = read(tmp_path, name, text, encoding)
    assert isinstance(found, ExposureList) and found.readings[meaning] == pytest.approx(STOPS)
    assert next(iter(found.readings)) == meaning, "what such a list usually means comes first"


def test_columns_of_aperture_gain_and_filter_count(tmp_path):
    heading = "# Filename 1/shutter_speed f/stop gain(dB) ND_stops\n"
    found = read(
        tmp_path, "hdr_image_list.txt", heading + "IMG 1.jpg 8 8 0 0\nIMG 2.jpg 8 4 0 0\nIMG 3.jpg 8 8 6.0206 3\n"
    )
    assert isinstance(found, ExposureList)
    stops = np.subtract(found.readings["1/seconds"], found.readings["1/seconds"][0])
    np.testing.assert_allclose(stops, [0, 2, -2], atol=1e-4)


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("list.txt", "IMG 1.jpg 8\nIMG 2.jpg 1", "it names 2 of 3 frames, but not IMG 3.jpg"),
        ("exposures.csv", "a,b\nc,d", "it names no frame, and holds 0 numbers for 3 frames"),
        ("times.txt", "1\n2\n3\n4\n5", "it names no frame, and holds 5 numbers for 3 frames"),
        ("list.txt", "IMG 1.jpg\nIMG 2.jpg\nIMG 3.jpg", "its lines have no number that is an exposure"),
    ],
)
def test_list_that_tells_no_exposures_is_told_why(tmp_path, name, text, why):
    assert read(tmp_path, name, text) == why


@pytest.mark.parametrize(("name", "text"), [("README.txt", "See IMG 1.jpg for it."), ("notes.txt", "1\n2\n3")])
def test_other_text_is_no_list(tmp_path, name, text):
    assert read(tmp_path, name, text) is None


@pytest.mark.parametrize(
    ("names", "meaning", "stops"),
    [
        (("img_-3EV", "img_0EV", "img_+1ev"), "stops", STOPS),
        (("a-ev-3", "a-ev+0", "a-EV1"), "stops", STOPS),
        (("IMG_1-8s", "IMG_1s", "IMG_2s"), "seconds", STOPS),
        (("x 0.125s", "x 1.0s", "x 2sec"), "seconds", STOPS),
        (("125ms_a", "1000ms_b", "2000ms_c"), "seconds", STOPS),
        (("img_0.125", "img_1", "img_2"), "seconds", STOPS),
        (("IMG_+1.33ev", "IMG_-1.33ev", "IMG_0ev"), "stops", [1.33, -1.33, 0]),
    ],
)
def test_exposures_in_names(names, meaning, stops):
    found = exposures_in_names([Path(f"{name}.jpg") for name in names])
    assert found is not None and found.readings[meaning] == pytest.approx(stops)


@pytest.mark.parametrize(
    "names",
    [
        ("IMG_1", "IMG_2"),
        ("F0E0", "F0E1"),
        ("level_2", "level_3"),
        ("img_2EV", "img_b"),
        ("0s", "1s"),
        ("DSC_1s", "DSC_2EV"),
        ("2024.01.02", "2024.01.03"),
    ],
)
def test_names_that_tell_no_exposures(names):
    assert exposures_in_names([Path(f"{name}.jpg") for name in names]) is None
