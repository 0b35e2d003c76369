"""Scores of display-ready pictures, [0, 1], against photographs."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def psnr(prediction: Float[np.ndarray, "*shape"], truth: Float[np.ndarray, "*shape"], peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB, infinite for equal images.

    Raises:
        ValueError: If the shapes differ.
    """
    if prediction.shape != truth.shape:
        raise ValueError(f"The prediction is {prediction.shape}, the ground truth {truth.shape}: score equal sizes.")
    mean_squared_error = np.mean((prediction.astype(np.float64) - truth.astype(np.float64)) ** 2)
    return float(10 * np.log10(peak**2 / mean_squared_error)) if mean_squared_error > 0 else float("inf")


def ssim(prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"]) -> float:
    """Structural similarity of [0, 1] images, equal to the torchmetrics one that nerfstudio's models report.

    That is Wang et al. 2004 with their 11 x 11 Gaussian window (sigma 1.5), averaged over all pixels of the mirrored
    image. Taken a channel at a time by scikit-image, it needs a fraction of the memory on a large photograph.

    Raises:
        ValueError: If the shapes differ.
    """
    from skimage.metrics import structural_similarity

    mirrored = [np.pad(image, [(5, 5), (5, 5), (0, 0)], mode="reflect") for image in (prediction, truth)]
    wang_2004 = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(*mirrored, channel_axis=-1, data_range=1, **wang_2004))


def ldr_scores(
    prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"]
) -> dict[str, float]:
    """`psnr` (dB) and `ssim` of a rendered frame against the photograph, both in [0, 1], unaligned."""
    return {"psnr": psnr(prediction, truth), "ssim": ssim(prediction, truth)}
