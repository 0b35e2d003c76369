"""A blurred pixel as a weighted sum of taps: places on the image plane, and how their light is summed."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Taps(NamedTuple):
    """The places whose light a pixel collects.

    Attributes:
        uv: Places on the image plane, [0, 1] inside the picture.
        weights: Share of each, summing to 1 over the taps.
    """

    uv: Float[Tensor, "*batch taps 2"]
    weights: Float[Tensor, "*batch taps"]


def mix_light(
    radiance: Float[Tensor, "*batch taps 3"], weights: Float[Tensor, "*batch taps"]
) -> Float[Tensor, "*batch 3"]:
    """Sums light, as a lens does: weighted mean of linear radiance."""
    return torch.einsum("...kc,...k->...c", radiance, weights)


def mix_log_light(
    log_radiance: Float[Tensor, "*batch taps 3"], weights: Float[Tensor, "*batch taps"]
) -> Float[Tensor, "*batch 3"]:
    """Sums logarithms of light, as the published model does (paper, section 3.2): weighted mean of log radiance."""
    return torch.einsum("...kc,...k->...c", log_radiance, weights)
