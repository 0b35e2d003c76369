import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.all_in_focus import complete_stack, fuse_stack, pyramid_depth
from neucam_nerfstudio.classical.defocus_estimation import LuminanceStack
from neucam_nerfstudio.classical.focus_fusion import (
    collapse,
    fuse_by_contrast,
    fuse_by_focus,
    laplacian_pyramid,
    sharpen_by_reblurring,
)

SIGMA = 1.5
MIDDLES = [32, 96, 160]
"""Columns in the middle of what is sharp at each focus setting."""


@pytest.mark.parametrize("shape", [(32, 48, 3), (37, 51, 3)])
def test_a_pyramid_collapses_to_its_image(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    assert np.allclose(collapse(laplacian_pyramid(image, 3)), image, atol=1e-5)


def test_fusion_by_contrast_is_sharper_than_each_setting(view):
    stack = np.log(view.seen(SIGMA))
    fused = fuse_by_contrast(stack, 3)
    assert view.log_error(fused) < 0.7 * min(view.log_error(image) for image in stack)


def test_fusion_by_known_focus_finds_the_sharp_setting(view):
    noise = [np.full(view.sharpest_focus.shape, 1e-4, np.float32)] * 3
    fused = fuse_by_focus(np.log(view.seen(SIGMA)), noise, view.sharpest_focus, SIGMA, 3)
    assert view.log_error(fused, slice(8, 56)) < 0.03


def test_fusion_averages_noise_away_where_nothing_is_to_be_seen():
    random = np.random.default_rng(0)
    stack = random.normal(0, 0.05, (4, 64, 64, 3)).astype(np.float32)
    noise = [np.full((64, 64), 0.05**2, np.float32)] * 4
    fused = fuse_by_focus(stack, noise, np.zeros((64, 64), np.float32), SIGMA, 3)
    assert fused.std() < 0.6 * stack.std()


def test_a_noisy_sharp_setting_gives_way_to_a_clean_blurred_one(view):
    stack = np.log(view.seen(0.5)[:2])
    stack[0] += np.random.default_rng(0).normal(0, 2, stack[0].shape)
    noise = [np.full(view.sharpest_focus.shape, variance, np.float32) for variance in (4.0, 1e-4)]
    fused = fuse_by_focus(stack, noise, np.zeros_like(view.sharpest_focus), 0.5, 3)
    assert view.log_error(fused, slice(0, 56)) < 0.5


def blurred_by_one_setting(view, noise):
    """The middle setting alone, of a view that should all be sharp one setting away."""
    blurred = np.log(cv2.GaussianBlur(view.radiance[..., 1], (0, 0), SIGMA))
    trusted = [np.full_like(blurred, share) for share in (0, 1, 0)]
    return LuminanceStack([blurred] * 3, trusted, [np.full_like(blurred, noise)] * 3), blurred


def test_sharpening_brings_contrast_back(view):
    stack, blurred = blurred_by_one_setting(view, noise=1e-6)
    truth = np.log(view.radiance[..., 1])
    sharper = blurred
    for _ in range(3):
        sharper = sharpen_by_reblurring(sharper, stack, np.full_like(blurred, 2), SIGMA)
    assert (sharper - truth).std() < 0.85 * (blurred - truth).std()


def test_sharpening_leaves_noise_alone(view):
    stack, blurred = blurred_by_one_setting(view, noise=10.0)
    assert np.allclose(sharpen_by_reblurring(blurred, stack, np.full_like(blurred, 2), SIGMA), blurred)


def test_a_setting_that_shows_nothing_takes_the_light_of_the_others():
    log_radiance = np.stack([np.full((4, 4, 3), 7.0), np.full((4, 4, 3), 1.0)]).astype(np.float32)
    precision = np.stack([np.full((4, 4, 3), 1e-6), np.full((4, 4, 3), 1e4)]).astype(np.float32)
    completed = complete_stack(log_radiance, precision, np.zeros(precision.shape, bool))
    assert np.allclose(completed.log_radiance, 1.0, atol=0.02)


def test_a_blown_channel_is_at_least_as_bright_as_the_others():
    """Red is blown at the first of two focus settings, and dark at the other, which sees the place out of focus."""
    log_radiance = np.float32([[2.0, 1.5, 1.0], [0.5, 1.5, 1.0]])[:, None, None]
    precision = np.float32([[1e-3, 1e4, 1e4], [1e4, 1e4, 1e4]])[:, None, None]
    blown = np.array([[True, False, False], [False, False, False]])[:, None, None]
    completed = complete_stack(log_radiance, precision, blown)
    assert np.allclose(completed.log_radiance[:, 0, 0], [[1.5, 1.5, 1.0], [0.5, 1.5, 1.0]], atol=0.01)
    sure = complete_stack(log_radiance[:1], precision[:1], blown[:1])
    assert np.allclose(sure.log_radiance, log_radiance[:1])


def test_all_steps_together_find_radiance_and_focus(view):
    seen = view.seen(SIGMA)
    precision = np.broadcast_to(np.float32([1e4, 2e4, 3e4])[:, None, None, None], seen.shape)
    sharp, focus, told = fuse_stack(complete_stack(np.log(seen), precision, np.zeros(seen.shape, bool)), SIGMA)
    assert view.log_error(sharp) < 0.5 * min(view.log_error(np.log(image)) for image in seen)
    assert np.abs(focus - view.sharpest_focus)[:, MIDDLES].mean() < 0.2
    np.testing.assert_array_equal(told, 1e4 * (1 + np.rint(focus).clip(0, 2)))


@pytest.mark.parametrize(("size", "blur", "depth"), [((300, 450), 3, 4), ((8, 8), 3, 0), ((4000, 6000), 500, 6)])
def test_pyramids_are_as_deep_as_blur_and_picture_ask(size, blur, depth):
    assert pyramid_depth(*size, blur) == depth
