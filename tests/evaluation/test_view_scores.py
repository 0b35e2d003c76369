from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.evaluation.view_scores import scores_of_views


def views(count: int = 3) -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [np.exp(rng.normal(size=(24, 32, 3))).astype(np.float32) for _ in range(count)]


def test_one_gain_for_all_views_costs_nothing():
    truths = views()
    scores = scores_of_views([truth / 8 for truth in truths], truths)
    assert scores["views_gain_stops"] == pytest.approx(3, abs=1e-3)
    assert scores["views_psnr_mu"] > 80 and scores["views_psnr_pu21"] > 80
    assert scores["views_ssim_mu"] == pytest.approx(1, abs=1e-4)


def test_a_view_that_is_darker_than_the_others_is_seen():
    """A gain of its own would hide it."""
    truths = views()
    noise = np.random.default_rng(6).normal(scale=0.02, size=truths[0].shape)
    noisy = [truth * np.exp(noise).astype(np.float32) for truth in truths]
    darker = [noisy[0] / 2, *noisy[1:]]
    assert hdr_scores(darker[0], truths[0])["psnr_mu_scale"] == pytest.approx(
        hdr_scores(noisy[0], truths[0])["psnr_mu_scale"], abs=0.1
    )
    assert scores_of_views(darker, truths)["views_psnr_mu"] < scores_of_views(noisy, truths)["views_psnr_mu"] - 8


def test_a_cast_of_colour_is_seen():
    truths = views()
    cast = [truth * np.float32([2, 1, 0.5]) for truth in truths]
    assert hdr_scores(cast[0], truths[0])["psnr_mu_scale"] > 80
    assert scores_of_views(cast, truths)["views_psnr_mu"] < 30


def test_without_exposures_one_power_is_fitted_to_all():
    truths = views()
    bent = [truth**0.8 for truth in truths]
    assert scores_of_views(bent, truths, "affine")["views_psnr_mu"] > 70
    assert scores_of_views(bent, truths, "scale")["views_psnr_mu"] < 35
