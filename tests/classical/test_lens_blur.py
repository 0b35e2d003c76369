import numpy as np
import pytest

from neucam_nerfstudio.classical import lens_blur
from neucam_nerfstudio.classical.lens_blur import blur_by_lens, disc_kernel


def test_a_point_of_light_becomes_an_even_disc():
    """A disc of radius 6 covers 113.1 pixels: each gets 1 / 113.1 of the light."""
    light = np.zeros((41, 41, 3), np.float32)
    light[20, 20] = 1
    blurred = blur_by_lens(light, np.full((41, 41), 6, np.float32))
    np.testing.assert_allclose(blurred[17:24, 17:24], 1 / (np.pi * 36), rtol=0.05)
    assert blurred.sum() == pytest.approx(3, rel=1e-3) and np.abs(blurred[20, 28:]).max() < 1e-9


def test_what_is_in_focus_stays_and_even_light_stays_even():
    random = np.random.default_rng(0)
    light = random.uniform(0, 1, (24, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(blur_by_lens(light, np.zeros((24, 32), np.float32)), light, rtol=1e-6)
    radius_px = random.uniform(0, 9, (24, 32)).astype(np.float32)
    np.testing.assert_allclose(blur_by_lens(np.full_like(light, 0.7), radius_px), 0.7, rtol=1e-4)


def test_tiles_leave_no_trace(monkeypatch):
    random = np.random.default_rng(0)
    light = random.uniform(0, 1, (150, 160, 3)).astype(np.float32)
    radius_px = np.linspace(0, 7, 160, dtype=np.float32) * np.ones((150, 1), np.float32)
    whole = blur_by_lens(light, radius_px)
    monkeypatch.setattr(lens_blur, "TILE_PIXELS", 60 * 60)
    np.testing.assert_allclose(blur_by_lens(light, radius_px), whole, atol=1e-5)


@pytest.mark.parametrize(("radius_px", "side"), [(0.2, 1), (0.5, 3), (3.0, 7), (3.4, 9)])
def test_kernels_hold_their_disc(radius_px, side):
    kernel = disc_kernel(radius_px)
    assert kernel.shape == (side, side) and kernel.sum() == pytest.approx(1, abs=1e-6)
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1].T, atol=1e-7)
