from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.evaluation.flip import flip_of_pictures, flip_of_radiance


@pytest.fixture(scope="module")
def radiance() -> np.ndarray:
    return np.exp(np.random.default_rng(0).normal(0, 1.5, (40, 50, 3))).astype(np.float32)


def test_equal_pictures_do_not_differ(radiance):
    assert flip_of_radiance(radiance, radiance) == pytest.approx(0, abs=1e-4)
    assert flip_of_pictures(radiance.clip(0, 1), radiance.clip(0, 1)) == pytest.approx(0, abs=1e-6)


def test_black_against_white_is_nearly_the_largest_difference():
    black, white = np.zeros((64, 64, 3)), np.ones((64, 64, 3))
    assert flip_of_pictures(black, white) == pytest.approx(0.97, abs=0.01)


def test_radiance_is_aligned_as_for_the_other_scores(radiance):
    other_unit = (radiance**0.8 * 30).astype(np.float32)
    assert flip_of_radiance(other_unit, radiance, "affine") < 1e-3 < flip_of_radiance(other_unit, radiance, "scale")


def test_sizes_must_be_equal(radiance):
    with pytest.raises(ValueError, match="score equal sizes"):
        flip_of_pictures(radiance[:-1], radiance)
