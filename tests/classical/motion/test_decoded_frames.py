"""Frames decode to light and develop back, and two of them are compared by the light that both tell."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.decoded_frames import DecodedFrames, grey_between
from neucam_nerfstudio.classical.response_table import ResponseTable, srgb_response


def ramp(dtype: type) -> np.ndarray:
    values = np.linspace(0, np.iinfo(dtype).max, 64).astype(dtype)
    return np.tile(values[None, :, None], (8, 1, 3))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_light_develops_back_to_the_photograph(dtype):
    decoded = DecodedFrames([ramp(dtype), ramp(dtype)], np.array([-1.0, 1.5]), srgb_response())
    for index in (0, 1):
        log_radiance, weight = decoded.radiance(index)
        np.testing.assert_allclose(decoded.develop(log_radiance, index), decoded.ldr(index), atol=0.01)
        assert (weight > 0).all()


def test_more_exposure_means_less_light_for_the_same_value():
    decoded = DecodedFrames([ramp(np.uint8)] * 2, np.array([0.0, 3.0]), srgb_response())
    difference = decoded.radiance(0)[0] - decoded.radiance(1)[0]
    np.testing.assert_allclose(difference[:, 8:-8], 3 * np.log(2), atol=1e-3)


def test_clipped_light_weighs_next_to_nothing():
    decoded = DecodedFrames([ramp(np.uint8)] * 2, np.zeros(2), srgb_response())
    weight = decoded.radiance(0)[1][0, :, 1]
    assert weight[-1] < 1e-3 * weight[32]
    assert weight[0] < 1e-2 * weight[32]


def test_light_is_told_by_the_exposures_that_see_it_change():
    """A response that rises by a quarter a unit between black and white; two of three frames see twice the light."""
    knots = np.linspace(-4, 4, 65)
    response = ResponseTable(knots, np.repeat(np.clip(knots / 4 + 0.5, 0, 1)[:, None], 3, 1))
    decoded = DecodedFrames([ramp(np.uint8)] * 3, np.array([0.0, 1.0, 1.001]), response)
    light = np.array([-3.8, -2.3, 0.0, 1.7, 3.0])[None, :, None].repeat(3, -1)
    np.testing.assert_allclose(decoded.squared_slope(light), np.array([[0, 2, 3, 1, 0]]) / 3 / 16, atol=1e-9)
    light[0, 2, 1] = 3.0  # one channel is white
    assert decoded.squared_slope(light)[0, 2] == 0


def test_guides_show_the_same_light_alike():
    light = np.exp(np.linspace(-3, 0, 64))[None, :, None] * np.ones((8, 1, 3))
    response = srgb_response()
    frames = [
        np.rint(255 * np.interp(np.log(light * 2.0**s), response.log_exposure, response.ldr[:, 0])).astype(np.uint8)
        for s in (-1.0, 1.0)
    ]
    guide, other = DecodedFrames(frames, np.array([-1.0, 1.0]), response).guides(0, 1)
    assert np.abs(guide.astype(int) - other).max() <= 6
    assert np.ptp(guide) > 100


def test_grey_between_by_hand():
    log_radiance = np.array([[[0.0, 0.0, 0.0], [1.0, 2.0, 3.0], [9.0, 9.0, 9.0]]], np.float32)
    assert grey_between(log_radiance, np.zeros(3), np.full(3, 4.0)).tolist() == [[0, 128, 255]]
