"""From evidence to focus and exposure settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.assignment import check_settings_differ, middle_frame, untrained_focus_note
from neucam_nerfstudio.capture.settings.exposures import (
    ExposureLevels,
    assign_exposures,
    exposure_levels,
    merge_nearly_equal,
    ranks,
    resolve_exposure_mode,
)
from neucam_nerfstudio.capture.settings.focus import focus_in_order, spread_evenly
from neucam_nerfstudio.errors import NeucamError

PATHS = [Path("desk/a.png"), Path("desk/b.png"), Path("desk/c.png")]


def by_stops(*numbers: int) -> ExposureLevels:
    return ExposureLevels(list(numbers), "stops")


def test_ranks():
    assert ranks([7, 2, 7, 5]) == [2, 0, 2, 1]


@pytest.mark.parametrize(("count", "positions"), [(1, (0.0,)), (2, (-1.0, 1.0)), (3, (-1.0, 0.0, 1.0))])
def test_positions_are_spread_evenly(count, positions):
    assert spread_evenly(count) == positions


def test_known_stops_tell_who_is_exposed_alike():
    levels = exposure_levels([0, 1, 2], [0.05, -3.0, 0.0], [0.5, 0.5, 0.5])
    assert levels == ([1, 0, 1], "stops")


def test_exif_exposures_that_hardly_differ_are_one_and_thirds_are_not():
    assert merge_nearly_equal([0.0, 0.004, -3.0, -2.996]) == [0.0, 0.0, -3.0, -3.0]
    assert merge_nearly_equal([0.03, 0.0, 0.06]) == [0.03, 0.03, 0.03], "the middle one"
    thirds = [0.0, 0.206, 0.415, 0.585, 1.0]
    assert merge_nearly_equal(thirds) == thirds
    slowly = [0.05 * index for index in range(7)]
    assert len(set(merge_nearly_equal(slowly))) > 2, "what changes bit by bit is not all one"


def test_names_tell_who_is_exposed_alike_before_brightness():
    assert exposure_levels([2, 0, 2], None, [0.1, 0.2, 0.4]) == ([1, 0, 1], "names")


def test_brightness_tells_who_is_exposed_alike_when_nothing_else_does():
    assert exposure_levels(None, None, [0.40, 0.80, 0.41, 0.0]) == ([1, 2, 1, 0], "brightness")


@pytest.mark.parametrize(
    ("numbers", "stops", "indices", "setting_stops"),
    [
        ([0, 1, 0, 1], [-2.0, 2.0, -2.0, 2.0], [0, 1, 0, 1], (-2.0, 2.0)),
        ([0, 1, 2], [0.0, -2.0, 2.0], [0, 1, 2], (0.0, -2.0, 2.0)),
        (None, [3.0, 0.0, 3.0], [1, 0, 1], (0.0, 3.0)),
        ([0, 0, 1], [0.0, 1.0, 2.0], [0, 1, 2], (0.0, 1.0, 2.0)),
        ([4, 2, 4], None, [1, 0, 1], (0.0, 0.0)),
        (None, None, [0, 1, 2], (0.0, 0.0, 0.0)),
    ],
    ids=["names", "names keep their order", "stops", "EXIF against names", "names only", "nothing"],
)
def test_frames_share_exposure_settings(numbers, stops, indices, setting_stops):
    assert assign_exposures(numbers, stops, len(indices)) == (indices, setting_stops)


@pytest.mark.parametrize(("stops", "setting_stops"), [([2.0, -1.0, 2.0], (2.0, -1.0, 2.0)), (None, (0.0, 0.0, 0.0))])
def test_settings_of_each_frame_s_own(stops, setting_stops):
    assert assign_exposures([0, 1, 0], stops, 3, settings_per_frame=True) == ([0, 1, 2], setting_stops)
    assert focus_in_order([0, 1, 2]) == ([0, 1, 2], (-1.0, 0.0, 1.0), "order", None)


@pytest.mark.parametrize(
    ("choice", "source", "mode"),
    [
        ("auto", "EXIF", "fix"),
        ("auto", "unknown", "learn"),
        ("refine", "exposure.txt", "refine"),
        ("learn", "EXIF", "learn"),
    ],
)
def test_exposure_mode(choice, source, mode):
    assert resolve_exposure_mode(choice, source, by_stops(0, 1)) == mode


@pytest.mark.parametrize("choice", ["fix", "refine"])
def test_unknown_exposures_can_be_neither_fixed_nor_refined(choice):
    with pytest.raises(NeucamError, match=f"--exposures {choice}: the exposures are unknown"):
        resolve_exposure_mode(choice, "unknown", ExposureLevels([0, 1], "brightness"))


def test_equal_unknown_exposures_can_be_fixed():
    assert resolve_exposure_mode("fix", "unknown", ExposureLevels([0, 0], "brightness")) == "fix"


@pytest.mark.parametrize(("choice", "mode"), [("auto", "learn"), ("fix", "fix"), ("refine", "refine")])
def test_focus_mode(tiny_desk, choice, mode):
    assert open_capture(tiny_desk, focus=choice)[0].focuses.mode == mode


def test_difference_in_focus_or_exposure_is_enough():
    check_settings_differ([0, 1, 1], [0, 0, 0], range(3), PATHS)
    check_settings_differ([0, 0, 0], [0, 0, 1], range(3), PATHS)


def test_no_difference_is_refused():
    with pytest.raises(
        NeucamError, match=r"desk: neither focus nor exposure differs .* 3 training frames a\.png \.\. c"
    ):
        check_settings_differ([0, 0, 0], [1, 1, 1], range(3), PATHS)


def test_single_training_frame_is_refused():
    with pytest.raises(NeucamError, match=r"a\.png: the only training frame"):
        check_settings_differ([0, 1, 1], [0, 0, 1], [0], PATHS)


def test_focus_that_is_never_trained_is_noted():
    assert (
        untrained_focus_note([0, 1, 2], [0, 1], PATHS) == "No training frame has the focus of c: it cannot be learned."
    )
    assert untrained_focus_note([0, 1, 1], [0, 1], PATHS) is None


@pytest.mark.parametrize(
    ("candidates", "middle"),
    [(range(9), 4), ([0, 4, 8], 4), ([0, 1, 2], 1), ([2, 5, 8], 5), ([0, 1], 0), ([3, 6], 3)],
)
def test_middle_frame_of_three_focus_by_three_exposure_settings(candidates, middle):
    assert middle_frame(candidates, [0, 0, 0, 1, 1, 1, 2, 2, 2], [-3.0, 0.0, 3.0] * 3) == middle
