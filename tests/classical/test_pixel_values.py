import numpy as np
import pytest

from neucam_nerfstudio.classical.pixel_values import code_values, estimate_pixel_noise, to_codes


def test_integer_photographs_keep_their_codes():
    for dtype in (np.uint8, np.uint16):
        codes = np.arange(12, dtype=dtype).reshape(2, 2, 3)
        assert to_codes(codes) is codes


def test_floating_point_becomes_16_bit_and_is_clipped():
    codes = to_codes(np.array([-0.1, 0.0, 0.5, 1.0, 3.0], np.float32))
    assert codes.dtype == np.uint16 and codes.tolist() == [0, 0, 32768, 65535, 65535]


def test_codes_stand_for_values_between_black_and_white():
    assert code_values(np.dtype(np.uint8))[[0, 51, 255]] == pytest.approx([0, 0.2, 1])
    assert code_values(np.dtype(np.float32))[[0, 13107, 65535]] == pytest.approx([0, 0.2, 1])


@pytest.mark.parametrize("noise", [0.005, 0.02])
def test_noise_is_measured_beside_structure(noise):
    ramp = np.linspace(0.2, 0.8, 200)[None, :, None] * np.ones((200, 1, 3))
    ramp[:, 100:130] += 0.15 * (np.arange(30) % 2)[None, :, None]
    noisy = (ramp + np.random.default_rng(0).normal(0, noise, ramp.shape)).astype(np.float32)
    assert estimate_pixel_noise([noisy, noisy]) == pytest.approx(noise, rel=0.2)


def test_noise_is_never_below_rounding():
    assert estimate_pixel_noise([np.zeros((20, 20, 3), np.uint8)]) == pytest.approx(0.3 / 255)
