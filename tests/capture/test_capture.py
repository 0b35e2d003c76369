"""`open_capture`: whole folders."""

from __future__ import annotations

import copy
import shutil

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings
from neucam_nerfstudio.capture.side_maps import SideMaps

from .opened import frame_stops, load_capture, rename_at_random

DESK_STOPS = [-3.0, 0.0, 3.0]


def test_focus_stack_of_brackets(tiny_capture):
    capture = load_capture(tiny_capture)
    assert [frame.name for frame in capture.frames] == [f"F{i}E{j}" for i in range(3) for j in range(3)]
    assert [frame.focus_index for frame in capture.frames] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert frame_stops(capture) == DESK_STOPS * 3
    assert (capture.exposures.source, capture.exposures.mode) == ("exposure.txt", "fix")
    assert (capture.focuses.positions, capture.focuses.source, capture.focuses.mode) == ((-1, 0, 1), "names", "learn")
    assert (capture.height, capture.width, capture.downscale_factor) == (60, 90, 1)
    assert capture.frames[capture.reference_index].name == "F1E1"
    assert capture.radiance_truth == (tiny_capture / "gt" / "all_in_focus_hdr.exr",) * 9
    assert capture.sharp_truth == (None,) * 9 and capture.side_maps == SideMaps((), (), (), 1)
    assert not capture.moves and capture.times == (0.0,) * 9 and capture.frame_rate is None
    assert capture.train_indices == capture.eval_indices == tuple(range(9)) and not capture.held_out
    assert capture.eval_pixels is capture.train_pixels and capture.train_pixels.shape == (9, 60, 90, 3)
    assert capture.notes == ()


def test_held_out_frames_share_the_settings_of_the_training_frames(tiny_capture):
    capture = load_capture(tiny_capture, train_frames=("F0E0", "F1E1", "F2E2"))
    assert capture.train_indices == (0, 4, 8) and capture.eval_indices == (1, 2, 3, 5, 6, 7) and capture.held_out
    assert capture.exposures.stops == (-3, 0, 3) and frame_stops(capture) == DESK_STOPS * 3
    assert capture.frames[capture.reference_index].name == "F1E1"
    np.testing.assert_array_equal(capture.train_pixels[2], cv2.imread(str(tiny_capture / "F2E2.png"))[..., ::-1])
    np.testing.assert_array_equal(capture.eval_pixels[5], cv2.imread(str(tiny_capture / "F2E1.png"))[..., ::-1])


def test_frames_that_neither_pattern_names_are_left_out_after_exposures_are_counted_off(tiny_capture):
    capture = load_capture(tiny_capture, train_frames=("F1E1", "F2E1"), eval_frames=("F1E2",))
    assert [frame.name for frame in capture.frames] == ["F1E1", "F1E2", "F2E1"]
    assert frame_stops(capture) == [0, 3, 0]
    assert capture.focuses.positions == (-1, 1)
    assert capture.notes == ("Neither trained on nor held out: F0E0, F0E1, F0E2, F1E0, F2E0, F2E2.",)


def test_each_frame_can_have_settings_of_its_own(tiny_capture):
    capture = load_capture(tiny_capture, train_frames=("F0*",), eval_frames=("F0*",), settings_per_frame=True)
    assert [(frame.focus_index, frame.exposure_index) for frame in capture.frames] == [(0, 0), (1, 1), (2, 2)]
    assert capture.focuses.positions == (-1, 0, 1) and capture.exposures.stops == (-3, 0, 3)
    assert capture.frames[capture.reference_index].name == "F0E1"


def test_frames_that_train_and_evaluate_are_held_once(tiny_capture):
    capture = load_capture(tiny_capture, train_frames=("F0*",), eval_frames=("F0*",))
    assert capture.train_indices == capture.eval_indices == (0, 1, 2) and not capture.held_out
    assert capture.eval_pixels is capture.train_pixels


def test_downscaling(tiny_capture):
    capture = load_capture(tiny_capture, downscale_factor=4)
    assert (capture.height, capture.width, capture.downscale_factor) == (15, 22, 4)
    assert capture.train_pixels.shape == (9, 15, 22, 3)


