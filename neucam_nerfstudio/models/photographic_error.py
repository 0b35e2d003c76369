"""What training lessens: how far rendered pixel values are from those of the photographs."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.scene.grid_scene import SQUARED_RANGE

CONTRADICTION_DEVIATIONS = 2.0
"""Photographs of one scene contradict one another where pixel values are off by so many times as much as the median."""
LEAST_CONTRADICTION_LDR, LEAST_CONTRADICTION_IN_THE_HAND_LDR = 0.02, 0.01
"""And by at least so much. Noise and compression stay below the first; in the hand the second, for there are more that
do: what shines differently from another place, and what alignment misses (measured: 0.1 dB on a hand-held stack, while
from a tripod the first is 0.3 dB better)."""


def with_white_as_bound(
    ldr: Float[Tensor, "*rays 3"], photographed: Float[Tensor, "*rays 3"], white_ldr: float
) -> tuple[Float[Tensor, "*rays 3"], Float[Tensor, "*rays 3"]]:
    """Rendered and photographed pixel values in [0, 1], to be compared where white is a bound.

    All light that develops to `white_ldr` or more explains a photograph that has as much.
    """
    return torch.where(photographed < white_ldr, ldr, ldr.clamp(max=white_ldr)), photographed.clamp(max=white_ldr)


def error_of_photographs(
    ldr: Float[Tensor, "*rays 3"],
    photographed: Float[Tensor, "*rays 3"],
    is_frame: Bool[Tensor, "*rays"] | None,
    capture: Capture,
) -> Float[Tensor, "*rays 3"]:
    """What training lessens: the squared error of pixel values in [0, 1], counted in [-1, 1] as published.

    Where photographs of one view of a still scene contradict one another, its mean over the channels counts by the
    logarithm alone (Cauchy's robust error). What many views are off by is mostly what is still to be learned.

    Args:
        ldr: Rendered.
        photographed: Of the photographs.
        is_frame: Which of them a photograph shows; None for all.
        capture: Whose photographs they are.
    """
    error = SQUARED_RANGE * (ldr - photographed).square()
    if capture.moves or capture.views is not None:
        return error
    error = error.mean(-1, keepdim=True)
    shown = error.detach() if is_frame is None else error.detach().masked_fill(~is_frame[..., None], torch.nan)
    median = shown.nanmedian().nan_to_num()
    least = LEAST_CONTRADICTION_LDR if capture.nearness is None else LEAST_CONTRADICTION_IN_THE_HAND_LDR
    contradiction = (CONTRADICTION_DEVIATIONS**2 * median).clamp(min=SQUARED_RANGE * least**2)
    return (contradiction * torch.log1p(error / contradiction)).expand_as(ldr)


def mean_of_frames(error: Float[Tensor, "*rays 3"], is_frame: Bool[Tensor, "*rays"] | None) -> Float[Tensor, ""]:
    """Mean over rays and channels, without what no frame shows."""
    if is_frame is None:
        return error.mean()
    share = is_frame[..., None].expand_as(error)
    return torch.where(share, error, 0).sum() / share.sum().clamp(min=1)
