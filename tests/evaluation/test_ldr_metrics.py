import numpy as np
import pytest

from neucam_nerfstudio.evaluation.ldr_metrics import flip, ldr_scores, psnr, ssim


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


def test_ssim_by_the_definition_with_a_uniform_window():
    prediction, truth = noisy_pair()
    per_channel = [_uniform_ssim(prediction[..., c], truth[..., c]) for c in range(3)]
    assert ssim(prediction, truth) == pytest.approx(np.mean(per_channel), abs=1e-9)


def _uniform_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2004, equation 13, over all whole 7 x 7 windows, with the sample (n - 1) covariance."""
    windows = [np.lib.stride_tricks.sliding_window_view(image, (7, 7)).reshape(-1, 49) for image in (a, b)]
    mean_a, mean_b = (w.mean(1) for w in windows)
    var_a, var_b = (w.var(1, ddof=1) for w in windows)
    covariance = ((windows[0] - mean_a[:, None]) * (windows[1] - mean_b[:, None])).sum(1) / 48
    numerator = (2 * mean_a * mean_b + 0.01**2) * (2 * covariance + 0.03**2)
    return float((numerator / ((mean_a**2 + mean_b**2 + 0.01**2) * (var_a + var_b + 0.03**2))).mean())


def test_ssim_does_not_depend_on_the_number_type():
    prediction, truth = (image.astype(np.float32) for image in noisy_pair())
    assert ssim(prediction, truth) == ssim(prediction.astype(np.float64), truth.astype(np.float64))


def test_ssim_refuses_different_shapes():
    with pytest.raises(ValueError, match="score equal sizes"):
        ssim(np.ones((8, 8, 3)), np.ones((8, 9, 3)))


def test_ssim_of_two_greys_by_hand():
    # no structure, so only the luminance term (2 a b + c1) / (a^2 + b^2 + c1) is left
    expected = (2 * 0.3 * 0.6 + 1e-4) / (0.09 + 0.36 + 1e-4)
    assert ssim(np.full((16, 16, 3), 0.3), np.full((16, 16, 3), 0.6)) == pytest.approx(expected)


def test_ldr_scores_are_plain_floats_by_name():
    scores = ldr_scores(*noisy_pair())
    assert set(scores) == {"psnr", "ssim"} and all(type(score) is float for score in scores.values())


@pytest.fixture(scope="module")
def radiance() -> np.ndarray:
    return np.exp(np.random.default_rng(0).normal(0, 1.5, (40, 50, 3))).astype(np.float32)


def test_flip_of_equal_pictures_is_nothing(radiance):
    assert flip(radiance, radiance, "HDR") == pytest.approx(0, abs=1e-4)
    assert flip(radiance.clip(0, 1), radiance.clip(0, 1)) == pytest.approx(0, abs=1e-6)


def test_black_against_white_is_nearly_the_largest_difference():
    black, white = np.zeros((64, 64, 3)), np.ones((64, 64, 3))
    assert flip(black, white) == pytest.approx(0.97, abs=0.01)


def test_flip_refuses_different_shapes(radiance):
    with pytest.raises(ValueError, match="score equal sizes"):
        flip(radiance[:-1], radiance)
