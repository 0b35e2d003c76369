import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.defocus_estimation import (
    LuminanceStack,
    estimate_blur,
    estimate_sharpest_focus,
    focus_grid,
    gaussian_blur,
    guided_filter,
)

MIDDLES = [32, 96, 160]
"""Columns in the middle of what is sharp at each focus setting."""


def luminance_stack(view, sigma):
    log_luminance = [np.log(np.ascontiguousarray(image[..., 1])) for image in view.seen(sigma)]
    precision = [np.full_like(image, 1e6) for image in log_luminance]
    return np.ascontiguousarray(view.radiance[..., 1]), LuminanceStack(log_luminance, precision)


def test_positions_reach_half_a_setting_beyond_the_captured_ones():
    assert focus_grid(2, 0.5).tolist() == [-0.5, 0.0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("sigma", [0.1, 2.0, 2.6, 7.0, 11.0])
def test_wide_blurs_on_reduced_images_are_gaussian_too(tall_view, sigma):
    image = np.log(tall_view.radiance[:, ::-1].copy())
    wide = np.concatenate([image, image[:, ::-1], image], axis=1)
    expected = wide if sigma < 0.2 else cv2.GaussianBlur(wide, (0, 0), sigma)
    assert np.abs(gaussian_blur(wide, sigma) - expected).mean() < 0.03 * expected.std() + 1e-6


def test_a_wide_blur_of_a_point_is_a_gaussian():
    point = np.zeros((127, 161), np.float32)
    point[60, 81] = 1
    across = np.exp(-((np.arange(161) - 81) ** 2) / (2 * 6.0**2)) / (6 * np.sqrt(2 * np.pi))
    np.testing.assert_allclose(gaussian_blur(point, 6.0).sum(0), across, atol=0.01 * across.max())


def test_variances_of_nearly_equal_values_are_not_negative():
    """Light of 1000 +- 0.001: float32 squares of it are apart by 0.06."""
    random = np.random.default_rng(0)
    guide = (1000 + 1e-3 * random.standard_normal((40, 60))).astype(np.float32)
    step = np.repeat(np.float32([[0, 1]]), 30, axis=1) * np.ones((40, 1), np.float32)
    smooth = guided_filter(step, guide)
    assert smooth.min() > -0.01 and smooth.max() < 1.01


def test_guided_filter_keeps_edges_of_the_guide_and_evens_out_the_rest():
    guide = np.zeros((40, 40), np.float32)
    guide[:, 20:] = 3
    step_with_speckle = (guide > 0).astype(np.float32)
    step_with_speckle[10, 5] = 1
    smooth = guided_filter(step_with_speckle, guide)
    assert smooth[10, 5] < 0.05
    assert smooth[30, 19] < 0.02 and smooth[30, 20] > 0.98


def test_each_place_is_sharpest_at_the_setting_that_focused_on_it(view):
    luminance, stack = luminance_stack(view, 1.5)
    sharpest, evidence, mismatch = estimate_sharpest_focus(luminance, stack, 1.5)
    assert np.abs(sharpest - view.sharpest_focus)[:, MIDDLES].mean() < 0.1
    assert 0 <= mismatch.min() and mismatch.mean() < 0.05
    assert evidence[:, MIDDLES].min() > 0.5 and evidence.max() <= 1


def test_unreliable_settings_have_no_say(view):
    luminance, stack = luminance_stack(view, 1.5)
    stack.log_luminance[1][:] = 0
    stack.precision[1][:] = 0
    sharpest = estimate_sharpest_focus(luminance, stack, 1.5).focus
    assert np.abs(sharpest - view.sharpest_focus)[:, MIDDLES].mean() < 0.2


@pytest.mark.parametrize("sigma", [0.8, 2.0])
def test_estimates_how_fast_blur_grows(view, sigma):
    assert estimate_blur(*luminance_stack(view, sigma)) == pytest.approx(sigma, rel=0.2)
