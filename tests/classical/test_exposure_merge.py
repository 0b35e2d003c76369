import numpy as np
import pytest

from neucam_nerfstudio.classical.exposure_merge import decoding_table, merge_exposures
from neucam_nerfstudio.classical.response_estimation import LN2, srgb_response

GREY = np.log(0.2140)
"""Log exposure at which the sRGB response gives 0.5."""


def frame(value, dtype=np.uint8):
    return np.full((2, 3, 3), value, dtype)


def merge(frames, stops):
    tables = [decoding_table(f.dtype, s, srgb_response(), 1 / 255) for f, s in zip(frames, stops, strict=True)]
    return merge_exposures(frames, tables)


@pytest.mark.parametrize("grey", [frame(128), frame(32768, np.uint16), frame(0.5, np.float32)])
@pytest.mark.parametrize("stops", [-1.5, 0.0, 2.0])
def test_one_frame_shows_exposure_less_its_stops(grey, stops):
    log_radiance, precision = merge([grey], [stops])
    assert log_radiance == pytest.approx(GREY - LN2 * stops, abs=0.02)
    assert precision.shape == log_radiance.shape and (precision > 0).all()


def test_precision_is_squared_slope_over_noise():
    # d ldr / d ln exposure of sRGB at middle grey: 1.055 / 2.4 * 0.2140^(1/2.4) = 0.2313
    _, precision = merge([frame(128)], [0.0])
    assert precision == pytest.approx((0.2313 * 255) ** 2, rel=0.06)


def test_saturated_and_black_frames_leave_the_say_to_the_others():
    log_radiance, _ = merge([frame(255), frame(128), frame(0)], [4.0, 0.0, -9.0])
    assert log_radiance == pytest.approx(GREY, abs=0.03)


def test_where_all_is_saturated_the_darkest_frame_bounds_radiance():
    log_radiance, precision = merge([frame(255), frame(255)], [-3.0, 3.0])
    assert log_radiance == pytest.approx(3 * LN2, abs=0.02)
    assert (precision < 1).all()


def test_where_all_is_black_the_brightest_frame_bounds_radiance():
    dark, _ = merge([frame(0), frame(0)], [-3.0, 3.0])
    brightest, _ = merge([frame(0)], [3.0])
    assert dark == pytest.approx(float(brightest.mean()), abs=0.02)


def test_channels_keep_apart():
    coloured = np.zeros((1, 1, 3), np.uint8)
    coloured[...] = (64, 128, 192)
    log_radiance, _ = merge([coloured], [0.0])
    assert np.allclose(np.exp(log_radiance[0, 0]), [0.0513, 0.2159, 0.5271], rtol=0.02)


def test_values_near_white_give_way_to_a_frame_that_shows_more():
    near_white, grey = frame(252), frame(128)
    alone, shown = merge([near_white], [0.0])[0].mean(), merge([grey], [-4.0])[0].mean()
    together = merge([near_white, grey], [0.0, -4.0])[0].mean()
    assert abs(together - shown) < 0.05 * abs(alone - shown)
