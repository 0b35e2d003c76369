"""Samples that disagree are let go, and stay so."""

from __future__ import annotations

import numpy as np

from neucam_nerfstudio.classical.sample_squares import trust_of


def test_what_was_let_go_does_not_come_back():
    """Four frames agree on each of 50 samples but for noise; of the first sample, one is a stop off."""
    log_radiance = np.random.default_rng(0).normal(0, 0.002, (50, 4, 3))
    log_radiance[0, 3] += np.log(2)
    precision, trust = np.ones_like(log_radiance), np.ones_like(log_radiance)
    for _ in range(6):
        trust = trust_of(log_radiance, precision, trust)
    assert trust[0, 3].max() < 1e-3
    assert trust[0, :3].min() > 0.5 and np.median(trust[1:]) > 0.8


def test_what_tells_nothing_has_no_part_in_the_usual_deviation():
    log_radiance = np.random.default_rng(0).normal(0, 0.002, (50, 4, 3))
    log_radiance[:, 3] = 5.0
    precision = np.ones_like(log_radiance)
    precision[:, 3] = 0
    assert trust_of(log_radiance, precision, np.ones_like(log_radiance))[:, :3].min() > 0.4
