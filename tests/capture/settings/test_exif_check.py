"""EXIF exposures that cannot be true, and those that may be."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.evidence import contradiction_by_names, contradiction_by_pictures
from neucam_nerfstudio.capture.settings.pictures import StillPictures

from ..still_scene import expose, texture

NAMES = ["a", "b", "c"]
SCENE = texture(60, 80)


def seen(*exposure_stops: float, blur_px: tuple[float, ...] = (0, 0, 0)) -> StillPictures:
    pixels = [expose(SCENE, stops, blur) for stops, blur in zip(exposure_stops, blur_px, strict=False)]
    return StillPictures(pixels, [picture.mean() / 255 for picture in pixels])


def test_names_and_exif_that_agree():
    assert contradiction_by_names([-2.0, 0.0, -2.0], [0, 1, 0], NAMES) is None


def test_exif_may_tell_more_than_names():
    assert contradiction_by_names([-2.0, 0.0, 2.0], [0, 0, 0], NAMES) is None


def test_names_that_exif_does_not_tell_apart():
    found = contradiction_by_names([0.0, 2.0, 0.0], [0, 1, 2], NAMES)
    assert found == "they are the same for a and c, whose E<j> differ"


@pytest.mark.parametrize("stops", [(-1.0, 0.0, 1.0), (0.0, -3.0, 3.0), (0.0, -1 / 3, 1 / 3)])
def test_brackets_as_exif_tells_them(stops):
    assert contradiction_by_pictures(stops, seen(*stops), NAMES) is None


def test_focus_stacks_as_exif_tells_them():
    assert contradiction_by_pictures([0.0] * 3, seen(0, 0, 0, blur_px=(0, 1, 4)), NAMES) is None


def test_light_that_flickers_is_not_exif_s_error():
    assert contradiction_by_pictures([0.0] * 3, seen(0, 0.3, 0), NAMES) is None  # 10 % in pixel values


def test_one_exif_exposure_of_a_bracket():
    found = contradiction_by_pictures([0.0] * 3, seen(0, -2.2, -1), NAMES)
    assert found == "they are the same for b and a, but pixel values of a are 2.0 times those of b"


def test_bracket_of_equally_bright_frames():
    found = contradiction_by_pictures([-2.0, 0.0, 2.0], seen(0, 0, 0), NAMES)
    assert found == "b has 2.0 stops more than a, but is not brighter"


def test_frames_whose_exif_is_mixed_up():
    found = contradiction_by_pictures([0.0, 2.0], seen(1, -1), NAMES)
    assert found == "b has 2.0 stops more than a, but is not brighter"


def test_small_steps_may_leave_no_trace():
    assert contradiction_by_pictures([0.0, 0.7], seen(0, 0), NAMES) is None


@pytest.mark.parametrize("value", [1, 255])
def test_black_and_white_frames_contradict_nothing(value):
    pixels = [np.full((60, 80, 3), value, np.uint8)] * 3
    pictures = StillPictures(pixels, [value / 255] * 3)
    assert contradiction_by_pictures([-3.0, 0.0, 0.0], pictures, NAMES) is None
