import numpy as np
import pytest

from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_estimation import solve_response, trust_of
from neucam_nerfstudio.photometry import LN2

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


@pytest.mark.parametrize(("response", "grey"), [(soft, 1.0), (srgb, 0.2140)])
def test_recovers_a_response_from_known_exposures(response, grey):
    table, stops = solve_response(*samples_of(response, STOPS, noise=0.002), STOPS)
    assert np.array_equal(stops, STOPS)
    for exposure in (0.05, 0.2, 0.5):
        expected = response(np.array(exposure))
        found = np.interp(np.log(exposure / grey), table.log_exposure, table.ldr[:, 0])
        assert found == pytest.approx(float(expected), abs=0.01)


def test_recovers_unknown_exposures_of_a_camera_with_srgb_contrast():
    true_stops = np.array([1.0, -2.5, 0.0, 2.0])
    _, stops = solve_response(*samples_of(srgb, true_stops, noise=0.002), None)
    assert np.allclose(stops - stops[2], true_stops, atol=0.15)


def test_samples_whose_light_changed_are_let_go():
    ldr, comparable = samples_of(soft, STOPS, noise=0.002)
    ldr[:80, 2] = np.random.default_rng(1).uniform(0, 1, (80, 3))
    table, _ = solve_response(ldr, comparable, STOPS)
    for exposure in (0.25, 0.5, 2.0, 4.0, 8.0):
        found = [np.interp(np.log(exposure), table.log_exposure, table.ldr[:, channel]) for channel in range(3)]
        np.testing.assert_allclose(found, soft(exposure), atol=0.005)


def test_bright_colours_that_fade_to_white_do_not_bend_a_channel():
    """Of warm things, red is brightest, and fades first. Still, the three whitest values are of about equal light."""
    random = np.random.default_rng(0)
    radiance = np.exp(random.uniform(-4, 4, (400, 1, 1))) * np.array([1.0, 0.7, 0.4])
    ldr = soft(radiance * 2.0 ** STOPS[:, None])
    brightest, mean = ldr.max(-1, keepdims=True), ldr.mean(-1, keepdims=True)
    fading = 0.8 * np.clip((brightest - 0.7) / 0.3, 0, 1) ** 2
    faded = ldr + fading * (mean - ldr)
    table, _ = solve_response(faded, np.ones(faded.shape[:2], bool), STOPS)
    assert np.ptp(table.inverse(np.array([0.98]))) < 0.15


def test_frames_that_are_not_comparable_do_not_count():
    ldr, comparable = samples_of(soft, STOPS)
    ldr[:, 2] = 0.5
    comparable[:, 2] = False
    table, _ = solve_response(ldr, comparable, STOPS)
    assert np.interp(LN2, table.log_exposure, table.ldr[:, 0]) == pytest.approx(2 / 3, abs=0.01)


def test_black_frames_give_a_finite_response():
    table, stops = solve_response(np.zeros((50, 3, 3)), np.ones((50, 3), bool), None)
    assert np.isfinite(table.log_exposure).all() and np.isfinite(stops).all()


@pytest.mark.parametrize("response", [lambda exposure: np.clip(exposure, 0, 1), srgb], ids=["linear", "sRGB"])
def test_shadows_of_16_bits_are_told_ten_stops_below_white(response):
    random = np.random.default_rng(0)
    radiance = np.exp2(random.uniform(-10, 2, (600, 1, 3)))
    ldr = np.rint(65535 * response(radiance * 2.0 ** STOPS[:, None])) / 65535
    table, _ = solve_response(ldr, np.ones(ldr.shape[:2], bool), STOPS, half_step=half_step(np.dtype(np.uint16)))
    depth = np.array([3.0, 6.0, 8.0, 10.0])
    exposure = table.inverse(response(np.exp2(-depth)))[:, 1] - table.inverse(response(np.array([0.5])))[:, 1]
    np.testing.assert_allclose(exposure / LN2, 1 - depth, atol=0.15)


def test_below_an_8_bit_step_pixel_values_are_taken_to_be_in_proportion_to_light():
    table, _ = solve_response(*samples_of(soft, STOPS), STOPS, half_step=half_step(np.dtype(np.uint16)))
    log_exposure = table.inverse(np.array([0.003, 0.0003, 0.00003]))
    np.testing.assert_allclose(np.diff(log_exposure, axis=0), -np.log(10), atol=0.02)


def test_frames_of_one_exposure_setting_come_out_equal():
    true_stops = np.array([-2.0, 0.0, 0.0, 2.0])
    _, stops = solve_response(*samples_of(srgb, true_stops, noise=0.01), None, np.array([7, 3, 3, 5]))
    assert stops[1] == stops[2]
    assert np.allclose(stops - stops[1], true_stops, atol=0.2)


def test_a_sample_that_was_let_go_does_not_come_back():
    """Four frames agree on each of 50 samples but for noise; of the first sample, one is a stop off."""
    log_radiance = np.random.default_rng(0).normal(0, 0.002, (50, 4, 3))
    log_radiance[0, 3] += np.log(2)
    precision, trust = np.ones_like(log_radiance), np.ones_like(log_radiance)
    for _ in range(6):
        trust = trust_of(log_radiance, precision, trust)
    assert trust[0, 3].max() < 1e-3
    assert trust[0, :3].min() > 0.5 and np.median(trust[1:]) > 0.8


def test_a_sample_that_tells_nothing_has_no_part_in_the_usual_deviation():
    log_radiance = np.random.default_rng(0).normal(0, 0.002, (50, 4, 3))
    log_radiance[:, 3] = 5.0
    precision = np.ones_like(log_radiance)
    precision[:, 3] = 0
    assert trust_of(log_radiance, precision, np.ones_like(log_radiance))[:, :3].min() > 0.4
