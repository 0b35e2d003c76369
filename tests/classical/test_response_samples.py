"""Which frames and places are compared: few enough however many there are, and all exposures among them."""

from __future__ import annotations

import numpy as np

from neucam_nerfstudio.classical.response_samples import MOST_FRAMES, sample_frames, sample_unknown_exposures


def small_frames(count: int) -> np.ndarray:
    return np.random.default_rng(0).random((count, 12, 16, 3), np.float32)


def test_samples_are_pixel_values_of_the_places():
    small = small_frames(3)
    samples = sample_frames(small, np.zeros(3, int), np.array([-2.0, 0.0, 2.0]))
    assert samples.frames.tolist() == [0, 1, 2] and samples.comparable.all()
    np.testing.assert_array_equal(samples.ldr[5, 2], small[2].reshape(-1, 3)[samples.places[5]])


def test_of_a_long_video_those_around_one_frame_are_compared():
    stops = np.tile([-2.0, 2.0], 120)
    frames = sample_frames(small_frames(240), np.zeros(240, int), stops, near=200).frames
    assert len(frames) == MOST_FRAMES and abs(frames - 200).max() <= MOST_FRAMES / 2
    assert (stops[frames] > 0).sum() == MOST_FRAMES / 2


def test_an_exposure_far_away_is_compared_all_the_same():
    stops = np.where(np.arange(240) < 200, 0.0, 3.0)
    frames = sample_frames(small_frames(240), np.zeros(240, int), stops, near=10).frames
    assert len(frames) == MOST_FRAMES and (frames >= 200).sum() == MOST_FRAMES / 2


def test_exposures_that_all_differ_are_compared_over_their_whole_range():
    stops = np.linspace(-6, 6, 240)
    frames = sample_frames(small_frames(240), np.zeros(240, int), stops, near=120).frames
    assert len(frames) == MOST_FRAMES and stops[frames].min() < -5 and stops[frames].max() > 5


def test_unknown_exposures_are_told_apart_by_brightness():
    small = small_frames(100)
    small[90:] *= 0.1
    frames = sample_unknown_exposures(small)[0].frames
    assert len(frames) == MOST_FRAMES and (frames >= 90).sum() == 10


def test_whole_brackets_of_a_large_stack_are_spread_over_it():
    focus, stops = np.repeat(np.arange(50), 3), np.tile([-2.0, 0.0, 2.0], 50)
    samples = sample_frames(small_frames(150), focus, stops)
    assert len(samples.frames) == MOST_FRAMES
    assert np.unique(focus[samples.frames]).tolist() == [0, 7, 14, 21, 28, 35, 42, 49]
    assert (samples.comparable.sum(1) == 3).all()


def test_few_frames_are_all_compared_where_no_focus_has_all_exposures():
    samples = sample_frames(small_frames(3), np.arange(3), np.array([-2.0, 0.0, 2.0]))
    assert samples.frames.tolist() == [0, 1, 2] and samples.comparable.all()
