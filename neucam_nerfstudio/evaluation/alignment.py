"""Brings estimated radiance to the gain, or gain and contrast, of the ground truth: it is known only up to these."""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float

Alignment = Literal["scale", "affine"]
"""What is fitted a channel: `scale` one gain, `affine` one gain and one power (a straight line in log radiance)."""

RADIANCE_FLOOR = 1e-8
"""Radiance below this counts as this, so that its logarithm exists."""


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
    if prediction.shape != truth.shape:
        raise ValueError(f"The prediction is {prediction.shape}, the ground truth {truth.shape}: score equal sizes.")
    channels = [_align_channel(prediction[..., c], truth[..., c], alignment) for c in range(truth.shape[-1])]
    return np.stack(channels, axis=-1)


def _align_channel(
    prediction: Float[np.ndarray, "height width"], truth: Float[np.ndarray, "height width"], alignment: Alignment
) -> Float[np.ndarray, "height width"]:
    log_prediction = np.log(np.maximum(prediction, RADIANCE_FLOOR))
    log_truth = np.log(np.maximum(truth, RADIANCE_FLOOR))
    darkest, brightest = np.percentile(log_truth, (2, 98))
    middle = (log_truth > darkest) & (log_truth < brightest)
    if not middle.any():
        raise ValueError("The ground truth has no pixel between its 2nd and 98th percentile: too uniform to align to.")
    if alignment == "affine":
        power, log_gain = np.polyfit(log_prediction[middle], log_truth[middle], 1)
    else:
        power, log_gain = 1.0, np.median(log_truth[middle] - log_prediction[middle])
    return np.exp(power * log_prediction + log_gain)
