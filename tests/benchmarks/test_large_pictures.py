"""Captures made large by repetition."""

from __future__ import annotations

import numpy as np

from benchmarks.large_pictures import repeat_capture, repeated
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.imaging.radiance_files import read_radiance


def test_every_other_picture_is_mirrored():
    picture = np.array([[1, 2], [3, 4]])[..., None]
    expected = [[1, 2, 2, 1], [3, 4, 4, 3], [3, 4, 4, 3], [1, 2, 2, 1]]
    assert repeated(picture, 2)[..., 0].tolist() == expected
    assert repeated(picture, 3).shape == (6, 6, 1)


def test_photographs_settings_and_truth_are_those_of_the_capture(tiny_desk, tmp_path):
    capture = open_capture(tiny_desk)[0]
    large = open_capture(repeat_capture(capture, 2, tmp_path / "large"))[0]
    assert (large.height, large.width) == (2 * capture.height, 2 * capture.width)
    assert large.exposures == capture.exposures
    for frame, original in zip(large.frames, capture.frames, strict=True):
        assert (frame.focus_index, frame.exposure_index) == (original.focus_index, original.exposure_index)
    np.testing.assert_array_equal(
        PixelStore(large).stack(large.train_indices)[:, : capture.height, : capture.width],
        PixelStore(capture).stack(capture.train_indices),
    )
    truth = read_radiance(capture.radiance_truth[0])
    np.testing.assert_array_equal(read_radiance(large.radiance_truth[0])[-1, -1], truth[0, 0])
