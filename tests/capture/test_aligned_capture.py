"""`open_capture` of photographs whose lens breathes, and of those that must be left alone."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from neucam_nerfstudio.errors import NeucamError

from .opened import Opened, load_capture
from .still_scene import expose, place, similarity, texture

HEIGHT, WIDTH = 180, 260
SCENE = texture(HEIGHT, WIDTH)
STOPS = (-2, 0, 2)
FIELDS_OF_VIEW = {"F0": (similarity(1.02, (2, -1), HEIGHT, WIDTH), 1.2), "F1": (np.eye(3), 0), "F2": (np.eye(3), 1.5)}
DESK = Path(__file__).resolve().parents[2] / "dataset" / "MFME" / "Desk"


def photograph(focus: str, stops: float) -> np.ndarray:
    pixel_map, blur_px = FIELDS_OF_VIEW[focus]
    return expose(place(SCENE, pixel_map), stops, blur_px)


@pytest.fixture
def breathing_capture(tmp_path: Path) -> Path:
    """Three focus settings at three exposures; the lens shows less of the scene at the first."""
    folder = tmp_path / "Breathing"
    folder.mkdir()
    for focus in FIELDS_OF_VIEW:
        for number, stops in enumerate(STOPS):
            cv2.imwrite(str(folder / f"{focus}E{number}.png"), photograph(focus, stops)[..., ::-1])
    (folder / "exposure.txt").write_text("\n".join(map(str, STOPS)))
    return folder


def error_of(capture: Opened, pixels: np.ndarray, index: int, focus: str = "F0") -> float:
    """Mean error of a frame against what the lens would have shown without breathing, away from the border."""
    wanted = expose(SCENE, capture.exposure_stops(index), FIELDS_OF_VIEW[focus][1])
    return float(np.abs(pixels[12:-12, 12:-12].astype(float) - wanted[12:-12, 12:-12]).mean())


def assert_as_on_disk(capture: Opened) -> None:
    for index, pixels in [
        *zip(capture.train_indices, capture.train_pixels, strict=True),
        *zip(capture.eval_indices, capture.eval_pixels, strict=True),
    ]:
        np.testing.assert_array_equal(pixels, cv2.imread(str(capture.frames[index].path))[..., ::-1])


def test_photographs_are_aligned_to_the_reference_and_a_note_says_so(breathing_capture):
    capture, left = load_capture(breathing_capture), load_capture(breathing_capture, align="off")
    note, coverage_note = capture.notes
    assert coverage_note.startswith("Do not show all of the picture: F0E0 (")
    assert re.fullmatch(
        r"Focusing changes the picture's scale by up to (1\.9|2\.[01]) % and moves its corners by up to 5\.\d px"
        r" \(breathing\): photographs are aligned to F1E1; --align off leaves them\.",
        note,
    )
    for index in range(3):
        errors = [error_of(each, each.train_pixels[index], index) for each in (capture, left)]
        assert errors[0] < 0.2 * errors[1]
    np.testing.assert_array_equal(capture.train_pixels[3:], left.train_pixels[3:])
    assert capture.train_pixels.shape == left.train_pixels.shape and capture.train_pixels.dtype == np.uint8


def test_align_off_leaves_the_files_pixels_and_says_nothing(breathing_capture):
    capture = load_capture(breathing_capture, align="off")
    assert capture.notes == ()
    assert_as_on_disk(capture)


def test_reading_again_gives_the_same_pixels(breathing_capture):
    first, second = load_capture(breathing_capture), load_capture(breathing_capture)
    np.testing.assert_array_equal(first.train_pixels, second.train_pixels)
    assert first.notes == second.notes


@pytest.mark.parametrize(
    "patterns",
    [
        {"train_frames": ("F0E0", "F1E1", "F2E2")},
        {"eval_frames": ("F0*",)},
        {"train_frames": ("*E1",), "eval_frames": ("F0*",)},
    ],
    ids=["each setting trained once", "a setting held out", "a frame trained and held out"],
)
def test_held_out_frames_are_aligned_as_those_that_train(breathing_capture, patterns):
    capture = load_capture(breathing_capture, **patterns)
    pixels = [
        *zip(capture.train_indices, capture.train_pixels, strict=True),
        *zip(capture.eval_indices, capture.eval_pixels, strict=True),
    ]
    of_first_focus = [(index, picture) for index, picture in pixels if capture.frames[index].name.startswith("F0")]
    assert len(of_first_focus) >= 3
    for index, picture in of_first_focus:
        assert error_of(capture, picture, index) < 2


def test_settings_of_each_frame_s_own_are_aligned_by_the_focus_that_is_known(breathing_capture):
    own = load_capture(breathing_capture, settings_per_frame=True, reference="F1E1")
    np.testing.assert_array_equal(own.train_pixels, load_capture(breathing_capture).train_pixels)


def test_unknown_exposures_are_aligned_too(breathing_capture):
    (breathing_capture / "exposure.txt").unlink()
    assert load_capture(breathing_capture).notes[0].endswith("aligned to F1E1; --align off leaves them.")


def test_photograph_that_is_turned_is_named_with_its_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 3
    for index, options in enumerate(({}, {}, {"exif": exif})):
        pixels = photograph("F1", 0)
        pixels[0, 0] = index  # no two photographs are the same
        Image.fromarray(pixels).save(tmp_path / f"F{index}.png", **options)
    (note,) = (note for note in load_capture(tmp_path).notes if "detail" in note)
    assert note == (
        "Left as they are, for too little of their detail is found in the next focus setting: F2. Take out what shows"
        " another view, or is turned: F2. EXIF turns them differently (orientation 3 of F2.png, 1 of F1.png)."
    )


def test_moments_are_never_aligned(breathing_capture):
    assert_as_on_disk(load_capture(breathing_capture, frames="moments"))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"settings_per_frame": True},
        {"train_frames": ("F0E0", "F1E1", "F2E2")},
        {"train_frames": ("F0E2", "F1E0", "F2E1"), "eval_frames": ("F0E2",)},
        {"train_frames": ("*E0",), "eval_frames": ("*E0",)},
    ],
    ids=["nine frames", "settings per frame", "three frames", "three exposures", "dark"],
)
def test_desk_does_not_breathe_and_keeps_every_bit(options):
    capture = load_capture(DESK, **options)
    assert_as_on_disk(capture)
    assert not any("breathing" in note for note in capture.notes)


def test_desk_with_unknown_exposures_keeps_every_bit(tmp_path):
    for focus, order in enumerate(("201", "120", "021")):
        for letter, exposure in zip("abc", order, strict=True):
            shutil.copy(DESK / f"F{focus}E{exposure}.png", tmp_path / f"F{focus}_{letter}.png")
    assert_as_on_disk(load_capture(tmp_path))


def test_one_truth_is_that_of_the_reference_and_fits(breathing_capture):
    (breathing_capture / "gt").mkdir()
    cv2.imwrite(str(breathing_capture / "gt" / "truth.hdr"), np.ones((HEIGHT, WIDTH, 3), np.float32))
    assert load_capture(breathing_capture).radiance_truth == (breathing_capture / "gt" / "truth.hdr",) * 9


def test_truth_of_a_frame_that_is_moved_is_refused(breathing_capture):
    (breathing_capture / "gt").mkdir()
    for index in range(9):
        shutil.copy(breathing_capture / "F1E1.png", breathing_capture / "gt" / f"sharp_{index}.png")
    with pytest.raises(NeucamError, match=r"sharp_0\.png: ground truth of F0E0\.png, which is aligned to F1E1\.png"):
        load_capture(breathing_capture)
    assert load_capture(breathing_capture, align="off").sharp_truth[8].name == "sharp_8.png"
