"""Scores of high dynamic range against ground truth: radiance is aligned with it, then encoded as it is perceived."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.evaluation.ldr_metrics import check_equal_sizes, psnr, ssim
from neucam_nerfstudio.rendering.display_tonemapping import log_curve

Alignment = Literal["scale", "affine"]
"""What is fitted a channel: `scale` one gain, `affine` one gain and one power (a straight line in log radiance)."""

RADIANCE_FLOOR = 1e-8
"""Radiance below this counts as this, so that its logarithm exists."""
WHITE_PERCENTILE = 99.9
"""Percentile of the ground truth's values that counts as white."""
DISPLAY_WHITE = 1000.0
"""Luminance at which an HDR display would show that white, cd/m2."""
PU21_BANDING_GLARE = (0.353487901, 0.3734658629, 8.277049286e-5, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142)
"""p1 ... p7 of the recommended PU21 encoding, `banding_glare`."""
PU21_LUMINANCE_RANGE = (0.005, 10_000.0)
"""Luminances the encoding is made for, cd/m2."""
PU21_PEAK = 256.0
"""Peak of PU21 PSNR in the authors' `pu21_metric.m`: the encoded value of 100 cd/m2."""


def hdr_scores(
    prediction: Float[np.ndarray, "height width 3"],
    truth: Float[np.ndarray, "_ _ 3"],
    alignment: Alignment = "scale",
) -> dict[str, float]:
    """Mu-law PSNR and SSIM and PU21 PSNR after alignment, of linear radiance in any unit; see `align_radiance`.

    Returns:
        `psnr_mu_<alignment>` (dB), `ssim_mu_<alignment>` and `psnr_pu21_<alignment>` (dB, of the colour channels).

    Raises:
        ValueError: If the shapes differ or the ground truth is uniform.
    """
    truth = truth.astype(np.float64)
    aligned = align_radiance(prediction.astype(np.float64), truth, alignment)
    white = float(np.percentile(truth, WHITE_PERCENTILE))
    return {f"{name}_{alignment}": score for name, score in perceived_scores(aligned, truth, white).items()}


def perceived_scores(
    aligned: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "_ _ 3"], white: float
) -> dict[str, float]:
    """`psnr_mu` (dB), `ssim_mu` and `psnr_pu21` (dB) of linear radiance in the ground truth's units.

    Args:
        aligned: Radiance in 64 bits.
        truth: Radiance in 64 bits.
        white: Radiance that counts as white.
    """
    nits = DISPLAY_WHITE / white
    psnr_pu21 = psnr(pu21(aligned * nits), pu21(truth * nits), peak=PU21_PEAK)
    encoded, encoded_truth = log_curve(aligned / white), log_curve(truth / white)
    return {
        "psnr_mu": psnr(encoded, encoded_truth),
        "ssim_mu": ssim(encoded, encoded_truth),
        "psnr_pu21": psnr_pu21,
    }


def align_radiance(
    prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "_ _ 3"], alignment: Alignment
) -> Float[np.ndarray, "height width 3"]:
    """Fits the gain (and power) of each channel in log radiance, on the middle 96 % of the ground truth's values.

    Args:
        prediction: Linear radiance.
        truth: Linear radiance.
        alignment: `scale` when the exposures of the photographs were known, `affine` when they were not: then every
            power of the radiance explains the photographs as well.

    Returns:
        The prediction in the ground truth's units, linear radiance.

    Raises:
        ValueError: If the shapes differ, or the ground truth is too uniform to have a middle.
    """
    check_equal_sizes(prediction, truth)
    channels = [_align_channel(prediction[..., c], truth[..., c], alignment) for c in range(truth.shape[-1])]
    return np.stack(channels, axis=-1)


def _align_channel(
    prediction: Float[np.ndarray, "height width"], truth: Float[np.ndarray, "height width"], alignment: Alignment
) -> Float[np.ndarray, "height width"]:
    log_prediction = log_of(prediction)
    power, log_gain = fitted_line(log_prediction, log_of(truth), alignment)
    return np.exp(power * log_prediction + log_gain)


def log_of(radiance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Natural logarithm of radiance, which is at least `RADIANCE_FLOOR`."""
    return np.log(np.maximum(radiance, RADIANCE_FLOOR))


def fitted_line(
    log_prediction: Float[np.ndarray, "*shape"], log_truth: Float[np.ndarray, "*shape"], alignment: Alignment
) -> tuple[float, float]:
    """Power, 1 unless it is fitted, and natural log gain that bring log radiance to the middle 96 % of the truth's.

    Raises:
        ValueError: If the ground truth is too uniform to have a middle.
    """
    darkest, brightest = np.percentile(log_truth, (2, 98))
    middle = (log_truth > darkest) & (log_truth < brightest)
    if not middle.any():
        raise ValueError("The ground truth has no pixel between its 2nd and 98th percentile: too uniform to align to.")
    if alignment == "affine":
        power, log_gain = np.polyfit(log_prediction[middle], log_truth[middle], 1)
        return float(power), float(log_gain)
    return 1.0, float(np.median(log_truth[middle] - log_prediction[middle]))


def pu21(luminance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """PU21 value of absolute luminance: 0 to about 600, and 256 at 100 cd/m2, the white of an ordinary display.

    Args:
        luminance: cd/m2, of a colour channel or of luminance; clipped to 0.005 ... 10,000.

    Source:
        Mantiuk & Azimi, "PU21: A novel perceptually uniform encoding for adapting existing quality metrics for HDR",
        Picture Coding Symposium 2021, and the authors' `pu21_encoder.m` (github.com/gfxdisp/pu21).
    """
    p1, p2, p3, p4, p5, p6, p7 = PU21_BANDING_GLARE
    compressed = np.clip(luminance, *PU21_LUMINANCE_RANGE) ** p4
    return np.maximum(p7 * (((p1 + p2 * compressed) / (1 + p3 * compressed)) ** p5 - p6), 0)
