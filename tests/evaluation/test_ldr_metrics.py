import numpy as np
import pytest
import torch
from torchmetrics.functional.image import structural_similarity_index_measure

from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores, psnr, ssim


def noisy_pair() -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(0)
    truth = np.clip(np.linspace(0, 1, 40)[:, None, None] + 0.1 * noise.standard_normal((40, 50, 3)), 0, 1)
    return np.clip(truth + 0.05 * noise.standard_normal(truth.shape), 0, 1), truth


def test_psnr_of_a_tenth_is_twenty_decibels():
    assert psnr(np.full((2, 2, 3), 0.4), np.full((2, 2, 3), 0.5)) == pytest.approx(20.0)


def test_psnr_counts_its_peak():
    assert psnr(np.full((2, 2, 3), 40.0), np.full((2, 2, 3), 50.0), peak=100.0) == pytest.approx(20.0)


def test_psnr_of_equal_images_is_infinite():
    assert psnr(np.ones((2, 2, 3)), np.ones((2, 2, 3))) == float("inf")


def test_psnr_refuses_different_shapes():
    with pytest.raises(ValueError, match="score equal sizes"):
        psnr(np.ones((2, 2, 3)), np.ones((2, 3, 3)))


def test_ssim_is_the_one_nerfstudio_models_report():
    prediction, truth = noisy_pair()
    as_batch = [torch.from_numpy(image).permute(2, 0, 1)[None] for image in (prediction, truth)]
    reference = structural_similarity_index_measure(*as_batch, data_range=1.0).item()
    assert ssim(prediction, truth) == pytest.approx(reference, abs=1e-5)


def test_ssim_of_two_greys_by_hand():
    # no structure, so only the luminance term (2 a b + c1) / (a^2 + b^2 + c1) is left
    expected = (2 * 0.3 * 0.6 + 1e-4) / (0.09 + 0.36 + 1e-4)
    assert ssim(np.full((16, 16, 3), 0.3), np.full((16, 16, 3), 0.6)) == pytest.approx(expected)


def test_ldr_scores_are_plain_floats_by_name():
    scores = ldr_scores(*noisy_pair())
    assert set(scores) == {"psnr", "ssim"} and all(type(score) is float for score in scores.values())
