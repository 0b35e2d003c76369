"""Scores of many views of one scene against true radiance: what is fitted is one number for all of them.

A gain fitted to each view, or to each channel, hides what differs from view to view, such as fog or a cast of colour.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.evaluation.hdr_metrics import (
    WHITE_PERCENTILE,
    Alignment,
    fitted_line,
    log_of,
    perceived_scores,
)

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
    told, found = (np.concatenate([log_of(each).ravel() for each in views]) for views in (truths, pictures))
    power, log_gain = fitted_line(found, told, alignment)
    white = float(np.exp(np.percentile(told, WHITE_PERCENTILE)))
    scores = []
    for picture, truth in zip(pictures, truths, strict=True):
        aligned = np.exp(power * log_of(picture) + log_gain)
        scores.append(perceived_scores(aligned.astype(np.float64), truth.astype(np.float64), white))
    means = {f"views_{name}": float(np.mean([of_view[name] for of_view in scores])) for name in scores[0]}
    return {**means, "views_gain_stops": float(log_gain / np.log(2))}
