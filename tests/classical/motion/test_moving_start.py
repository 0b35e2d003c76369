"""The start of a moving scene knows response, every moment's picture, and how moments relate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.moving_start import flows_to_anchor, moving_estimate, sharpest_frame
from neucam_nerfstudio.errors import NeucamError


@pytest.fixture(scope="module")
def moving_bracket(view) -> list[np.ndarray]:
    """Five frames of a camera that moves 2 px a frame, exposures -2, 0, 2, -2, 0."""
    return [
        view.photograph(np.roll(view.radiance, 2 * i, axis=1), s, seed=i)
        for i, s in enumerate([-2.0, 0.0, 2.0, -2.0, 0.0])
    ]


@pytest.mark.slow
def test_known_exposures(view, moving_bracket):
    start = moving_estimate(moving_bracket, [-2.0, 0.0, 2.0, -2.0, 0.0], anchor=2)
    inner = slice(16, -16)
    assert start.anchor == 2
    assert np.median(start.moments[2]) == pytest.approx(0, abs=1e-5)
    for index, picture in enumerate(start.moments):
        assert view.log_error(np.roll(picture, -2 * index, axis=1), inner) < 0.15
        assert np.median(start.offset_px[index][..., 0]) == pytest.approx(2 * (2 - index), abs=0.15)
    assert start.agreement[:, :, inner].mean() > 0.8
    middle = start.moments[2] - np.log(np.roll(view.radiance, 4, axis=1))
    grey = np.interp(np.median(middle), start.log_exposure_knots, start.response_values[:, 1])
    assert grey == pytest.approx(0.5, abs=0.15)


@pytest.mark.slow
def test_unknown_exposures_are_estimated(moving_bracket):
    start = moving_estimate(moving_bracket, None, exposure_index=range(5), anchor=2)
    steps = start.exposure_stops - start.exposure_stops[1]
    ratio = steps[2] / -steps[0]
    assert steps[0] < -1 and steps[2] > 1
    assert ratio == pytest.approx(1, abs=0.3)
    assert abs(steps[3] - steps[0]) < 0.3 and abs(steps[4]) < 0.3


def test_one_exposure_lends_nothing(view):
    """Each moment is its own photograph, through the sRGB standard's response."""
    frames = [view.photograph(np.roll(view.radiance, i, axis=1), 0, seed=i) for i in range(3)]
    start = moving_estimate(frames, [0.0, 0.0, 0.0])
    for frame, picture in zip(frames, start.moments, strict=True):
        developed = np.interp(picture[..., 1], start.log_exposure_knots, start.response_values[:, 1])
        np.testing.assert_allclose(developed, frame[..., 1] / 255, atol=0.01)


def test_the_sharpest_frame_anchors_by_default(view):
    sharp = view.photograph(view.radiance, 0)
    frames = [cv2.GaussianBlur(sharp, (0, 0), 2), sharp, cv2.GaussianBlur(sharp, (0, 0), 1)]
    assert sharpest_frame(frames) == 1
    assert moving_estimate(frames, [0.0, 0.0, 0.0]).anchor == 1


def test_flow_to_a_far_anchor_goes_from_frame_to_frame(view):
    """24 px in all, 4 a frame."""
    moments = np.stack([np.roll(np.log(view.radiance), 4 * i, axis=1) for i in range(7)])
    flows = flows_to_anchor(moments.astype(np.float32), anchor=0)
    assert not flows[0].any()
    for index, flow in enumerate(flows):
        assert np.median(flow[:, 40:-40, 0]) == pytest.approx(-4 * index, abs=0.2)


@pytest.mark.parametrize("stops", [[-2.0, 0.0, 2.0], [0.0, 0.0, 0.0], None])
def test_frames_too_small_to_find_motion_in_are_refused(stops):
    frames = list(np.random.default_rng(0).integers(0, 255, (3, 11, 30, 3), np.uint8))
    with pytest.raises(NeucamError, match="Frames of 30x11 pixels: too small to find motion in"):
        moving_estimate(frames, stops)
