"""Weighted least squares over samples that several frames show, whose one radiance each is eliminated; and trust."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from neucam_nerfstudio.classical.pixel_values import LEAST_NOISE, WHITE_LDR

REWEIGHTINGS = 8
"""How often samples are weighed anew by how well they agree."""

ROBUST_DEVIATIONS = 5.0
"""Samples farther off than this many typical deviations are let go."""

USABLE_LDR = (1.5 / 255, WHITE_LDR)
"""Pixel values outside are taken for black or saturated: they tell nothing of response and exposure."""


def usable(ldr: Float[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Which pixel values are neither black nor saturated."""
    return (ldr > USABLE_LDR[0]) & (ldr < USABLE_LDR[1])


def normal_equations(
    rows: Float[np.ndarray, "samples frames unknowns"],
    target: Float[np.ndarray, "samples frames"],
    weights: Float[np.ndarray, "samples frames"],
) -> tuple[Float[np.ndarray, "unknowns unknowns"], Float[np.ndarray, " unknowns"]]:
    """Normal matrix and right side of `rows @ unknowns = target + one free number a sample`, per unit of weight.

    The samples' numbers are eliminated by counting rows and targets from the mean of their sample.
    """
    weighted = rows * weights[..., None]
    sample_sums = weighted.sum(axis=1)
    sample_weights = np.maximum(weights.sum(axis=1), 1e-12)[:, None]
    mean_target = (weights * target).sum(axis=1, keepdims=True) / sample_weights
    unknowns = rows.shape[-1]
    flat = weighted.reshape(-1, unknowns)
    normal = flat.T @ rows.reshape(-1, unknowns) - (sample_sums / sample_weights).T @ sample_sums
    total = max(weights.sum(), 1e-12)
    return normal / total, flat.T @ (target - mean_target).ravel() / total


def weighted_mean(
    log_radiance: Float[np.ndarray, "samples frames 3"], weights: Float[np.ndarray, "samples frames 3"]
) -> Float[np.ndarray, "samples 1 3"]:
    """What all frames together show of each sample."""
    return (weights * log_radiance).sum(1, keepdims=True) / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def trust_of(
    log_radiance: Float[np.ndarray, "samples frames 3"],
    precision: Float[np.ndarray, "samples frames 3"],
    trust: Float[np.ndarray, "samples frames 3"],
) -> Float[np.ndarray, "samples frames 3"]:
    """Geman-McClure weights: a sample that disagrees with the others by several deviations counts little.

    Args:
        log_radiance: What each frame shows of a sample, natural log.
        precision: 1 / variance of that by noise alone, 0 where a frame tells nothing.
        trust: As found before. It says whom the others are compared with; judged is each by its precision, or what was
            let go would look good the next time.
    """
    error = np.sqrt(precision) * (log_radiance - weighted_mean(log_radiance, precision * trust))
    used = np.abs(error[precision > 0])
    deviation = max(1.4826 * np.median(used), LEAST_NOISE) if used.size else 1.0
    return 1 / (1 + (error / (ROBUST_DEVIATIONS * deviation)) ** 2) ** 2
