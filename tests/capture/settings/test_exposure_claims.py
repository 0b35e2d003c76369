"""What is written of exposures is compared with the pictures: as it is opened, with what is said of it."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.exposure_claims import misfit
from neucam_nerfstudio.capture.settings.exposure_steps import (
    black_floor,
    change_in_stops,
    measured_stops,
    ranked_values,
)
from neucam_nerfstudio.errors import NeucamError

from ..opened import Opened, load_capture
from ..still_scene import expose, texture

SCENE = texture(60, 80)
TRUE = (3.0, 0.0, -2.0, 1.0)
SECONDS = ("2", "0.25", "0.0625", "0.5")


def write_frames(folder: Path, names: tuple[str, ...] = ("a", "b", "c", "d"), stops: tuple[float, ...] = TRUE) -> None:
    for index, (name, stop) in enumerate(zip(names, stops, strict=True)):
        cv2.imwrite(str(folder / f"{name}.png"), np.clip(expose(SCENE, stop - 1.5), 0, 250 + index)[..., ::-1])


def opened(folder: Path, text: str | None = None, name: str = "exposure.txt", **options) -> Opened:
    write_frames(folder)
    if text is not None:
        (folder / name).write_text(text)
    return load_capture(folder, **options)


def stops_of(capture: Opened) -> list[float]:
    stops = [capture.exposure_stops(index) for index in range(len(capture.frames))]
    return [round(stop - stops[1], 3) for stop in stops]


def evidence_of(capture: Opened) -> list[str]:
    return [frame.exposure.evidence for frame in capture.frames]


@pytest.mark.parametrize("frames", ["settings", "moments"])
def test_seconds_taken_for_stops_are_found_out(tmp_path, frames):
    capture = opened(tmp_path, "\n".join(SECONDS), frames=frames)
    assert stops_of(capture) == list(TRUE) and capture.exposures.source == "exposure.txt"
    assert evidence_of(capture)[2] == "exposure.txt, line 3: 0.0625 s"
    said = "exposure.txt: its numbers look like seconds, not stops, and are taken for those"
    assert any(note.startswith(said) for note in capture.notes)


def test_divisors_are_found_out(tmp_path):
    capture = opened(tmp_path, "0.5 4 16 2")
    assert stops_of(capture) == list(TRUE) and evidence_of(capture)[:2] == [
        "exposure.txt, line 1: 2 s",
        "exposure.txt, line 1: 1/4 s",
    ]


def test_fractions_are_seconds_without_a_word(tmp_path):
    capture = opened(tmp_path, "2\n1/4\n1/16\n1/2")
    assert stops_of(capture) == list(TRUE) and not any("exposure.txt" in note for note in capture.notes)


@pytest.mark.parametrize("text", ["3\n0\n-2\n1", "6\n3\n1\n4"], ids=["around 0", "all positive"])
def test_stops_stay_stops_without_a_word(tmp_path, text):
    capture = opened(tmp_path, text)
    assert stops_of(capture) == list(TRUE) and evidence_of(capture)[0] == "exposure.txt, line 1"
    assert not any("exposure.txt" in note for note in capture.notes)


@pytest.mark.parametrize("frames", ["settings", "moments"])
def test_reversed_sign_is_refused_with_the_values_to_write(tmp_path, frames):
    said = r"exposure\.txt: the pictures contradict it: .*The sign looks reversed: .* Write \+3, \+0, -2, \+1\."
    with pytest.raises(NeucamError, match=said):
        opened(tmp_path, "-3\n0\n2\n-1", frames=frames)


def test_swapped_values_are_refused_with_the_values_to_write(tmp_path):
    said = (
        r"it tells 3\.0 stops more for b than for a, but b is darker\. Values look swapped: .*say \+3, \+0, -2, \+1\."
    )
    with pytest.raises(NeucamError, match=said):
        opened(tmp_path, "0\n3\n-2\n1")


def test_one_exposure_for_frames_that_differ_is_refused(tmp_path):
    said = r"nearly the same for c and a, but a is as bright as about \d\.\d stops more\. The pictures show about \+"
    with pytest.raises(NeucamError, match=said):
        opened(tmp_path, "0")


def test_exposures_much_smaller_than_the_pictures_say_are_used_and_said(tmp_path):
    capture = opened(tmp_path, "0.75\n0\n-0.5\n0.25")
    assert stops_of(capture) == [0.75, 0, -0.5, 0.25]
    assert any("exposure.txt tells 1.2 stops from the darkest to the brightest frame" in note for note in capture.notes)


@pytest.mark.parametrize("name", ["Exposure.txt", "EXPOSURE.TXT"])
def test_exposure_file_in_any_case(tmp_path, name):
    capture = opened(tmp_path, "3 0 -2 1", name)
    assert stops_of(capture) == list(TRUE) and evidence_of(capture)[0] == f"{name}, line 1"


def test_list_of_another_program_is_read_and_shown(tmp_path):
    capture = opened(tmp_path, "a.png 0.5\nb.png 4\nc.png 16\nd.png 2\n", "list.txt")
    assert stops_of(capture) == list(TRUE) and capture.exposures.source == "list" and capture.exposures.mode == "fix"
    assert evidence_of(capture)[1] == "list.txt, line 2: 1/4 s"
    assert any(note.startswith("list.txt: its numbers look like 1/seconds, and are") for note in capture.notes)


def test_list_that_pictures_contradict_is_not_used(tmp_path):
    capture = opened(tmp_path, "name,stops\na,0\nb,3\nc,-2\nd,1", "set.csv")
    assert capture.exposures.source == "unknown"
    assert capture.notes[0].startswith(
        "Exposures in set.csv are not used: it tells 3.0 stops more for b than for a, but"
    )


def test_lists_beside_exposure_file_are_named_and_compared(tmp_path):
    (tmp_path / "list.txt").write_text("a.png 0.5\nb.png 4\nc.png 16\nd.png 2\n")
    (tmp_path / "other.csv").write_text("a,4\nb,0\nc,-2\nd,1")
    (tmp_path / "times.txt").write_text("1\n2\n")
    notes = opened(tmp_path, "3 0 -2 1").notes
    assert notes[0] == (
        "times.txt is not read as a list of exposures: it names no frame, and holds 2 numbers for 4 frames."
    )
    assert notes[1] == "Not read, for exposure.txt tells the exposures: list.txt, other.csv."
    assert notes[2] == "exposure.txt and other.csv disagree on the exposures by up to 1.0 stops: exposure.txt counts."


def test_exposure_file_and_exif_that_disagree_are_named(tmp_path, write_jpeg_with_exif):
    for name, stop, time in (("a.jpg", 0, "1/8"), ("b.jpg", 2, 1)):
        write_jpeg_with_exif(name, expose(SCENE, stop - 1), time_s=time)
    (tmp_path / "exposure.txt").write_text("0 2")
    notes = load_capture(tmp_path).notes
    assert "exposure.txt and EXIF disagree on the exposures by up to 1.0 stops: exposure.txt counts." in notes


def test_exposures_in_names_are_used_where_nothing_else_tells(tmp_path):
    write_frames(tmp_path, ("x_+3EV", "x_0EV", "x_-2EV", "x_+1EV"))
    capture = load_capture(tmp_path)
    assert capture.exposures.source == "file names" and capture.exposures.mode == "fix"
    assert {frame.name: frame.exposure.value for frame in capture.frames}["x_-2EV"] == -2
    assert set(evidence_of(capture)) == {"its name"}


@pytest.mark.parametrize("names", [("x_0.5", "x_4", "x_16", "x_2"), ("x_2.0", "x_0.25", "x_0.0625", "x_0.5")])
def test_numbers_in_names_count_where_pictures_follow_them(tmp_path, names):
    write_frames(tmp_path, names)
    capture = load_capture(tmp_path)
    told = {frame.name: frame.exposure.value for frame in capture.frames}
    assert [round(told[name] - told[names[1]], 3) for name in names] == list(TRUE)


def test_numbers_in_names_that_pictures_do_not_follow_are_just_names(tmp_path):
    write_frames(tmp_path, ("x_1.1", "x_1.2", "x_1.3", "x_1.4"))
    capture = load_capture(tmp_path)
    assert capture.exposures.source == "unknown" and not any("not used" in note for note in capture.notes)


def ranked(stops: float, floor: int = 0, scene: np.ndarray = SCENE) -> np.ndarray:
    return ranked_values(np.maximum(expose(scene, stops), floor).astype(np.uint8))


@pytest.mark.parametrize("stops", [-4.0, -1.0, 0.5, 2.0])
def test_change_of_exposure_is_measured_to_a_third(stops):
    assert change_in_stops(ranked(0), ranked(stops)) == pytest.approx(stops, rel=0.34)


def test_motion_and_focus_change_no_exposure():
    moved = np.roll(SCENE, (13, 29), axis=(0, 1))
    assert change_in_stops(ranked(0), ranked(0, scene=moved)) == 0
    assert change_in_stops(ranked(0), ranked_values(expose(SCENE, 0, blur_px=1))) == pytest.approx(0, abs=0.15)


def test_black_and_white_frames_tell_nothing():
    black, white = (ranked_values(np.full((60, 80, 3), value, np.uint8)) for value in (0, 255))
    assert change_in_stops(black, white) is None and np.isnan(measured_stops([black, white])).all()


def lamp(stops: float, floor: int = 20) -> np.ndarray:
    """A dark room with a floor of pixel values, in which a window shows the scene, exposed by some stops."""
    picture = np.full((180, 240, 3), floor, np.uint8)
    light = (SCENE / 255.0) ** 2.2 * 2**stops + (floor / 255) ** 2.2
    picture[:60, :80] = np.clip(255 * light ** (1 / 2.2), 0, 255).astype(np.uint8)
    return picture


def test_floor_of_film_scans_is_found_and_left_out():
    frames = [ranked_values(lamp(stops)) for stops in (2, 1, 0, -1, -2, -3)]
    np.testing.assert_allclose(black_floor(frames), 20 / 255, atol=1e-3)
    np.testing.assert_allclose(measured_stops(frames, black_floor(frames)), [5, 4, 3, 2, 1, 0], atol=0.5)


def test_dark_scene_at_one_exposure_has_no_floor():
    dark = expose(SCENE, -7)
    assert not black_floor([ranked_values(dark), ranked_values(cv2.GaussianBlur(dark, (0, 0), 2))]).any()


@pytest.mark.parametrize(("floor", "edge_px"), [(20, 0), (20, 20), (0, 0), (0, 20)])
def test_bracket_whose_dark_frames_show_little_is_one_focus_setting(tmp_path, floor, edge_px):
    for index, stops in enumerate((2, 1, 0, -1, -2, -3, -4)):
        noise = np.random.default_rng(index).integers(-2, 3, (180, 240, 3))
        picture = np.clip(lamp(stops, floor) + noise, 0, 255).astype(np.uint8)
        picture[180 - edge_px :, :, 0] = 255  # the edge of a scan, the same in all frames
        cv2.imwrite(str(tmp_path / f"{index}.png"), picture)
    capture = load_capture(tmp_path)
    assert {frame.focus_index for frame in capture.frames} == {0} and capture.exposures.source == "unknown"


@pytest.mark.parametrize(
    ("claimed", "least", "most"),
    [
        ([0, 2, 4], 0, 0.05),
        ([0, 1, 2], 0.45, 0.55),
        ([0, 4, 2], 0.6, 9),
        ([4, 2, 0], np.inf, np.inf),
        ([0, 0, 0], 5, 99),
    ],
    ids=["right", "half", "swapped", "reversed", "equal"],
)
def test_misfit(claimed, least, most):
    assert least <= misfit(claimed, np.array([0.0, 2.0, 4.0])) <= most
