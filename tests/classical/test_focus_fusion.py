import cv2
import numpy as np
import pytest

from neucam_nerfstudio.api import fuse_focus
from neucam_nerfstudio.classical.all_in_focus import (
    fuse_stack,
    pyramid_depth,
)
from neucam_nerfstudio.classical.defocus_estimation import OTHER_FOCUS_PRECISION, LuminanceStack
from neucam_nerfstudio.classical.exposure_merge import MergedExposures
from neucam_nerfstudio.classical.focus_fusion import (
    collapse,
    fuse_by_contrast,
    fuse_by_focus,
    laplacian_pyramid,
    largest_contrasts,
)
from neucam_nerfstudio.classical.focus_stack import BLACK_DEVIATION, TOLERANCE, FocusStack
from neucam_nerfstudio.classical.reblurring import sharpen_by_reblurring
from neucam_nerfstudio.classical.response_table import srgb_response
from neucam_nerfstudio.classical.warm_start import classical_estimate

SIGMA = 1.5
MIDDLES = [32, 96, 160]
"""Columns in the middle of what is sharp at each focus setting."""


def fused_by_focus(log_radiance, variances, sharpest_focus, sigma_px, depth):
    """Pictures fused whose noise has these variances."""
    pictures = [image.astype(np.float32) for image in log_radiance]
    noise = [
        np.full(image.shape[:2], variance, np.float32) for image, variance in zip(pictures, variances, strict=True)
    ]
    contrasts = largest_contrasts([np.ascontiguousarray(image[..., 1]) for image in pictures], noise, depth)
    return fuse_by_focus(pictures, noise, contrasts, sharpest_focus, sigma_px)


def focus_stack(log_radiance, precision, blown, is_held=True, black=None):
    black = np.zeros_like(blown) if black is None else black

    def merge(setting):
        spread = np.zeros(blown[setting].shape[:2], np.float32)
        of_setting = blown[setting], black[setting], spread
        return MergedExposures(log_radiance[setting].copy(), precision[setting].copy(), *of_setting)

    return FocusStack(len(log_radiance), merge, is_held)


@pytest.mark.parametrize("shape", [(32, 48, 3), (37, 51, 3)])
def test_a_pyramid_collapses_to_its_image(shape):
    image = np.random.default_rng(0).random(shape).astype(np.float32)
    assert np.allclose(collapse(laplacian_pyramid(image, 3)), image, atol=1e-5)


def test_fusion_by_contrast_is_sharper_than_each_setting(view):
    stack = np.log(view.seen(SIGMA))
    fused = fuse_by_contrast(stack, 3)
    assert view.log_error(fused) < 0.7 * min(view.log_error(image) for image in stack)


def test_fusion_by_known_focus_finds_the_sharp_setting(view):
    fused = fused_by_focus(np.log(view.seen(SIGMA)), [1e-4] * 3, view.sharpest_focus, SIGMA, 3)
    assert view.log_error(fused, slice(8, 56)) < 0.03


def test_fusion_averages_noise_away_where_nothing_is_to_be_seen():
    random = np.random.default_rng(0)
    stack = random.normal(0, 0.05, (4, 64, 64, 3)).astype(np.float32)
    fused = fused_by_focus(stack, [0.05**2] * 4, np.zeros((64, 64), np.float32), SIGMA, 3)
    assert fused.std() < 0.6 * stack.std()


def test_a_noisy_sharp_setting_gives_way_to_a_clean_blurred_one(view):
    stack = np.log(view.seen(0.5)[:2])
    stack[0] += np.random.default_rng(0).normal(0, 2, stack[0].shape)
    fused = fused_by_focus(stack, (4.0, 1e-4), np.zeros_like(view.sharpest_focus), 0.5, 3)
    assert view.log_error(fused, slice(0, 56)) < 0.5


def blurred_by_one_setting(view, precision):
    """The middle setting alone, of a view that should all be sharp one setting away."""
    blurred = np.log(cv2.GaussianBlur(view.radiance[..., 1], (0, 0), SIGMA))
    of_middle = [np.full_like(blurred, of_setting) for of_setting in (0, precision, 0)]
    return LuminanceStack([blurred] * 3, of_middle), blurred


def test_sharpening_brings_contrast_back(view):
    stack, blurred = blurred_by_one_setting(view, precision=1e6)
    truth = np.log(view.radiance[..., 1])
    sharper = blurred
    for _ in range(3):
        sharper = sharpen_by_reblurring(sharper, stack, np.full_like(blurred, 2), SIGMA)
    assert (sharper - truth).std() < 0.85 * (blurred - truth).std()


def test_sharpening_leaves_noise_alone(view):
    stack, blurred = blurred_by_one_setting(view, precision=0.1)
    assert np.allclose(sharpen_by_reblurring(blurred, stack, np.full_like(blurred, 2), SIGMA), blurred)


