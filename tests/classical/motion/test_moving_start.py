"""The start of a moving scene knows response, every moment's picture, and how moments relate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.moving_start import (
    evenness,
    flows_to_anchor,
    moments_from_means,
    moving_estimate,
    shared_canvas,
    sharpest_frame,
)
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
    grey = np.interp(np.median(middle), start.response.log_exposure, start.response.ldr[:, 1])
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
        developed = np.interp(picture[..., 1], start.response.log_exposure, start.response.ldr[:, 1])
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


def test_the_canvas_s_margin_shows_what_another_frame_sees_there():
    """The other frame looks 2 px farther right; up, left and down nobody sees beyond the anchor."""
    moments = np.zeros((2, 4, 6, 3), np.float32)
    moments[0] += np.arange(6, dtype=np.float32)[None, :, None]
    moments[1] += np.arange(2, 8, dtype=np.float32)[None, :, None]
    offset_px = np.zeros((2, 4, 6, 2), np.float32)
    offset_px[1, ..., 0] = 2
    canvas = shared_canvas(moments, offset_px, anchor=0, margin_px=(1, 3))
    assert canvas.shape == (6, 12, 3)
    np.testing.assert_array_equal(canvas[1:5, 3:9], moments[0])
    assert canvas[2, 9:11, 0].tolist() == [6.5, 6.5]  # the mean of both: filled from their neighbours
    assert canvas[2, :3, 0].tolist() == [0, 0, 0]


def test_a_canvas_without_margin_is_the_anchor_itself():
    moments = np.random.default_rng(0).normal(size=(3, 5, 7, 3)).astype(np.float32)
    offset_px = np.full((3, 5, 7, 2), 100, np.float32)
    np.testing.assert_array_equal(shared_canvas(moments, offset_px, 1, (0, 0)), moments[1])


def seen_means(positions: np.ndarray, times: np.ndarray, open_share: float) -> np.ndarray:
    """Mean position while the shutter is open, by integrating even motion between moments, the nearest 1 apart."""
    shares = (np.arange(2000) + 0.5) / 2000 - 0.5
    return np.array([np.interp(t + open_share * shares, times, positions).mean() for t in times])


@pytest.mark.parametrize("times", [[0, 1, 2, 3, 4, 5], [0, 1, 2, 7, 8, 10]], ids=["even", "with gaps"])
@pytest.mark.parametrize("open_share", [0.3, 1.0])
def test_positions_come_back_from_their_means(times, open_share):
    positions = np.array([0.0, 3.0, -2.0, 5.0, 5.0, 1.0])
    found = moments_from_means(seen_means(positions, times, open_share), np.divide(times, times[-1]), open_share)
    np.testing.assert_allclose(found, positions, atol=1e-3)


def test_a_closed_shutter_changes_nothing():
    offsets = np.random.default_rng(0).normal(size=(4, 2, 3, 2)).astype(np.float32)
    found = moments_from_means(offsets, [0.0, 0.2, 0.4, 1.0], 0.0)
    np.testing.assert_allclose(found, offsets, rtol=1e-6)
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([0.0, 2.0, 4.0, 6.0], (1, 1)),
        ([0.0, 4.0, -2.0, 3.0], (0, 0)),
        ([0.0, 4.0, 5.0, 9.0], (0.25, 0.25)),
        ([0.0, 1.0], (0, 0)),
    ],
)
def test_motion_goes_on_before_and_after_as_far_as_it_is_even(places, expected):
    assert evenness(np.array(places)[:, None], range(len(places))) == pytest.approx(expected)


def test_frames_unevenly_spaced_in_time_may_move_evenly():
    assert evenness(np.array([[0.0], [2.0], [6.0]]), [0.0, 1.0, 3.0]) == pytest.approx((1, 1))


def test_even_motion_that_goes_on_has_its_moments_at_the_means():
    """0, 4 and 8 px: alone, the first frame's mean would lie an eighth of a step after its moment."""
    means = np.array([[0.0], [4.0], [8.0]])
    np.testing.assert_allclose(moments_from_means(means, [0.0, 1.0, 2.0], 1.0, (1.0, 1.0)), means)
    still_before = moments_from_means(means, [0.0, 1.0, 2.0], 1.0, (0.0, 1.0))
    assert still_before[0, 0] < 0 and still_before[2, 0] == pytest.approx(8, abs=0.1)
