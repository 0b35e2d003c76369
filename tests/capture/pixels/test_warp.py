"""A photograph seen through a map: light is interpolated, nothing rings, white stays white."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.capture.pixels.warp import ViewMap, aligned, coverage_seen, nearness_of_rows
from neucam_nerfstudio.photometry import decode_srgb, encode_srgb

from ..still_scene import similarity, texture

HEIGHT, WIDTH = 180, 260
SCENE = texture(HEIGHT, WIDTH)
HALF_A_PIXEL = similarity(1, (0.5, 0), 8, 40)


def edge(dark: float, bright: float, number_type: type = np.uint8) -> np.ndarray:
    """Dark to the left of column 20, bright from there."""
    pixels = np.full((8, 40, 3), dark, number_type)
    pixels[:, 20:] = bright
    return pixels


@pytest.mark.parametrize("is_linear", [False, True])
@pytest.mark.parametrize("number_type", [np.uint8, np.uint16, np.float32])
def test_warping_keeps_the_number_type_and_its_range(number_type, is_linear):
    white = 1 if number_type is np.float32 else np.iinfo(number_type).max
    checks = (np.indices((40, 60)).sum(0) // 8 % 2 * white).astype(number_type)
    seen = aligned(np.stack([checks] * 3, -1), ViewMap(similarity(1.03, (0.3, 0.4), 40, 60)), is_linear)
    assert seen.dtype == number_type and seen.shape == (40, 60, 3)
    assert seen.min() == 0 and seen.max() == white


def test_whole_pixels_are_moved_as_they_are():
    seen = aligned(SCENE, ViewMap(similarity(1, (3, -2), HEIGHT, WIDTH)), is_linear=False)
    np.testing.assert_array_equal(seen[2:, :-3], SCENE[:-2, 3:])


def test_an_edge_to_white_does_not_ring():
    """Lanczos of encoded values made 37 .. 255 of it, and 246 in the white."""
    seen = aligned(edge(60, 255), ViewMap(HALF_A_PIXEL), is_linear=False)
    assert seen.min() == 60 and (seen[:, :19] == 60).all()
    assert (seen[:, 20:] == 255).all(), "where the photograph is white, so is what is made of it"


@pytest.mark.parametrize("shift_px", np.linspace(-1, 1, 9))
def test_white_stays_white_wherever_it_goes(shift_px):
    seen = aligned(edge(60, 255), ViewMap(similarity(1.01, (shift_px, 0.2), 8, 40)), is_linear=False)
    assert seen.min() >= 60 and (seen[:, 24:] == 255).all()


@pytest.mark.parametrize(("number_type", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
@pytest.mark.parametrize("is_linear", [False, True])
def test_even_white_stays_exactly_white(number_type, white, is_linear):
    seen = aligned(np.full((20, 30, 3), white, number_type), ViewMap(similarity(1.02, (0.3, 0.7), 20, 30)), is_linear)
    assert (seen == white).all()


@pytest.mark.parametrize("is_linear", [False, True])
def test_light_is_mixed_and_not_its_encoding(is_linear):
    """Half way between two pixels lies half of each one's light."""
    ramp = np.linspace(20, 120, 40).astype(np.uint8)[None, :, None] * np.ones((8, 1, 3), np.uint8)
    seen = aligned(edge(40, 200), ViewMap(HALF_A_PIXEL), is_linear)[0, 19, 0]
    expected = (
        120 if is_linear else float(255 * encode_srgb(decode_srgb(np.array([40, 200]) / 255).mean(keepdims=True))[0])
    )
    assert seen == pytest.approx(expected, abs=1)
    assert np.diff(aligned(ramp, ViewMap(HALF_A_PIXEL), is_linear)[0, :, 0].astype(int)).min() >= 0


@given(st.floats(0.95, 1.05), st.floats(-4, 4), st.floats(-4, 4), st.integers(0, 2**16))
def test_nothing_is_darker_or_brighter_than_what_it_is_made_of(scale, right_px, down_px, seed):
    pixels = np.random.default_rng(seed).integers(30, 220, (24, 32, 3)).astype(np.uint8)
    seen = aligned(pixels, ViewMap(similarity(scale, (right_px, down_px), 24, 32)), is_linear=False)
    assert seen.min() >= pixels.min() and seen.max() <= pixels.max()


def test_beyond_the_border_the_border_is_repeated():
    seen = aligned(SCENE, ViewMap(similarity(1, (3, 0), HEIGHT, WIDTH)), is_linear=False)
    np.testing.assert_array_equal(seen[:, -3:], np.repeat(SCENE[:, -1:], 3, axis=1))
    np.testing.assert_array_equal(seen[:, :-3], SCENE[:, 3:])


def test_near_things_lie_along_the_epipole_by_hand():
    """The right half is nearer by 2: it lies 2 x 1.5 px to the right and 2 px up; the left half where the plane is."""
    nearness = np.zeros((HEIGHT, WIDTH), np.float32)
    nearness[:, WIDTH // 2 :] = 2
    view = ViewMap(similarity(1, (0, 3), HEIGHT, WIDTH), np.array([1.5, -1.0, 0.0]), nearness)
    seen = aligned(SCENE, view, is_linear=False)
    middle = WIDTH // 2
    np.testing.assert_array_equal(seen[4:-4, 4 : middle - 4], SCENE[7:-1, 4 : middle - 4])
    np.testing.assert_array_equal(seen[4:-4, middle + 4 : -4], SCENE[5:-3, middle + 7 : -1])


def test_nearness_of_half_the_size_is_interpolated_by_hand():
    nearness = np.array([[0.0, 4.0]], np.float32)
    of_rows = nearness_of_rows(nearness, slice(0, 2), 2, 4)
    np.testing.assert_allclose(of_rows, [[0, 1, 3, 4]] * 2)


def test_what_a_view_does_not_show_is_not_covered():
    view = ViewMap(np.eye(3), np.array([1.0, 0.0, 0.0]), np.full((2, 2), 5, np.float32))
    covered = coverage_seen(None, view, 20, 30)
    assert covered is not None and covered[:, :25].all() and not covered[:, 25:].any()


def test_a_large_picture_shows_a_ramp_where_it_is():
    """OpenCV's cubic kernel alone shows what lies a quarter of a pixel away 0.05 px farther."""
    ramp = np.tile(np.arange(5000, 55000, 250).astype(np.uint16)[None, :, None], (6000, 1, 3))
    for shift_px in (0.125, 0.25, 0.75):
        seen = aligned(ramp, ViewMap(similarity(1, (shift_px, 0), 6000, 200)), is_linear=True)[:, 4:-4]
        assert np.abs(seen - (ramp[:, 4:-4] + 250 * shift_px)).max() < 0.03 * 250