def test_unknown_exposures_are_learned_for_each_frame(tiny_capture):
    rename_at_random(tiny_capture)
    capture = load_capture(tiny_capture)
    assert (capture.exposures.stops, capture.exposures.source, capture.exposures.mode) == ((0,) * 9, "unknown", "learn")
    assert [frame.exposure_index for frame in capture.frames] == list(range(9))
    assert [frame.focus_index for frame in capture.frames] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert capture.frames[capture.reference_index].name == "F1_a", "the middle brightness of the middle focus"


def test_exposures_in_names_alone_are_shared_settings(tiny_capture):
    (tiny_capture / "exposure.txt").unlink()
    capture = load_capture(tiny_capture)
    assert capture.exposures.stops == (0, 0, 0) and capture.exposures.source == "unknown"
    assert [frame.exposure_index for frame in capture.frames] == [0, 1, 2] * 3


def test_bracket_from_exif(tmp_path, write_jpeg_with_exif):
    for name, value, time in (("IMG_1.jpg", 100, 1), ("IMG_2.jpg", 30, "1/8"), ("IMG_3.jpg", 240, 8)):
        write_jpeg_with_exif(name, value, time_s=time, f_number=8, iso=100)
    capture = load_capture(tmp_path)
    assert frame_stops(capture) == [0, -3, 3] and capture.exposures.source == "EXIF"
    assert capture.focuses.source == "single" and capture.reference_index == 0
    assert capture.notes[0].startswith("Different exposures: taken as a bracket with one focus setting.")


def test_exif_of_a_focus_stack_of_brackets_that_wavers_makes_two_exposure_settings(tmp_path, write_jpeg_with_exif):
    """Shutter times as a camera measured them: 0.004 stops apart."""
    times = (("0.125", 40), ("1.0", 200), ("0.12535", 41), ("1.0028", 201))
    for index, (time, value) in enumerate(times):
        write_jpeg_with_exif(f"{index}.jpg", value, time_s=time, f_number=8, iso=100)
    capture = load_capture(tmp_path)
    assert len(capture.exposures.stops) == 2 and [frame.exposure_index for frame in capture.frames] == [0, 1, 0, 1]


def test_thirds_of_a_stop_stay_apart(tmp_path, write_jpeg_with_exif):
    for index, (time, value) in enumerate((("1/15", 90), ("1/13", 95), ("1/10", 101), ("1/8", 108))):
        write_jpeg_with_exif(f"{index}.jpg", value, time_s=time, f_number=8, iso=100)
    assert len(load_capture(tmp_path).exposures.stops) == 4


def test_frames_are_sorted_by_numbers_whatever_else_is_a_digit(tmp_path, write_grey):
    for name, value in (("1²3", 100), ("1²20", 180), ("2", 60)):
        write_grey(f"{name}.png", value)
    assert [frame.name for frame in load_capture(tmp_path).frames] == ["1²3", "1²20", "2"]


def test_focus_stack_from_exif(tmp_path, write_jpeg_with_exif):
    for index, distance in enumerate((2, "2/3", 1)):
        write_jpeg_with_exif(f"{index}.jpg", 100 + index, time_s=1, distance_m=distance)
    capture = load_capture(tmp_path)
    assert capture.focuses.source == "EXIF" and capture.exposures.stops == (0,)
    assert [capture.focus_position(index) for index in range(3)] == [1.0, -1.0, 0.0]


def test_exif_of_some_frames_only_is_not_used(tmp_path, write_jpeg_with_exif):
    write_jpeg_with_exif("a.jpg", 50, time_s=1)
    write_jpeg_with_exif("b.jpg", 200)
    capture = load_capture(tmp_path)
    assert capture.exposures.source == "unknown"
    assert capture.notes[0] == "EXIF tells the exposure of some frames only, so it is not used."


