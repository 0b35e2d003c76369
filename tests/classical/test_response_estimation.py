import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neucam_nerfstudio.classical.response_estimation import (
    LDR_KNOTS,
    LN2,
    estimate_response,
    srgb_response,
    tabulate_response,
)

STOPS = np.array([-2.0, 0.0, 2.0])


def samples_of(response, stops, count=400, noise=0.0):
    random = np.random.default_rng(0)
    radiance = np.exp(random.uniform(-4, 4, (count, 1, 3)))
    ldr = response(radiance * 2.0 ** np.asarray(stops)[:, None])
    return np.clip(ldr + random.normal(0, noise, ldr.shape), 0, 1), np.ones(ldr.shape[:2], bool)


def soft(exposure):
    return exposure / (exposure + 1)


def srgb(exposure):
    linear = np.clip(exposure, 0, 1)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055)


@given(arrays(float, (len(LDR_KNOTS), 3), elements=st.floats(-10, 10)))
def test_a_table_never_falls_and_spans_black_to_white(log_exposure_at_knots):
    table = tabulate_response(log_exposure_at_knots)
    assert (np.diff(table.ldr, axis=0) >= 0).all()
    assert np.allclose(table.ldr[0].min(), 0) and np.allclose(table.ldr[-1].max(), 1)


def test_srgb_response_at_hand_computed_values():
    table = srgb_response()
    for linear, ldr in ((0.2140, 0.5), (0.0331, 0.2), (1.0, 1.0)):
        assert np.interp(np.log(linear), table.log_exposure, table.ldr[:, 1]) == pytest.approx(ldr, abs=3e-3)


def test_inverse_and_slope_belong_to_the_table():
    table = srgb_response()
    log_exposure = table.inverse(np.array([0.25, 0.5, 0.75]))
    step = 0.02
    for c in range(3):
        developed = np.interp(log_exposure[:, c], table.log_exposure, table.ldr[:, c])
        brighter = np.interp(log_exposure[:, c] + step, table.log_exposure, table.ldr[:, c])
        assert np.allclose(developed, [0.25, 0.5, 0.75], atol=1e-4)
        assert np.allclose(table.slope(log_exposure)[:, c], (brighter - developed) / step, rtol=0.05)


def test_shift_moves_the_zero_of_log_exposure():
    shifted = srgb_response().shifted(1.5)
    assert np.allclose(shifted.inverse(np.array([0.5])), srgb_response().inverse(np.array([0.5])) + 1.5, atol=1e-5)


@pytest.mark.parametrize(("response", "grey"), [(soft, 1.0), (srgb, 0.2140)])
def test_recovers_a_response_from_known_exposures(response, grey):
    table, stops = estimate_response(*samples_of(response, STOPS, noise=0.002), STOPS)
    assert np.array_equal(stops, STOPS)
    for exposure in (0.05, 0.2, 0.5):
        expected = response(np.array(exposure))
        found = np.interp(np.log(exposure / grey), table.log_exposure, table.ldr[:, 0])
        assert found == pytest.approx(float(expected), abs=0.01)


def test_recovers_unknown_exposures_of_a_camera_with_srgb_contrast():
    true_stops = np.array([1.0, -2.5, 0.0, 2.0])
    _, stops = estimate_response(*samples_of(srgb, true_stops, noise=0.002), None)
    assert np.allclose(stops - stops[2], true_stops, atol=0.15)


def test_samples_whose_light_changed_are_let_go():
    ldr, comparable = samples_of(soft, STOPS, noise=0.002)
    ldr[:80, 2] = np.random.default_rng(1).uniform(0, 1, (80, 3))
    table, _ = estimate_response(ldr, comparable, STOPS)
    assert np.interp(LN2, table.log_exposure, table.ldr[:, 0]) == pytest.approx(2 / 3, abs=0.01)


def test_frames_that_are_not_comparable_do_not_count():
    ldr, comparable = samples_of(soft, STOPS)
    ldr[:, 2] = 0.5
    comparable[:, 2] = False
    table, _ = estimate_response(ldr, comparable, STOPS)
    assert np.interp(LN2, table.log_exposure, table.ldr[:, 0]) == pytest.approx(2 / 3, abs=0.01)


def test_black_frames_give_a_finite_response():
    table, stops = estimate_response(np.zeros((50, 3, 3)), np.ones((50, 3), bool), None)
    assert np.isfinite(table.log_exposure).all() and np.isfinite(stops).all()
