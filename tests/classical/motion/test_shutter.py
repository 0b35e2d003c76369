"""Blurred frames show mean positions; the moments' own follow from those of all frames."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.shutter import moments_from_means


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