@pytest.mark.parametrize(
    ("values", "source", "indices"),
    [((100, 101, 99), "order", [0, 1, 2]), ((100, 30, 220), "single", [0, 0, 0])],
    ids=["equally bright", "differently bright"],
)
def test_brightness_decides_when_nothing_else_tells(tmp_path, write_grey, values, source, indices):
    for name, value in zip("abc", values, strict=True):
        write_grey(f"{name}.png", value)
    capture = load_capture(tmp_path)
    assert capture.focuses.source == source and [frame.focus_index for frame in capture.frames] == indices
    assert any("Judged by brightness alone" in note for note in capture.notes)


@pytest.mark.parametrize("choice", ["auto", "fix"])
def test_unknown_exposures_of_equally_bright_frames_are_one(tmp_path, write_grey, choice):
    for index, value in enumerate((100, 101, 99)):
        write_grey(f"F{index}.png", value)
    capture = load_capture(tmp_path, exposures=choice)
    assert capture.exposures == ExposureSettings((0.0,), "brightness", "fix")
    assert [frame.exposure_index for frame in capture.frames] == [0, 0, 0]
    assert capture.notes == (
        "Frames are equally bright: taken as one exposure. Give --exposures learn if they are not.",
    )


@pytest.mark.parametrize("choice", ["refine", "learn"])
def test_unknown_exposures_are_learned_for_equally_bright_frames_on_request(tmp_path, write_grey, choice):
    for index, value in enumerate((100, 101)):
        write_grey(f"F{index}.png", value)
    capture = load_capture(tmp_path, exposures=choice)
    assert capture.exposures == ExposureSettings((0.0, 0.0), "unknown", choice) and capture.notes == ()


def test_one_exposure_in_all_names_is_one_whatever_the_brightness(tmp_path, write_grey):
    for index, value in enumerate((100, 200)):
        write_grey(f"F{index}E0.png", value)
    capture = load_capture(tmp_path)
    assert capture.exposures == ExposureSettings((0.0,), "names", "fix") and capture.notes == ()


def test_unnamed_brackets_are_told_apart_by_their_exposures(tmp_path, write_grey):
    for index, value in enumerate((40, 90, 200, 41, 91, 201)):
        write_grey(f"{index}.png", value)
    (tmp_path / "exposure.txt").write_text("-2\n0\n2\n")
    capture = load_capture(tmp_path)
    assert [frame.focus_index for frame in capture.frames] == [0, 0, 0, 1, 1, 1]
    assert frame_stops(capture) == [-2, 0, 2] * 2


def test_radiance_beside_the_photographs_is_ground_truth_and_no_frame(tiny_capture):
    shutil.rmtree(tiny_capture / "gt")
    cv2.imwrite(str(tiny_capture / "truth.hdr"), np.ones((60, 90, 3), np.float32))
    cv2.imwrite(str(tiny_capture / "my_previous_result.hdr"), np.zeros((60, 90, 3), np.float32))
    capture = load_capture(tiny_capture)
    assert capture.radiance_truth == (tiny_capture / "truth.hdr",) * 9
    assert capture.notes == (
        "Ground truth, by name: truth.hdr beside the frames.",
        "Not ground truth, by name: my_previous_result.hdr. Put it into gt/ if it is.",
    )


def test_radiance_files_that_fit_no_frame_are_not_scored(tiny_capture):
    shutil.copy(tiny_capture / "gt" / "all_in_focus_hdr.exr", tiny_capture / "gt" / "other.exr")
    capture = load_capture(tiny_capture)
    assert capture.radiance_truth == (None,) * 9
    assert capture.notes == (
        f"Not scored: {tiny_capture / 'gt'} holds 2 radiance files, which fit the 9 frames neither in count nor by the"
        " numbers in their names.",
    )


def test_named_reference(tiny_capture):
    capture = load_capture(tiny_capture, reference="F2E0")
    assert capture.frames[capture.reference_index].name == "F2E0"


def test_deep_copies_do_not_hold_the_pixels_twice(tiny_capture):
    capture, store = open_capture(tiny_capture)
    metadata = {"capture": capture, "pixels": store}
    again = copy.deepcopy(metadata)
    assert again["capture"] is capture and again["pixels"] is store
