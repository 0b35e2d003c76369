"""Random light on which the published method looks at its camera response as a curve, away from any photograph."""

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.photometry import LN2

MAX_STOPS = 3.0
"""Exposures are drawn from this many stops to either side of 0."""


def draw_log_exposures(
    num_samples: int, max_log_radiance: float, device: torch.device | str = "cpu"
) -> Float[Tensor, "num_samples 3"]:
    """Draws ln radiance evenly from [0, max_log_radiance] per channel, and one exposure per sample from +-3 stops.

    Args:
        num_samples: Number of samples.
        max_log_radiance: Largest ln radiance: 3 in the published warm-up, 5 in the penalty on falling responses.
        device: Where the samples are made.

    Returns:
        ln radiance + ln 2 * stops.
    """
    log_radiance = max_log_radiance * torch.rand(num_samples, 3, device=device)
    stops = MAX_STOPS * (2 * torch.rand(num_samples, 1, device=device) - 1)
    return log_radiance + LN2 * stops
