"""Scores of a high-dynamic-range picture against ground truth, taken on perceptual encodings of aligned radiance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.evaluation.alignment import Alignment, align_radiance
from neucam_nerfstudio.evaluation.ldr_metrics import psnr, ssim
from neucam_nerfstudio.evaluation.perceptual_encoding import mu_law, pu21

WHITE_PERCENTILE = 99.9
"""Percentile of the ground truth's values that counts as white."""

DISPLAY_WHITE = 1000.0
"""Luminance at which an HDR display would show that white, cd/m2."""

PU21_PEAK = 256.0
"""Peak of PU21 PSNR in the authors' `pu21_metric.m`: the encoded value of 100 cd/m2."""


def hdr_scores(
    prediction: Float[np.ndarray, "height width 3"],
    truth: Float[np.ndarray, "_ _ 3"],
    alignment: Alignment = "scale",
) -> dict[str, float]:
    """Mu-law PSNR and SSIM and PU21 PSNR after alignment.

    Args:
        prediction: Linear radiance in any unit.
        truth: Linear radiance in any unit.
        alignment: `scale` when the exposures of the photographs were known, `affine` when they were not.

    Returns:
        `psnr_mu_<alignment>` (dB), `ssim_mu_<alignment>` and `psnr_pu21_<alignment>` (dB).

    Raises:
        ValueError: If the shapes differ or the ground truth is uniform.
    """
    truth = truth.astype(np.float64)
    aligned = align_radiance(prediction.astype(np.float64), truth, alignment)
    white = float(np.percentile(truth, WHITE_PERCENTILE))
    return {
        f"psnr_mu_{alignment}": psnr_mu(aligned, truth, white),
        f"ssim_mu_{alignment}": ssim_mu(aligned, truth, white),
        f"psnr_pu21_{alignment}": psnr_pu21(aligned, truth, white),
    }


def psnr_mu(
    prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"], white: float
) -> float:
    """PSNR in dB of the mu-law images; `white` is the radiance that becomes 1."""
    return psnr(mu_law(prediction / white), mu_law(truth / white))


def ssim_mu(
    prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"], white: float
) -> float:
    """`ssim` of the mu-law images; `white` is the radiance that becomes 1."""
    return ssim(mu_law(prediction / white), mu_law(truth / white))


def psnr_pu21(
    prediction: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"], white: float
) -> float:
    """PSNR in dB of the PU21-encoded colour channels; `white` is the radiance shown at 1000 cd/m2."""
    nits = DISPLAY_WHITE / white
    return psnr(pu21(prediction * nits), pu21(truth * nits), peak=PU21_PEAK)
