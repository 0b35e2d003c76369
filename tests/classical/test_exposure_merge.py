import numpy as np
import pytest

from neucam_nerfstudio.classical.exposure_merge import decoding_table, merge_bracket
from neucam_nerfstudio.classical.response_table import srgb_response
from neucam_nerfstudio.photometry import LN2

GREY = np.log(0.2140)
"""Log exposure at which the sRGB response gives 0.5."""


def frame(value, dtype=np.uint8):
    return np.full((2, 3, 3), value, dtype)


def merge(frames, stops):
    tables = [decoding_table(f.dtype, s, srgb_response(), 1 / 255) for f, s in zip(frames, stops, strict=True)]
    return merge_bracket(frames, tables)


@pytest.mark.parametrize("grey", [frame(128), frame(32768, np.uint16), frame(0.5, np.float32)])
@pytest.mark.parametrize("stops", [-1.5, 0.0, 2.0])
def test_one_frame_shows_exposure_less_its_stops(grey, stops):
    log_radiance, precision, *_ = merge([grey], [stops])
    assert log_radiance == pytest.approx(GREY - LN2 * stops, abs=0.02)
    assert precision.shape == log_radiance.shape and (precision > 0).all()


def test_precision_is_squared_slope_over_noise():
    # d ldr / d ln exposure of sRGB at middle grey: 1.055 / 2.4 * 0.2140^(1/2.4) = 0.2313
    precision = merge([frame(128)], [0.0]).precision
    assert precision == pytest.approx((0.2313 * 255) ** 2, rel=0.06)


def test_no_light_is_taken_from_where_a_frame_is_not_covered():
    tables = [decoding_table(np.dtype(np.uint8), stops, srgb_response(), 1 / 255) for stops in (0.0, 1.0)]
    weights = [np.array([[1, 1, 0], [0, 1, 1]], np.float32), np.array([[1, 0, 0], [0, 1, 0]], np.float32)]
    grey = merge_bracket([frame(128), frame(255)], tables, weights)
    apart = merge_bracket([frame(128), frame(77)], tables, weights)
    alone = merge_bracket([frame(128)], tables[:1])
    shown = weights[0] > 0
    np.testing.assert_allclose(grey.log_radiance[shown], GREY, atol=0.03)
    assert (grey.precision[~shown] == 0).all() and np.isfinite(grey.log_radiance).all()
    np.testing.assert_allclose(apart.log_radiance[0, 1], alone.log_radiance[0, 1], rtol=1e-6)
    assert apart.log_radiance[0, 0, 0] != pytest.approx(float(alone.log_radiance[0, 0, 0]), abs=0.01)


def test_what_the_darkest_frame_does_not_show_is_blown_if_the_next_is_white():
    tables = [decoding_table(np.dtype(np.uint8), stops, srgb_response(), 1 / 255) for stops in (-2.0, 0.0)]
    weights = [np.array([[0, 1, 1]] * 2, np.float32), None]
    assert merge_bracket([frame(128), frame(255)], tables, weights).blown[0, :, 0].tolist() == [True, False, False]


def test_saturated_and_black_frames_leave_the_say_to_the_others():
    log_radiance = merge([frame(255), frame(128), frame(0)], [4.0, 0.0, -9.0]).log_radiance
    assert log_radiance == pytest.approx(GREY, abs=0.03)


def test_where_all_is_saturated_the_darkest_frame_bounds_radiance():
    log_radiance, precision, *_ = merge([frame(255), frame(255)], [-3.0, 3.0])
    assert log_radiance == pytest.approx(3 * LN2, abs=0.02)
    assert (precision < 1).all()


def test_where_all_is_black_the_brightest_frame_bounds_radiance():
    dark = merge([frame(0), frame(0)], [-3.0, 3.0]).log_radiance
    brightest = merge([frame(0)], [3.0]).log_radiance
    assert dark == pytest.approx(float(brightest.mean()), abs=0.02)


def test_what_the_darkest_frame_shows_blown_is_known_from_below_alone():
    merged = merge([frame((255, 252, 250)), frame((128, 252, 250))], [0.0, -3.0])
    assert merged.blown[0, 0].tolist() == [False, True, False]
    assert merged.precision[0, 0, 1] < 1 < merged.precision[0, 0, 2]


def test_channels_keep_apart():
    coloured = np.zeros((1, 1, 3), np.uint8)
    coloured[...] = (64, 128, 192)
    log_radiance = merge([coloured], [0.0]).log_radiance
    assert np.allclose(np.exp(log_radiance[0, 0]), [0.0513, 0.2159, 0.5271], rtol=0.02)


def test_values_near_white_give_way_to_a_frame_that_shows_more():
    near_white, grey = frame(252), frame(128)
    alone, shown = merge([near_white], [0.0])[0].mean(), merge([grey], [-4.0])[0].mean()
    together = merge([near_white, grey], [0.0, -4.0])[0].mean()
    assert abs(together - shown) < 0.05 * abs(alone - shown)


def test_where_a_frame_is_saturated_brighter_ones_have_no_say():
    # JPEG leaves 253 in areas that are blown: a measurement of radiance 2^-3, were the darker frame not white there.
    log_radiance, precision, *_ = merge([frame(253), frame(255)], [3.0, 0.0])
    bound, bound_precision, *_ = merge([frame(255)], [0.0])
    assert log_radiance == pytest.approx(0.0, abs=0.02) and np.array_equal(log_radiance, bound)
    assert np.array_equal(precision, bound_precision)


def test_saturation_is_judged_channel_by_channel():
    # Radiance (1, 0.0513, 0.0513) at 3 stops: red is white, left at 253 by JPEG; green and blue 0.41, which reads 172.
    dark, bright = frame(0), frame(172)
    dark[..., 0], bright[..., 0] = 255, 253
    red, green, blue = np.exp(merge([dark, bright], [0.0, 3.0])[0][0, 0])
    assert red == pytest.approx(1.0, rel=0.02)
    assert green == blue == pytest.approx(0.0513, rel=0.03)


def test_frames_of_equal_exposure_keep_their_say_beside_a_saturated_one():
    both = merge([frame(255), frame(240)], [0.0, 0.0]).log_radiance
    reversed_order = merge([frame(240), frame(255)], [0.0, 0.0]).log_radiance
    assert both == pytest.approx(np.log(0.8714), abs=0.02) and np.array_equal(both, reversed_order)


@pytest.mark.parametrize(("red", "share"), [(200, 0.847), (250, 0.58), (255, 0.142)])
def test_the_nearer_a_channel_is_to_white_the_more_its_pixel_gives_way_to_other_frames(red, share):
    # Blue of 200 and 77: slopes of sRGB are as 200 + 14 to 77 + 14, so precisions as 5.53 to 1. Red of 250 and of 255
    # lessens trust in the brighter frame to 5 / 20 and to 0.03: shares of 1.38 / 2.38 and of 0.166 / 1.166.
    bright, dark = frame(200), frame(77)
    shown_by_bright, shown_by_dark = (merge([f], [s])[0].mean() for f, s in ((bright, 0.0), (dark, -2.0)))
    bright[..., 0] = red
    blue = merge([bright, dark], [0.0, -2.0])[0][..., 2].mean()
    assert (blue - shown_by_dark) / (shown_by_bright - shown_by_dark) == pytest.approx(share, abs=0.03)
