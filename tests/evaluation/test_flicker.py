from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.evaluation.flicker import FrameStep, flicker, hdr_flicker, video_steps
from neucam_nerfstudio.rendering.display_tonemapping import log_curve

HEIGHT, WIDTH = 72, 96


def still_step(height: int = HEIGHT, width: int = WIDTH) -> FrameStep:
    return FrameStep(np.zeros((height, width, 2), np.float32), np.ones((height, width), bool))


@pytest.fixture(scope="module")
def wide_picture() -> np.ndarray:
    """Radiance from about 0.01 to 10 with structure of several sizes, wider than a frame."""
    random = np.random.default_rng(0)
    layers = [cv2.GaussianBlur(random.normal(size=(HEIGHT, WIDTH + 40)), (0, 0), s) * s for s in (1.5, 4, 10)]
    log_radiance = 4 * sum(layers)[..., None] + np.array([0.0, 0.3, -0.2])
    return np.exp(np.clip(log_radiance, -4.6, 2.3))


def pan(picture: np.ndarray, px_a_frame: int, num_frames: int = 4) -> np.ndarray:
    """A camera that turns to the right by whole pixels."""
    return np.stack([picture[:, i * px_a_frame : i * px_a_frame + WIDTH] for i in range(num_frames)])


def test_a_constant_video_does_not_flicker(wide_picture):
    video = pan(wide_picture, 0)
    assert hdr_flicker(video, video) == {"flicker": 0.0, "flicker_truth": 0.0}


def test_change_by_hand():
    video = np.stack([np.full((2, 3, 3), value) for value in (0.2, 0.5, 0.4)])
    steps = [still_step(2, 3), still_step(2, 3)]
    assert flicker(video, steps) == pytest.approx((0.3 + 0.1) / 2)


def test_a_frame_is_compared_with_where_things_were_before():
    earlier = np.tile(np.array([0.1, 0.2, 0.3, 0.4])[None, :, None], (2, 1, 3))
    later = np.tile(np.array([0.2, 0.3, 0.4, 0.9])[None, :, None], (2, 1, 3))
    one_px_to_the_right = np.tile(np.float32([1, 0]), (2, 4, 1))
    inside = np.tile([True, True, True, False], (2, 1))
    assert flicker(np.stack([earlier, later]), [FrameStep(one_px_to_the_right, inside)]) == pytest.approx(0, abs=1e-7)


def test_pixels_count_alike_whichever_step_they_are_of():
    video = np.stack([np.full((2, 2, 3), value) for value in (0.0, 0.3, 0.3)])
    one_pixel = still_step(2, 2)._replace(reliable=np.array([[True, False], [False, False]]))
    assert flicker(video, [one_pixel, still_step(2, 2)]) == pytest.approx(0.3 / 5)


def test_a_pan_hardly_flickers_though_its_pixels_change(wide_picture):
    video = pan(wide_picture, 3)
    scores = hdr_flicker(video, video)
    encoded = log_curve(video / np.percentile(video, 99.9))
    assert scores["flicker"] == scores["flicker_truth"] < 0.1 * np.abs(np.diff(encoded, axis=0)).mean()


def test_motion_of_a_pan(wide_picture):
    step = video_steps(log_curve(pan(wide_picture, 3, 2) / 10))[0]
    np.testing.assert_allclose(np.median(step.flow, axis=(0, 1)), [3, 0], atol=0.05)
    assert step.reliable[8:-8, 8:-8].mean() > 0.95 and step.reliable[:, -2:].mean() < 0.5


def test_brightness_flicker_has_its_known_size(wide_picture):
    truth = pan(wide_picture, 0)
    gains = np.array([1.0, 1.1, 1.0, 1.1])[:, None, None, None]
    scores = hdr_flicker(truth * gains, truth)
    gain = 1.1**-0.5  # the alignment's median lies between the two kinds of frames
    white = np.percentile(truth, 99.9)
    expected = np.abs(log_curve(gain * 1.1 * truth[0] / white) - log_curve(gain * truth[0] / white)).mean()
    assert scores["flicker_truth"] == 0
    assert scores["flicker"] == pytest.approx(expected, rel=0.03)


def test_affine_alignment_takes_out_a_power(wide_picture):
    truth = pan(wide_picture, 2)
    scores = hdr_flicker(3 * truth**1.5, truth, "affine")
    assert scores["flicker"] == pytest.approx(scores["flicker_truth"], rel=1e-6)


def test_units_do_not_matter(wide_picture):
    truth = pan(wide_picture, 2)
    noisy = truth * np.exp(0.05 * np.random.default_rng(1).normal(size=truth.shape))
    assert hdr_flicker(noisy, truth)["flicker"] == pytest.approx(hdr_flicker(7 * noisy, 0.1 * truth)["flicker"])


def test_unreliable_everywhere_is_an_error():
    step = still_step(2, 2)._replace(reliable=np.zeros((2, 2), bool))
    with pytest.raises(ValueError, match="nowhere"):
        flicker(np.zeros((2, 2, 2, 3)), [step])


def test_steps_must_fit_the_frames():
    with pytest.raises(ValueError, match="shorter"):
        flicker(np.zeros((3, HEIGHT, WIDTH, 3)), [still_step()])


def test_refuses_different_shapes(wide_picture):
    video = pan(wide_picture, 1)
    with pytest.raises(ValueError, match=r"\(3, 72, 96, 3\).*\(4, 72, 96, 3\)"):
        hdr_flicker(video[:3], video)
