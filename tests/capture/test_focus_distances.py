"""Metres from what cameras tell of their focus settings."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.focus_distances import depth_m, dioptres_of_settings
from neucam_nerfstudio.capture.scan import open_capture


@pytest.fixture
def stack(write_jpeg_with_exif, tmp_path):
    """A focus stack whose EXIF tells the distances."""

    def written(*distances_m: float | None):
        random = np.random.default_rng(0)
        for index, distance_m in enumerate(distances_m):
            told = {} if distance_m is None else {"distance_m": distance_m}
            pixels = random.integers(40, 200, (24, 32, 3)).astype(np.uint8)
            write_jpeg_with_exif(f"F{index}.jpg", pixels, time_s="1/60", f_number=8, iso=100, **told)
        return open_capture(tmp_path)[0]

    return written


@pytest.mark.parametrize("distances_m", [(0.5, 1, 2), (4, 2, 1)])
def test_dioptres_are_those_of_the_settings(stack, distances_m):
    told = dioptres_of_settings(stack(*distances_m))
    assert told == pytest.approx([1 / each for each in distances_m])


@pytest.mark.parametrize("distances_m", [(1, None, 2), (1, 2, 1), (1, 1, 2), (None, None)])
def test_distances_that_tell_nothing(stack, distances_m):
    assert dioptres_of_settings(stack(*distances_m)) is None


def test_a_capture_without_its_files_tells_none(stack, tmp_path):
    capture = stack(0.5, 1)
    (tmp_path / "F0.jpg").unlink()
    assert dioptres_of_settings(capture) is None


def test_depth_between_two_settings_is_even_in_dioptres():
    """2 and 1 dioptres are 0.5 m and 1 m; half-way are 1.5 dioptres. Infinity is 10 km."""
    focus = np.array([[-1, 0, 0.5, 1, 2, 7]], np.float32)
    np.testing.assert_allclose(depth_m(focus, (2.0, 1.0, 0.0)), [[0.5, 0.5, 1 / 1.5, 1, 1e4, 1e4]], rtol=1e-6)
