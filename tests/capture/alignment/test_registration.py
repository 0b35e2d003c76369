"""Similarities between photographs: found to a fraction of a pixel, or not at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.alignment.registration import (
    LONGER_SIDE_PX,
    beyond_border,
    corner_shift_px,
    detail_picture,
    disagreement,
    estimate_similarity,
    full_size_map,
    rank_picture,
)
from neucam_nerfstudio.capture.pixels.warp import ViewMap

from ..still_scene import expose, place, similarity, texture

HEIGHT, WIDTH = 180, 260
BREATHING = similarity(1.02, (1.5, -0.8), HEIGHT, WIDTH)


def error_px(found: np.ndarray, true: np.ndarray) -> float:
    return corner_shift_px(found @ np.linalg.inv(true), HEIGHT, WIDTH)


@pytest.mark.parametrize("scale", [0.93, 0.99, 1.002, 1.05])
@pytest.mark.parametrize("rotation_degrees", [0.0, 1.0])
def test_similarity_is_found_to_a_tenth_of_a_pixel(scale, rotation_degrees):
    true = similarity(scale, (1.5, -0.8), HEIGHT, WIDTH, rotation_degrees)
    scene = texture(HEIGHT, WIDTH)
    found = estimate_similarity(detail_picture(scene), detail_picture(place(scene, true)))
    assert error_px(found, true) < 0.1
    assert np.sqrt(np.linalg.det(found[:2, :2])) == pytest.approx(scale, abs=5e-4)


@pytest.mark.parametrize("blur_px", [0.0, 1.5], ids=["sharp", "blurred"])
@pytest.mark.parametrize("stops", [0.0, -2.0, 2.0])
@pytest.mark.parametrize("number_type", [np.uint8, np.uint16, np.float32])
def test_exposure_blur_and_number_type_hardly_matter(blur_px, stops, number_type):
    scene = texture(HEIGHT, WIDTH)
    other = expose(place(scene, BREATHING), stops, blur_px)
    white = 1 if number_type is np.float32 else np.iinfo(number_type).max
    other = (other.astype(np.float64) / 255 * white).astype(number_type)
    assert error_px(estimate_similarity(detail_picture(scene), detail_picture(other)), BREATHING) < 0.25


def test_a_breath_of_a_tenth_of_a_pixel_is_not_found_too_short():
    """Windows that are interpolated by OpenCV's cubic kernel told a third less of it."""
    true = similarity(1.001, (0.1, -0.05), HEIGHT, WIDTH)
    scene = texture(HEIGHT, WIDTH)
    moved = cv2.warpAffine(
        scene.astype(np.float32), true[:2], (WIDTH, HEIGHT), flags=cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
    )
    found = estimate_similarity(detail_picture(scene), detail_picture(moved.clip(0, 255).round().astype(np.uint8)))
    assert error_px(found, true) < 0.15 * corner_shift_px(true, HEIGHT, WIDTH)


def test_detail_of_a_large_photograph_is_reduced_and_its_map_scaled_back():
    scene = texture(700, 1500)
    true = similarity(1.01, (3, -2), 700, 1500)
    fixed, moving = detail_picture(scene), detail_picture(place(scene, true))
    assert fixed.shape == (478, LONGER_SIDE_PX) and fixed.dtype == np.uint8
    found = full_size_map(ViewMap(estimate_similarity(fixed, moving)), fixed.shape, 700, 1500).plane
    assert corner_shift_px(found @ np.linalg.inv(true), 700, 1500) < 0.15


def test_full_size_map_by_hand():
    """Halved, pixel 0 covers pixels 0 and 1, whose middle is 0.5: a shift doubles, a scale about a point keeps it."""
    shift = similarity(1, (3, -1), 50, 60)
    np.testing.assert_allclose(full_size_map(ViewMap(shift), (50, 60), 100, 120).plane[:2, 2], (6, -2), atol=1e-12)
    scaled = full_size_map(ViewMap(np.diag([1.1, 1.1, 1]), np.array([3.0, -1.0, 0.1])), (50, 60), 100, 120)
    np.testing.assert_allclose(scaled.plane @ (0.5, 0.5, 1), (0.5, 0.5, 1), atol=1e-12)
    np.testing.assert_allclose(scaled.epipole, (6 + 0.1 * 0.5, -2 + 0.1 * 0.5, 0.1), atol=1e-12)


@pytest.mark.parametrize("number_type", [np.uint8, np.uint16, np.float32])
def test_ranks_hardly_change_with_the_exposure(number_type):
    scene = texture(60, 90)
    ranks = []
    for stops in (0.0, -1.0):
        exposed = expose(scene, stops).astype(np.float32) / 255
        white = 1 if number_type == np.float32 else np.iinfo(number_type).max
        ranks.append(rank_picture((exposed * white).astype(number_type)).astype(float))
    assert ranks[0].min() == 0 and ranks[0].max() == 255
    assert np.abs(ranks[0] - ranks[1]).mean() < 4


def test_corner_that_moves_farthest_by_hand():
    """Twice as large about the upper left corner, the lower right one of 3 x 4 pixels goes from (3, 2) to (6, 4)."""
    assert corner_shift_px(np.diag([2.0, 2.0, 1.0]), 3, 4) == pytest.approx(13**0.5)
    assert corner_shift_px(np.eye(3), 3, 4) == 0


def test_what_lies_beyond_the_border_by_hand():
    """Where pixel x is seen at x + 2, the last two columns have nothing to show."""
    beyond = beyond_border(similarity(1, (2, 0), 4, 5), 4, 5)
    assert beyond.tolist() == [[False, False, False, True, True]] * 4


def test_disagreement_vanishes_once_aligned():
    scene = texture(HEIGHT, WIDTH)
    fixed, moving = detail_picture(scene), detail_picture(place(scene, BREATHING))
    before, after = disagreement(fixed, moving, BREATHING)
    assert before > 0.3 and after < 0.02
    assert disagreement(fixed, fixed, np.eye(3)) == pytest.approx((0, 0), abs=1e-3)


def test_flat_noise_has_no_detail_and_no_similarity():
    flat = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    assert (detail_picture(flat) == 128).all()
    assert estimate_similarity(detail_picture(flat), detail_picture(flat)) is None


def test_other_scenes_have_no_similarity():
    fixed, moving = (detail_picture(texture(HEIGHT, WIDTH, seed)) for seed in (0, 1))
    assert estimate_similarity(fixed, moving) is None


def test_motion_too_large_for_focusing_is_not_believed():
    scene = texture(HEIGHT, WIDTH)
    moving = place(scene, similarity(1, (0.11 * WIDTH, 0), HEIGHT, WIDTH))
    assert estimate_similarity(detail_picture(scene), detail_picture(moving)) is None
