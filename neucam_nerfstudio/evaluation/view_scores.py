"""Scores of many views of one scene against true radiance: what is fitted is one number for all of them.

A gain fitted to each view, or to each channel, hides what differs from view to view, such as fog or a cast of colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.evaluation.hdr_metrics import (
    DISPLAY_WHITE,
    PU21_PEAK,
    RADIANCE_FLOOR,
    WHITE_PERCENTILE,
    Alignment,
    pu21,
)
from neucam_nerfstudio.evaluation.ldr_metrics import psnr, ssim
from neucam_nerfstudio.rendering.display_tonemapping import log_curve

Picture = Float[np.ndarray, "height width 3"]

PROTOCOL = {
    "scale": "radiance of {count} held-out views, one gain fitted to all of them together",
    "affine": "radiance of {count} held-out views, one gain and one power fitted to all of them together",
}
"""How views are scored, in words."""


def scores_of_views(
    pictures: Sequence[Picture], truths: Sequence[Picture], alignment: Alignment = "scale"
) -> dict[str, float]:
    """Mean scores of linear radiance, after one gain (and one power) that all views and channels share is fitted in log
    radiance to the middle 96 % of the truth. White is the 99.9th percentile of all true radiance.

    Args:
        pictures: Rendered, in any unit.
        truths: Of the same views.
        alignment: `scale` where exposures were told, else `affine`.

    Returns:
        `views_psnr_mu` (dB), `views_ssim_mu`, `views_psnr_pu21` (dB), and `views_gain_stops`, what was fitted.
    """
    told = np.concatenate([_log(truth) for truth in truths])
    found = np.concatenate([_log(picture) for picture in pictures])
    darkest, brightest = np.percentile(told, (2, 98))
    middle = (told > darkest) & (told < brightest)
    if alignment == "affine":
        power, log_gain = np.polyfit(found[middle], told[middle], 1)
    else:
        power, log_gain = 1.0, np.median(told[middle] - found[middle])
    white = np.exp(np.percentile(told, WHITE_PERCENTILE))
    scores = []
    for picture, truth in zip(pictures, truths, strict=True):
        aligned = np.exp(power * np.log(np.maximum(picture, RADIANCE_FLOOR)) + log_gain)
        share, true_share = aligned.astype(np.float64) / white, truth.astype(np.float64) / white
        encoded, encoded_truth = log_curve(share), log_curve(true_share)
        shown = psnr(pu21(share * DISPLAY_WHITE), pu21(true_share * DISPLAY_WHITE), peak=PU21_PEAK)
        scores.append((psnr(encoded, encoded_truth), ssim(encoded, encoded_truth), shown))
    means = (float(mean) for mean in np.mean(scores, axis=0))
    names = "views_psnr_mu", "views_ssim_mu", "views_psnr_pu21"
    return {**dict(zip(names, means, strict=True)), "views_gain_stops": float(log_gain / np.log(2))}


def _log(radiance: Picture) -> Float[np.ndarray, " values"]:
    return np.log(np.maximum(radiance, RADIANCE_FLOOR)).ravel()
