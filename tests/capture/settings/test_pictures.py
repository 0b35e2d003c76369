"""What pictures of a still scene tell of exposure and focus."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.pictures import (
    StillPictures,
    block_brightness,
    mean_brightness,
    median_change,
    thumbnail,
)

from ..still_scene import expose, place, similarity, texture

HEIGHT, WIDTH = 120, 160
SCENE = texture(HEIGHT, WIDTH)


def pictures_of(*pixels: np.ndarray) -> StillPictures:
    return StillPictures(pixels, [mean_brightness(thumbnail(picture)) for picture in pixels])


def grey(*values: int) -> StillPictures:
    return pictures_of(*(np.full((6, 8, 3), value, np.uint8) for value in values))


def noisy(picture: np.ndarray, seed: int, sigma: float = 2.0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=picture.shape) * sigma
    return np.clip(np.rint(picture + noise), 0, 255).astype(np.uint8)


def test_change_of_brightness_is_the_ratio_of_pixel_values_in_powers_of_two():
    assert grey(40, 160).brightness_change(0, 1) == pytest.approx(2.0)
    assert grey(40, 160).brightness_change(1, 0) == pytest.approx(-2.0)


def test_brightness_counts_from_the_darkest_frame_s_mean():
    assert grey(160, 40, 80).brightness == pytest.approx([160 / 255, 40 / 255, 80 / 255])


@pytest.mark.parametrize("values", [(1, 3), (250, 255)])
def test_what_is_black_or_white_in_both_tells_nothing(values):
    assert grey(*values).brightness_change(0, 1) is None


def test_frames_that_tell_nothing_are_ordered_by_their_means():
    assert grey(250, 100, 255).brightness == pytest.approx([250 / 255, 100 / 255, 255 / 255])


def test_what_is_black_in_one_alone_tells_that_it_is_darker():
    assert grey(0, 200).brightness_change(0, 1) > 4


def test_lights_that_spread_out_of_focus_are_no_exposure():
    """A tenth of the picture is lamps: out of focus its mean rises by 45 %, most of it is as bright as before."""
    sharp = np.full((160, 160, 3), 40, np.uint8)
    sharp[:48, :53] = 60
    blurred = sharp.copy()
    blurred[:48, :53] = 230
    pictures = pictures_of(sharp, blurred)
    assert pictures.mean_brightness[1] > 1.3 * pictures.mean_brightness[0]
    assert pictures.brightness_change(0, 1) == 0.0 and pictures.brightness[0] == pictures.brightness[1]


def test_blocks_are_means_in_any_number_type():
    for pixels in (SCENE, SCENE.astype(np.uint16) * 257, SCENE.astype(np.float32) / 255):
        blocks = block_brightness(pixels)
        assert blocks.shape == (12, 16) and blocks.mean() == pytest.approx(SCENE.mean() / 255, abs=2e-3)


def test_median_change_leaves_out_what_tells_nothing():
    blocks, others = np.array([[0.0, 0.1, 0.2, 0.99]]), np.array([[0.01, 0.2, 0.8, 1.0]])
    change, share = median_change(blocks, others)
    assert change == pytest.approx(1.5) and share == 0.5


def test_noise_light_and_a_steady_hand_are_no_difference():
    seen = noisy(SCENE, 0)
    moved = place(SCENE, similarity(1.0, (0.5, 0.5), HEIGHT, WIDTH))
    for other in (SCENE, expose(SCENE, 0.1), moved):
        assert not pictures_of(seen, noisy(other, 1)).differ(0, 1)


@pytest.mark.parametrize("blur_px", [1.0, 3.0])
def test_focus_is_a_difference_also_of_a_part_of_the_picture(blur_px):
    blurred = SCENE.copy()
    blurred[:, : WIDTH // 4] = cv2.GaussianBlur(SCENE, (0, 0), blur_px)[:, : WIDTH // 4]
    assert pictures_of(noisy(SCENE, 0), noisy(blurred, 1)).differ(0, 1)
    assert pictures_of(noisy(blurred, 0), noisy(SCENE, 1)).differ(0, 1)


def test_white_pictures_do_not_differ():
    assert not grey(255, 254).differ(0, 1)


def test_frames_of_one_focus_share_most_detail_of_all_of_another_exposure():
    near, far = (cv2.GaussianBlur(SCENE, (0, 0), sigma) for sigma in (0.5, 1.5))
    pictures = pictures_of(noisy(near, 0), noisy(far, 1), noisy(expose(near, -2), 2), noisy(expose(far, -2), 3))
    assert pictures.disagreement(2, 0) < pictures.disagreement(2, 1)
    assert pictures.disagreement(3, 1) < pictures.disagreement(3, 0)


@pytest.mark.parametrize(("number_type", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_brightness_is_the_mean_share_of_white(number_type, white):
    pixels = np.zeros((8, 8, 3), number_type)
    assert mean_brightness(pixels) == 0.0
    pixels[:4] = white
    assert mean_brightness(pixels) == pytest.approx(0.5)


def test_measured_pictures_need_no_pixels_again():
    class Counted(list):
        looks = 0

        def __getitem__(self, index):
            self.looks += 1
            return super().__getitem__(index)

    pixels = Counted([SCENE, expose(SCENE, -1)])
    pictures = StillPictures(pixels, [0.4, 0.2])
    for frame in range(2):
        pictures.measure(frame, is_last_time=True)
    seen = pixels.looks
    assert pictures.brightness and pictures.disagreement(0, 1) >= 0 and pictures.differ(0, 1) in (True, False)
    assert pixels.looks == seen