def test_a_setting_that_shows_nothing_takes_the_light_of_the_others():
    log_radiance = np.stack([np.full((4, 4, 3), 7.0), np.full((4, 4, 3), 1.0)]).astype(np.float32)
    precision = np.stack([np.full((4, 4, 3), 1e-6), np.full((4, 4, 3), 1e4)]).astype(np.float32)
    stack = focus_stack(log_radiance, precision, np.zeros(precision.shape, bool))
    assert all(np.allclose(picture.log_radiance, 1.0, atol=0.02) for picture in stack)


def test_a_blown_channel_is_at_least_as_bright_as_the_others():
    """Red is blown at the first of two focus settings, and dark at the other, which sees the place out of focus."""
    log_radiance = np.float32([[1.2, 1.5, 1.0], [0.5, 1.5, 1.0]])[:, None, None]
    precision = np.float32([[1e-3, 1e4, 1e4], [1e4, 1e4, 1e4]])[:, None, None]
    blown = np.array([[True, False, False], [False, False, False]])[:, None, None]
    completed = [picture.log_radiance[0, 0] for picture in focus_stack(log_radiance, precision, blown)]
    assert np.allclose(completed, [[1.5, 1.5, 1.0], [0.5, 1.5, 1.0]], atol=0.01)
    (alone,) = focus_stack(log_radiance[:1], precision[:1], blown[:1])
    assert np.allclose(alone.log_radiance[0, 0], [1.5, 1.5, 1.0]) and np.allclose(alone.precision, precision[0])


def test_what_the_others_show_does_not_contradict_black_and_white():
    """The first of two focus settings is sharp at an edge: black beside white. The second has it blurred to grey."""
    log_radiance = np.float32([[[-8.0], [1.0]], [[-0.5], [0.1]]])[..., None].repeat(3, -1)
    precision = np.float32([[[1e-3], [1e-3]], [[1e4], [1e4]]])[..., None].repeat(3, -1)
    black, blown = np.zeros((2, 2, 2, 1, 3), bool)
    black[0, 0], blown[0, 1] = True, True
    first, second = focus_stack(log_radiance, precision, blown, black=black)
    np.testing.assert_allclose(first.log_radiance[:, 0, 0], [-8.0 + TOLERANCE * BLACK_DEVIATION, 1.0], rtol=1e-6)
    assert (first.precision == OTHER_FOCUS_PRECISION).all()  # so that grey does not outweigh them
    np.testing.assert_allclose(second.log_radiance, log_radiance[1], atol=0.01)


def test_black_and_white_that_the_others_do_not_contradict_are_filled():
    log_radiance = np.float32([[[-8.0], [1.0]], [[-9.0], [2.5]]])[..., None].repeat(3, -1)
    precision = np.float32([[[1e-3], [1e-3]], [[1e4], [1e4]]])[..., None].repeat(3, -1)
    black, blown = np.zeros((2, 2, 2, 1, 3), bool)
    black[0, 0], blown[0, 1] = True, True
    for picture in focus_stack(log_radiance, precision, blown, black=black):
        np.testing.assert_allclose(picture.log_radiance, log_radiance[1], atol=1e-3)


