"""Settings along a path: what lies between keyframes, which places they have, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.rendering.path_settings import (
    LensSettings,
    keyframed_settings,
    render_times,
    settings_beside,
)


def track(*keyframes: dict, **document: object):
    return keyframed_settings({"neucam": list(keyframes), **document}, Path("path.json"))


def test_focus_goes_evenly_in_dioptres_f_numbers_in_stops_and_exposure_in_stops():
    first = {"time": 0, "focus_distance_m": 1, "f_number": 2, "exposure_stops": -1}
    middle = track(first, {"time": 1, "focus_distance_m": 3, "f_number": 8, "exposure_stops": 2}).at(0.5)
    assert middle == pytest.approx((1 / ((1 + 1 / 3) / 2), 4, 0.5))


def test_settings_hold_before_the_first_keyframe_and_after_the_last():
    pulled = track({"time": 0.25, "focus_distance_m": 2}, {"time": 0.5, "focus_distance_m": 4})
    assert [pulled.at(time).focus_distance_m for time in (0, 0.25, 0.5, 1)] == pytest.approx([2, 2, 4, 4])


def test_keyframes_need_not_set_everything_nor_come_in_order():
    keyed = track(
        {"time": 1, "exposure_stops": 2},
        {"time": 0.5, "focus_distance_m": 2},
        {"time": 0, "exposure_stops": 0},
    )
    assert keyed.at(0.5) == LensSettings(pytest.approx(2), None, pytest.approx(1))


def test_focus_goes_to_infinity():
    to_infinity = track({"time": 0, "focus_distance_m": 2}, {"time": 1, "focus_distance_m": math.inf})
    assert to_infinity.at(0.5).focus_distance_m == pytest.approx(4)
    assert to_infinity.at(1).focus_distance_m == math.inf


def test_frames_are_cameras_of_the_path():
    by_frame = track({"frame": 1, "exposure_stops": 0}, {"frame": 3, "exposure_stops": 4})
    assert [lens.exposure_stops for lens in by_frame.of_cameras([0, 0.1, 0.2, 1.0], 4)] == [0, 0, 2, 4]


def test_times_are_the_cameras_own_or_go_from_the_first_to_the_last():
    by_time = track({"time": 0, "exposure_stops": 0}, {"time": 1, "exposure_stops": 4})
    assert [lens.exposure_stops for lens in by_time.of_cameras([0.5, 0.25, 1], 3)] == [2, 1, 4]
    assert [lens.exposure_stops for lens in by_time.of_cameras(None, 3)] == [0, 2, 4]


def test_times_of_a_path_count_where_all_cameras_tell_them():
    assert render_times({"camera_path": [{"render_time": 0}, {"render_time": 0.5}]}) == [0.0, 0.5]
    assert render_times({"camera_path": [{"render_time": 0}, {}]}) is None
    assert render_times({}) is None


def test_settings_of_the_one_go_over_those_of_the_other():
    assert LensSettings(2, None, 1).over(LensSettings(3, 4, 5)) == (2, 4, 1)


def test_a_path_without_keyframes_sets_nothing():
    assert keyframed_settings({"camera_path": []}, Path("path.json")) is None


@pytest.mark.parametrize(
    ("keyframes", "message"),
    [
        ([], 'path.json: "neucam": expected a list of keyframes, such as'),
        ({"time": 0}, "expected a list of keyframes"),
        ([{"exposure_stops": 1}], 'expected a "time" in each keyframe, or a "frame" in each'),
        ([{"time": 0, "exposure_stops": 1}, {"frame": 1, "exposure_stops": 1}], 'expected a "time" in each'),
        ([{"time": 0, "aperture": 1}], 'path.json: "neucam" 0: has aperture; expected time, focus_distance_m'),
        ([{"time": 0, "f_number": "2"}], "f_number '2': expected a number"),
        ([{"time": 1.5, "f_number": 2}], "time 1.5: expected from 0"),
        ([{"frame": 1.5, "f_number": 2}], "frame 1.5: expected a whole number"),
        ([{"time": 0}], "sets nothing; expected some of focus_distance_m"),
        ([{"time": 0, "f_number": 0}], "f_number 0: expected more than 0"),
        ([{"time": 0, "focus_distance_m": -1}], "focus_distance_m -1: expected metres, more than 0; inf for infinity"),
        ([{"time": 0, "exposure_stops": math.inf}], "exposure_stops inf: expected a finite number"),
        ([{"time": 0, "f_number": 2}, {"time": 0, "f_number": 3}], "two keyframes have the same time"),
        ([{"frame": 2, "f_number": 2}], '"frame" 2: the path has cameras 0 to 1'),
    ],
)
def test_what_no_lens_and_no_path_has_is_refused(keyframes, message):
    with pytest.raises(NeucamError, match=message.replace("[", r"\[")):
        keyframed_settings({"neucam": keyframes, "camera_path": [{}, {}]}, Path("path.json"))


def beside(folder, document) -> None:
    (folder / "camera_settings.json").write_text(json.dumps(document))


def test_settings_beside_a_capture(tmp_path):
    assert settings_beside(tmp_path) is None
    beside(tmp_path, {"neucam": [{"time": 0, "exposure_stops": 1}, {"time": 1, "exposure_stops": 3}]})
    assert settings_beside(tmp_path).at(0.5).exposure_stops == 2


def test_frames_beside_a_capture_are_known_by_their_times(tmp_path):
    cameras = [{"render_time": time} for time in (0.0, 0.1, 1.0)]
    frames = [{"frame": 0, "exposure_stops": 0}, {"frame": 2, "exposure_stops": 4}]
    beside(tmp_path, {"neucam": frames, "camera_path": cameras})
    assert [settings_beside(tmp_path).at(time).exposure_stops for time in (0, 0.1, 1)] == pytest.approx([0, 2, 4])
    beside(tmp_path, {"neucam": frames, "camera_path": [{}, {}, {}]})
    with pytest.raises(NeucamError, match='no more than the time of a camera. Give each keyframe a "time"'):
        settings_beside(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "is no JSON"), ("[]", "found a list, expected a JSON object"), ("{}", 'has no "neucam"; expected')],
)
def test_a_file_beside_a_capture_that_is_none_of_settings(tmp_path, text, message):
    (tmp_path / "camera_settings.json").write_text(text)
    with pytest.raises(NeucamError, match=f"camera_settings.json: {message}"):
        settings_beside(tmp_path)
