"""Light along rays by quadrature: pure functions of what samples along a ray hold, front to back."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def emission_weights(optical_depth: Float[Tensor, "*batch samples"]) -> Float[Tensor, "*batch samples"]:
    """Share of what each sample emits that arrives: its opacity times what all before it let through (Max 1995). The
    last sample gets all that passes the others, so that the shares sum to 1.

    Args:
        optical_depth: Of each sample, >= 0, front to back.
    """
    passed = torch.exp(-optical_depth.cumsum(-1))[..., :-1]
    return F.pad(passed, (1, 0), value=1.0) - F.pad(passed, (0, 1))


def distortion(
    weights: Float[Tensor, "*batch samples"], positions: Float[Tensor, "*batch samples"]
) -> Float[Tensor, " *batch"]:
    """How far apart along a ray it sees things: the mean distance of two samples drawn by their weights (Barron et al.
    2022, Mip-NeRF 360, eq. 15, for samples without width).

    Args:
        weights: Of the samples.
        positions: Of the samples, in any unit, falling or rising.
    """
    before = weights.cumsum(-1) - weights
    moment_before = (weights * positions).cumsum(-1) - weights * positions
    return 2 * (weights * (positions * before - moment_before)).sum(-1).abs()


def front_to_back_opacity(shares: Float[Tensor, "samples ..."]) -> Float[Tensor, "samples ..."]:
    """Opacity of each sample with which `emission_weights` are these shares.

    Args:
        shares: That sum to 1 over the samples, front to back.
    """
    before = shares.cumsum(0) - shares
    return shares / (1 - before).clamp(min=1e-6)
