"""Flow leads from a pixel to the same thing in another picture, by hand and on pictures that were moved."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.alignment.optical_flow import (
    FINEST_SCALE,
    ROUGH_SCALE,
    camera_motion,
    chain,
    continue_beyond,
    dense_flow,
    follow,
    leads_inside,
    pixel_places,
    round_trip_px,
)
from neucam_nerfstudio.errors import NeucamError


def constant_flow(right: float, down: float, height: int = 3, width: int = 4) -> np.ndarray:
    return np.tile(np.float32([right, down]), (height, width, 1))


@pytest.fixture(scope="module")
def texture() -> np.ndarray:
    """Structure of several sizes, 8 bit, 96 x 128."""
    random = np.random.default_rng(0)
    layers = [cv2.GaussianBlur(random.normal(size=(96, 128)), (0, 0), sigma) * sigma for sigma in (1.5, 4, 10)]
    picture = sum(layers)
    return cv2.normalize(picture, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def moved(picture: np.ndarray, homography: np.ndarray) -> np.ndarray:
    return cv2.warpPerspective(
        picture, homography, picture.shape[::-1], flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
    )


def test_following_a_flow_by_hand():
    image = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert follow(image, constant_flow(1, 0))[0].tolist() == [1, 2, 3, 3]
    assert follow(image, constant_flow(0.5, 1))[0].tolist() == [4.5, 5.5, 6.5, 7]


def test_flows_chain():
    two_steps = chain(constant_flow(1, 0), constant_flow(2, -1))
    assert (two_steps == [3, -1]).all()


def test_where_flow_leaves_the_picture():
    inside = leads_inside(constant_flow(2, 0))
    assert inside.tolist() == [[1, 1, 0, 0]] * 3


def test_there_and_back_is_nowhere():
    assert round_trip_px(constant_flow(1, 1), constant_flow(-1, -1)).max() == 0
    assert round_trip_px(constant_flow(3, 0), constant_flow(0, 4)).min() == pytest.approx(5)


def test_camera_motion_of_a_moved_picture(texture):
    homography = np.array([[1.02, 0.03, -6], [-0.02, 0.99, 4], [1e-4, 0, 1]])
    found = camera_motion(texture, moved(texture, homography))
    centre = np.float64([[[64, 48]]])
    expected = cv2.perspectiveTransform(centre, homography)
    assert np.abs(cv2.perspectiveTransform(centre, found) - expected).max() < 0.3


def test_pictures_without_features_tell_no_camera_motion():
    grey = np.full((64, 64), 128, np.uint8)
    assert (camera_motion(grey, grey) == np.eye(3)).all()


@pytest.mark.parametrize("shift", [(1.5, -0.5), (14.0, 6.0)])
def test_dense_flow_of_a_shift(texture, shift):
    homography = np.array([[1, 0, shift[0]], [0, 1, shift[1]], [0, 0, 1]])
    flow = dense_flow(texture, moved(texture, homography))
    inner = flow[20:-20, 24:-24]
    assert np.abs(np.median(inner, axis=(0, 1)) - shift).max() < 0.1
    assert np.percentile(np.abs(inner - shift), 90) < 0.35


def test_dense_flow_starts_where_it_is_told(texture):
    """A shift far beyond what the search finds by itself in a picture of repeated stripes."""
    stripes = np.tile(np.uint8(127 + 100 * np.sin(np.arange(128) * 2 * np.pi / 8)), (96, 1))
    start = np.tile(np.float32([16, 0]), (96, 128, 1))
    flow = dense_flow(stripes, stripes, start)
    assert np.abs(np.median(flow[:, 20:-20], axis=(0, 1)) - [16, 0]).max() < 0.1


@pytest.mark.slow
def test_large_pictures_are_searched_at_a_smaller_size(texture):
    large = cv2.resize(texture, (2400, 1800), interpolation=cv2.INTER_CUBIC)
    flow = dense_flow(large, moved(large, np.array([[1, 0, 30.0], [0, 1, 0], [0, 0, 1]])))
    assert flow.shape == (1800, 2400, 2)
    assert np.abs(np.median(flow[300:-300, 300:-300], axis=(0, 1)) - [30, 0]).max() < 0.5


@pytest.mark.parametrize(("height", "width", "least"), [(11, 60, 12), (60, 11, 12), (5, 4, 12), (20, 3200, 24)])
def test_pictures_too_small_to_be_searched_are_refused(height, width, least):
    message = (
        f"Frames of {width}x{height} pixels: too small .* at least {least} pixels on either side: lower --downscale"
    )
    with pytest.raises(NeucamError, match=message):
        dense_flow(*np.zeros((2, height, width), np.uint8))


@pytest.mark.parametrize("size", [(12, 12), (12, 100), (31, 700), (100, 12)])
@pytest.mark.parametrize("finest_scale", [FINEST_SCALE, ROUGH_SCALE])
def test_narrow_pictures_are_searched(texture, size, finest_scale):
    guide = cv2.resize(texture, size[::-1])
    flow = dense_flow(guide, guide, np.zeros((*size, 2), np.float32), finest_scale)
    np.testing.assert_allclose(flow, 0, atol=0.1)


def test_places_count_right_then_down():
    assert pixel_places(2, 3)[1, 2].tolist() == [2, 1]


def test_beyond_the_picture_flow_goes_on_with_the_camera():
    flow = np.tile(np.float32([8, -1]), (60, 80, 1))
    broken = flow.copy()
    broken[:, 72:] = [30, 30]
    np.testing.assert_allclose(continue_beyond(broken), flow, atol=0.05)


def test_flow_that_stays_inside_is_kept():
    flow = np.zeros((20, 30, 2), np.float32)
    flow[5:9, 5:9] = 1
    assert continue_beyond(flow) is flow
