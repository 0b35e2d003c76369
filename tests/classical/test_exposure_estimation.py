import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.classical.exposure_estimation import (
    equal_exposures,
    estimate_exposure_stops,
    exposure_of_photograph,
    in_usual_steps,
)
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import linear_response, srgb_response


def partition(settings):
    return {tuple(np.flatnonzero(settings == s)) for s in settings}


def test_close_exposures_far_from_others_share_a_setting():
    assert partition(equal_exposures(np.array([3.02, -3.0, 0.01, 3.0, -3.03, 0.0]))) == {(0, 3), (1, 4), (2, 5)}


@pytest.mark.parametrize("stops", [[0.0, 0.08, 0.16, 2.0], [0.0, 0.05, 0.3], [-1.0, 0.0, 1.0]])
def test_exposures_stay_apart_where_grouping_is_doubtful(stops):
    assert partition(equal_exposures(np.array(stops))) == {(i,) for i in range(len(stops))}


@given(st.permutations([-3.0, -2.97, 0.0, 0.02, 3.0, 3.05]))
def test_grouping_does_not_depend_on_the_order_of_frames(stops):
    groups = {frozenset(round(stops[i]) for i in group) for group in partition(equal_exposures(np.array(stops)))}
    assert groups == {frozenset({-3}), frozenset({0}), frozenset({3})}


def test_shuffled_exposures_come_out_in_proportion_with_the_middle_one_zero(view):
    true_stops = np.array([2.0, -2.0, 0.0, 2.0, 0.0, -2.0, 1.0])
    small = np.stack([view.photograph(view.radiance, s, seed=i) for i, s in enumerate(true_stops)]) / np.float32(255)
    stops = estimate_exposure_stops(small, None)
    assert stops[2] == 0 and stops[0] == stops[3]
    assert np.corrcoef(stops, true_stops)[0, 1] > 0.999


def test_known_settings_tie_exposures(view):
    true_stops = np.array([-1.0, 0.0, 1.0, 1.1])
    small = np.stack([view.photograph(view.radiance, s) for s in true_stops]) / np.float32(255)
    stops = estimate_exposure_stops(small, [0, 1, 2, 2])
    assert stops[2] == stops[3] == 0 and stops[1] < 0 and stops[0] < stops[1]


@pytest.mark.slow
def test_every_frame_of_a_long_capture_gets_its_exposure(view):
    true_stops = np.tile([-2.0, 0.0, 2.0], 20)
    small = np.stack([view.photograph(view.radiance, s, seed=i) for i, s in enumerate(true_stops)]) / np.float32(255)
    stops = estimate_exposure_stops(small, None)
    assert np.corrcoef(stops, true_stops)[0, 1] > 0.999 and len(np.unique(stops)) == 3


def test_a_known_response_leaves_no_doubt_about_exposures(view):
    """What a learned response leaves open, a common factor on all stops, a known one tells."""
    true_stops = np.array([-2.0, 0.0, 1.5])
    exposed = view.radiance / view.radiance.max() * np.exp2(true_stops)[:, None, None, None]
    small = np.clip(exposed, 0, 1).astype(np.float32)
    response = linear_response(half_step(small.dtype))
    stops = estimate_exposure_stops(small, None, response)
    np.testing.assert_allclose(stops, true_stops, atol=0.02)


def test_what_a_frame_does_not_show_tells_nothing_of_its_exposure(view):
    true_stops = np.array([-2.0, 0.0, 1.5])
    exposed = view.radiance / view.radiance.max() * np.exp2(true_stops)[:, None, None, None]
    small = np.clip(exposed, 0, 1).astype(np.float32)
    covered = np.ones(small.shape[:3], bool)
    covered[0, :, : small.shape[2] // 3] = covered[2, -small.shape[1] // 4 :] = False
    small[~covered] = np.random.default_rng(0).uniform(0.2, 0.8, (np.count_nonzero(~covered), 3))
    response = linear_response(half_step(small.dtype))
    np.testing.assert_allclose(estimate_exposure_stops(small, None, response, covered), true_stops, atol=0.02)
    assert np.abs(estimate_exposure_stops(small, None, response) - true_stops).max() > 0.1


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("true_stops", [-4.0, 0.0, 3.0])
def test_exposure_of_one_photograph_of_known_light(true_stops, dtype):
    """A ramp over eight stops, 0.2140 of white in its middle, where sRGB has 0.5."""
    radiance = 0.2140 * np.exp2(np.linspace(-4, 4, 96))[None, :, None] * np.ones((64, 1, 3))
    response = srgb_response(half_step(np.dtype(dtype)))
    ldr = np.interp(np.log(radiance) + np.log(2) * true_stops, response.log_exposure, response.ldr[:, 0])
    pixels = ldr.astype(dtype) if dtype == np.float32 else np.rint(ldr * np.iinfo(dtype).max).astype(dtype)
    found = exposure_of_photograph(pixels, np.log(radiance).astype(np.float32), response)
    assert found == pytest.approx(true_stops, abs=0.05)


def test_a_black_photograph_is_no_error():
    found = exposure_of_photograph(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8, 3), np.float32), srgb_response())
    assert found < -8


def with_floor(view, stops: float, floor: float = 0.08) -> np.ndarray:
    """A photograph that is never darker than a floor, as of scanned film, with an edge that is no part of the view."""
    light = np.clip(view.response(view.radiance * 2.0**stops) ** 2.2 + floor**2.2, 0, 1)
    ldr = (light ** (1 / 2.2)).astype(np.float32)
    ldr[:3], ldr[:3, :, 2] = floor, 1
    return ldr


def test_a_long_bracket_of_scanned_film_comes_out_in_even_steps(view):
    """Of the darkest frames nearly all is at the floor."""
    small = np.stack([with_floor(view, -index) for index in range(9)])
    stops = estimate_exposure_stops(small, None)
    np.testing.assert_allclose(-np.diff(stops), 1, atol=0.12)


def test_exposures_of_a_moving_camera_do_not_shrink(view):
    true_stops = np.array([-2.0, 0.0, 2.0, -2.0, 0.0])
    frames = [view.photograph(np.roll(view.radiance, 17 * i, axis=1), s, seed=i) for i, s in enumerate(true_stops)]
    stops = estimate_exposure_stops(np.stack(frames) / np.float32(255), None)
    scale = np.ptp(stops) / 4
    assert 0.7 < scale < 1.6 and np.abs(stops - scale * true_stops).max() < 0.1


@pytest.mark.parametrize(
    ("stops", "expected"),
    [
        ([0, 1.05, 2.0, 3.12], [0, 1, 1.92, 3]),
        ([0, 0.3, 0.6, 0.9, 1.2], [0, 1 / 3, 2 / 3, 1, 4 / 3]),
        ([0, 1.2, 2.4, 3.6], [0, 1.2, 2.4, 3.6]),
        ([0, 1, 3, 4], [0, 1, 3, 4]),
        ([0, 1.05, 2.1], [0, 1.05, 2.1]),
    ],
    ids=["whole stops", "thirds", "between two steps", "uneven", "too few"],
)
def test_steps_of_a_usual_size_are_taken_for_it(stops, expected):
    np.testing.assert_allclose(in_usual_steps(np.array(stops, float)), expected, atol=0.02)
