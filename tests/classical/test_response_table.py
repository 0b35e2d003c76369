import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import (
    LDR_KNOTS,
    linear_response,
    srgb_response,
    tabulate_response,
)

SIXTEEN_BITS = half_step(np.dtype(np.uint16))


@given(arrays(float, (len(LDR_KNOTS), 3), elements=st.floats(-10, 10)))
def test_a_table_never_falls_and_spans_black_to_white(log_exposure_at_knots):
    table = tabulate_response(log_exposure_at_knots)
    assert (np.diff(table.ldr, axis=0) >= 0).all()
    assert np.allclose(table.ldr[0].min(), 0) and np.allclose(table.ldr[-1].max(), 1)


def test_a_toe_that_falls_shifts_no_mid_tones():
    log_exposure = np.linspace(-3, 3, len(LDR_KNOTS))[:, None].repeat(3, 1)
    log_exposure[:4, 0] += [0, 8, 4, 0]
    table = tabulate_response(log_exposure)
    grey_and_light = LDR_KNOTS[[16, 24]]
    np.testing.assert_allclose(table.inverse(grey_and_light), np.array([[0.0], [1.5]]).repeat(3, 1), atol=0.02)


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


def test_linear_response_at_hand_computed_values():
    table = linear_response(SIXTEEN_BITS)
    ldr = np.array([1.0, 0.5, 0.01, 1 / 65535])
    np.testing.assert_allclose(table.inverse(ldr), np.log(ldr)[:, None].repeat(3, 1), atol=1e-4)
    assert table.inverse(np.array([0.0])) == pytest.approx(np.log(0.5 / 65536))


def test_srgb_s_toe_is_straight_down_to_a_16_bit_step():
    ldr = np.array([0.04, 0.001, 2 / 65535])
    np.testing.assert_allclose(srgb_response(SIXTEEN_BITS).inverse(ldr)[:, 1], np.log(ldr / 12.92), atol=1e-3)


def test_channels_are_decoded_each_by_its_own_curve():
    knots = np.log(LDR_KNOTS + 0.01)[:, None]
    table = tabulate_response(np.concatenate([knots, knots + 1, knots + 2], axis=1))
    log_exposure = table.decode(np.full((2, 5, 3), 0.5))
    np.testing.assert_allclose(log_exposure[1, 4], np.log(0.51) + np.arange(3), atol=0.02)