def test_a_black_and_white_edge_stays_clean_beside_its_blurred_image():
    """Photographs of black letters on white, sharp in one and a little blurred in the other."""
    letters = np.full((96, 96), 255, np.uint8)
    cv2.putText(letters, "EDGE", (4, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.0, 0, 3)
    frames = [cv2.cvtColor(image, cv2.COLOR_GRAY2RGB) for image in (letters, cv2.GaussianBlur(letters, (0, 0), 1))]
    estimate = classical_estimate(frames, [0, 1], [0.0, 0.0])
    fused = estimate.response.develop(estimate.log_radiance)
    assert np.abs(fused - frames[0] / 255).max() < 0.2  # 0.64 if black and white take the light of the blurred one


def test_high_contrast_is_taken_from_the_frame_in_which_it_is_sharp():
    """Dark letters on white: the upper half is sharp in one photograph, the lower half in the other.

    The logarithm of their blurred image is far brighter than that of the letters; that once turned near and far around.
    """
    letters = np.full((192, 192, 3), 235, np.uint8)
    for bottom in (40, 80, 140, 180):
        cv2.putText(letters, "LETTERS", (6, bottom), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (20, 20, 20), 4)
    response = srgb_response(1 / 512)
    light = np.exp(response.decode(letters / 255))
    blurred = cv2.GaussianBlur(light, (0, 0), 3)
    halves = [np.vstack([light[:96], blurred[96:]]), np.vstack([blurred[:96], light[96:]])]
    frames = [np.rint(255 * response.develop(np.log(half))).astype(np.uint8) for half in halves]
    fused = fuse_focus(frames)
    assert np.abs(fused.all_in_focus - letters / 255).max() < 0.1  # 0.3 when turned around
    assert np.abs(fused.sharpest_focus[:80]).max() < 0.5 and np.abs(fused.sharpest_focus[112:] - 1).max() < 0.5


@pytest.mark.parametrize("is_held", [True, False])
def test_all_steps_together_find_radiance_and_focus(view, is_held):
    seen = view.seen(SIGMA)
    precision = np.broadcast_to(np.float32([1e4, 2e4, 3e4])[:, None, None, None], seen.shape)
    stack = focus_stack(np.log(seen), precision, np.zeros(seen.shape, bool), is_held)
    sharp, focus, told, _, confidence = fuse_stack(stack, SIGMA)
    assert view.log_error(sharp) < 0.5 * min(view.log_error(np.log(image)) for image in seen)
    assert np.abs(focus - view.sharpest_focus)[:, MIDDLES].mean() < 0.2
    np.testing.assert_array_equal(told, 1e4 * (1 + np.rint(focus).clip(0, 2)))
    assert confidence[:, MIDDLES].mean() > 0.75 and 0 <= confidence.min() and confidence.max() <= 1


def test_focus_is_counted_from_the_first_setting_of_each_pixel(view):
    seen = view.seen(SIGMA)
    precision, blown = np.full(seen.shape, 1e4, np.float32), np.zeros(seen.shape, bool)
    sharp, focus, *_ = fuse_stack(focus_stack(np.log(seen), precision, blown), SIGMA)
    same, farther, *_ = fuse_stack(focus_stack(np.log(seen), precision, blown), SIGMA, first_setting=5.0)
    np.testing.assert_allclose(same, sharp, atol=1e-3)
    np.testing.assert_allclose(farther, focus + 5, atol=1e-3)


def test_where_the_settings_of_a_part_follow_the_focus_it_is_found_as_among_all(view):
    """The middle and the right third from settings 1 and 2, the left one from 0 and 1."""
    seen = np.log(view.seen(SIGMA))
    first = (np.arange(seen.shape[2]) >= seen.shape[2] // 3).astype(np.float32) * np.ones(seen.shape[1:3], np.float32)
    followed = np.stack([np.where(first[..., None] == 0, seen[n], seen[n + 1]) for n in range(2)])
    precision, blown = np.full(followed.shape, 1e4, np.float32), np.zeros(followed.shape, bool)
    sharp, focus, *_ = fuse_stack(focus_stack(followed, precision, blown), SIGMA, first_setting=first)
    assert np.abs(focus - view.sharpest_focus)[:, MIDDLES].mean() < 0.2
    assert view.log_error(sharp) < 0.5 * min(map(view.log_error, seen))


def test_what_no_setting_shows_is_what_is_known_of_it():
    nothing, clipped = np.zeros((2, 8, 8, 3), np.float32), np.zeros((8, 8, 3), bool)
    precision = np.full((2, 8, 8, 3), 1e4, np.float32)
    precision[:, :, :3] = 0

    def merge(setting):
        return MergedExposures(
            nothing[setting].copy(), precision[setting].copy(), clipped, clipped, clipped[..., 0] + 0.0
        )

    known = np.random.default_rng(0).random((8, 8, 3)).astype(np.float32)
    for picture in FocusStack(2, merge, log_gain=lambda setting: nothing[0], elsewhere=known):
        np.testing.assert_allclose(picture.log_radiance[:, :3], known[:, :3], atol=1e-6)
        np.testing.assert_allclose(picture.log_radiance[:, 3:], 0, atol=1e-6)


def test_a_stack_merges_each_setting_once_if_it_holds_them_and_else_at_each_use(view):
    seen, merged = np.log(view.seen(SIGMA)), []

    def merge(setting):
        merged.append(setting)
        clipped, spread = np.zeros(seen[0].shape, bool), np.zeros(seen[0].shape[:2], np.float32)
        return MergedExposures(seen[setting].copy(), np.full_like(seen[setting], 1e4), clipped, clipped, spread)

    held, anew = (fuse_stack(FocusStack(3, merge, is_held), SIGMA) for is_held in (True, False))
    assert merged == 4 * [0, 1, 2]
    for one, other in zip(held, anew, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(("size", "blur", "depth"), [((300, 450), 3, 4), ((8, 8), 3, 0), ((4000, 6000), 500, 6)])
def test_pyramids_are_as_deep_as_blur_and_picture_ask(size, blur, depth):
    assert pyramid_depth(*size, float(blur)) == depth


@pytest.mark.parametrize("shape", [(1, 1), (4, 1), (3, 2)])
def test_a_part_of_a_few_pixels_is_sharpened_too(shape):
    """OpenCV takes a picture of one pixel for a value with four channels."""
    flat = np.zeros((40, 40), np.float32)
    focus = np.full_like(flat, 9)
    focus[10 : 10 + shape[0], 20 : 20 + shape[1]] = 0.5
    stack = LuminanceStack([flat, flat], [flat + 100, flat + 100], [flat + 0.01, flat + 0.01], [flat, flat])
    np.testing.assert_allclose(sharpen_by_reblurring(flat, stack, focus, SIGMA, 2), 0, atol=1e-5)
