"""Which frames share a focus setting."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.capture.settings.exposures import ExposureLevels
from neucam_nerfstudio.capture.settings.focus import (
    assign_focus,
    focus_by_distance,
    focus_by_order,
    focus_by_shared_detail,
    positions_by_dioptre,
)
from neucam_nerfstudio.capture.settings.pictures import StillPictures


class FocusedAt(StillPictures):
    """Pictures of frames whose true focus settings are given: of one exposure they differ where these do.

    Frames share less detail the farther apart they are focused, and the farther apart they are exposed.
    """

    def __init__(self, focuses: Sequence[int], levels: Sequence[int] | None = None) -> None:
        self.focuses, self.levels = focuses, levels or [0] * len(focuses)

    def differ(self, frame: int, other: int) -> bool:
        return self.focuses[frame] != self.focuses[other]

    def disagreement(self, frame: int, other: int) -> float:
        unlike = 0.03 * abs(self.focuses[frame] - self.focuses[other])
        return unlike + 0.05 * abs(self.levels[frame] - self.levels[other])


ALIKE = FocusedAt([0] * 9)
"""Pictures that tell no focus from another."""


def by_stops(*numbers: int) -> ExposureLevels:
    return ExposureLevels(list(numbers), "stops")


def test_positions_are_linear_in_dioptres_from_near_to_far():
    assert positions_by_dioptre([0.0, 2.0, 0.5, 2.0]) == (-1.0, 0.5, 1.0)


@given(st.lists(st.floats(0, 20), min_size=2).filter(lambda dioptres: len(set(dioptres)) > 1))
def test_positions_ascend_from_minus_one_to_one(dioptres):
    positions = positions_by_dioptre(dioptres)
    assert (positions[0], positions[-1]) == (-1.0, 1.0)
    assert list(positions) == sorted(positions)


@pytest.mark.parametrize("is_focus_stack", [False, True])
def test_focus_from_names(is_focus_stack):
    focus = assign_focus([0, 2, 0], [1.0, 2.0, 3.0], by_stops(0, 0, 1), ALIKE, is_focus_stack)
    assert focus == ([0, 1, 0], (-1.0, 1.0), "names", None)


@pytest.mark.parametrize("is_focus_stack", [False, True])
def test_focus_from_exif_numbers_settings_from_near_to_far_and_says_so(is_focus_stack):
    focus = assign_focus(None, [0.5, 2.0, 0.5], by_stops(0, 0, 1), ALIKE, is_focus_stack)
    assert focus[:3] == ([1, 0, 1], (-1.0, 1.0), "EXIF")
    assert focus.note.startswith("2 focus settings by EXIF focus distance, 0.5 m to 2 m.")


def test_focus_at_infinity():
    _, positions, _, note = assign_focus(None, [0.0, 1.0], by_stops(0, 0), ALIKE)
    assert positions == (-1.0, 1.0) and "1 m to infinity" in note


def test_equal_exif_distances_leave_focus_to_the_order():
    assert assign_focus(None, [2.0, 2.0, 2.0], by_stops(0, 0, 0), ALIKE).source == "order"


def test_last_digits_of_exif_distances_make_no_focus_settings():
    bracket = [1 / 1.52, 1 / 1.53, 1 / 1.52]
    focus = assign_focus(None, bracket, by_stops(0, 1, 2), ALIKE)
    assert focus[:3] == ([0, 0, 0], (0.0,), "single")
    assert focus.note.startswith(
        "EXIF focus distances hardly differ (by less than 0.02/m): not used. Different exposures"
    )


def test_nearly_equal_distances_are_one_setting_at_their_mean():
    dioptres = [2.01, 1.99, 1.0, 1.0, 0.5, 0.5]
    focus, _ = focus_by_distance(dioptres, by_stops(0, 1, 0, 1, 0, 1), ALIKE)
    assert focus.indices == [0, 0, 1, 1, 2, 2] and focus.positions == pytest.approx((-1.0, 1 / 3, 1.0))


def test_distances_in_small_steps_are_not_one_for_being_in_a_row():
    focus, _ = focus_by_distance([0.06, 0.045, 0.03, 0.015, 0.0], by_stops(0, 1, 2, 3, 4), ALIKE)
    assert focus.indices == [0, 0, 1, 1, 2]


def test_small_steps_count_where_pictures_of_one_exposure_differ():
    focus, _ = focus_by_distance([3.33, 3.325, 3.32], by_stops(0, 0, 0), FocusedAt([0, 1, 2]))
    assert focus.indices == [0, 1, 2] and focus.positions == pytest.approx((-1.0, 0.0, 1.0))


def test_distances_too_coarse_to_tell_what_pictures_show_are_not_used():
    stack = [1 / 0.30, 1 / 0.30, 1 / 0.31]
    focus = assign_focus(None, stack, by_stops(0, 0, 0), FocusedAt([0, 1, 2]))
    assert focus[:3] == ([0, 1, 2], (-1.0, 0.0, 1.0), "order")
    assert focus.note.startswith("EXIF focus distances are not used: frames of one distance and exposure are focused")


@pytest.mark.parametrize(
    ("levels", "indices", "words"),
    [
        ([0, 0, 0], [0, 1, 2], "taken as a focus stack in name order"),
        ([2, 0, 1], [0, 0, 0], "taken as a bracket with one focus setting"),
        ([0, 1, 0, 1], [0, 0, 1, 1], "Each exposure occurs 2 times"),
        ([0, 0, 1, 1], [0, 1, 0, 1], "Each exposure occurs 2 times"),
        ([0, 1, 1, 2], [0, 0, 0, 0], "taken as a bracket with one focus setting"),
    ],
)
def test_focus_by_order(levels, indices, words):
    found, note = focus_by_order(by_stops(*levels), ALIKE)
    assert found == indices
    assert words in note and "brightness" not in note and "Name the files F<i>E<j>" in note


def test_one_focus_setting_comes_from_no_order():
    assert assign_focus(None, None, by_stops(0, 1), ALIKE)[:3] == ([0, 0], (0.0,), "single")


def test_choice_made_by_brightness_is_said():
    note = focus_by_order(ExposureLevels([0, 1], "brightness"), ALIKE)[1]
    assert "Judged by brightness alone; neucam-multifocus takes each frame as a focus setting." in note
    assert "Judged by brightness alone. Name" in focus_by_order(ExposureLevels([0, 0], "brightness"), ALIKE)[1]


SET_BY_FOCUS = [(focus, level) for focus in range(3) for level in range(3)]
SET_BY_EXPOSURE = [(focus, level) for level in range(3) for focus in range(3)]


@pytest.mark.parametrize("order", [SET_BY_FOCUS, SET_BY_EXPOSURE], ids=["focus by focus", "exposure by exposure"])
@pytest.mark.parametrize("num_missing", [1, 2])
def test_missing_frames_leave_the_others_in_their_focus_settings(order, num_missing):
    for missing in combinations(order, num_missing):
        focuses, levels = map(list, zip(*(setting for setting in order if setting not in missing), strict=True))
        found, note = focus_by_order(by_stops(*levels), FocusedAt(focuses, levels))
        assert found == focuses, missing
        assert note.startswith("Some exposures are missing: frames that share most detail make 3 focus settings.")


def test_frames_of_one_exposure_that_differ_are_never_of_one_focus_setting():
    found, _ = focus_by_order(by_stops(0, 1, 1, 2), FocusedAt([0, 0, 1, 1]))
    assert found == [0, 0, 1, 1]


def test_neighbours_go_together_where_pictures_tell_nothing():
    assert focus_by_shared_detail([1, 0, 1, 2, 1], ALIKE) == [0, 0, 1, 1, 2]


@pytest.mark.parametrize("levels", [(0, 0, 0), (0, 1, 0), (0, 1, 2)])
def test_each_frame_of_a_focus_stack_has_its_own_focus_whatever_its_exposure(levels):
    focus = assign_focus(None, None, by_stops(*levels), ALIKE, is_focus_stack=True)
    assert focus[:3] == ([0, 1, 2], (-1.0, 0.0, 1.0), "order")
    assert focus.note.startswith("Each frame is taken as a focus setting, as this method is for focus stacks.")


def test_distances_of_a_focus_stack_count_to_the_last_digit():
    focus = assign_focus(None, [1.01, 1.0], by_stops(0, 1), ALIKE, is_focus_stack=True)
    assert focus[:3] == ([0, 1], (-1.0, 1.0), "EXIF")
