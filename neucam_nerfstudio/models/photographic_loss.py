"""The error of rendered pixel values against photographs."""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.scene.grid_scene import SQUARED_RANGE


def with_white_as_bound(
    ldr: Float[Tensor, "*rays 3"], photographed: Float[Tensor, "*rays 3"], white_ldr: float
) -> tuple[Float[Tensor, "*rays 3"], Float[Tensor, "*rays 3"]]:
    """Both sides of the comparison, where white is a bound: all light that develops to as much explains it.

    Args:
        ldr: Rendered pixel values in [0, 1].
        photographed: The photographs' pixel values in [0, 1].
        white_ldr: Pixel value from which a photograph is white.
    """
    return torch.where(photographed < white_ldr, ldr, ldr.clamp(max=white_ldr)), photographed.clamp(max=white_ldr)


def squared_error(ldr: Float[Tensor, "*rays 3"], photographed: Float[Tensor, "*rays 3"]) -> Float[Tensor, "*rays 3"]:
    """Squared error of pixel values in [0, 1], counted in [-1, 1] as published."""
    return SQUARED_RANGE * (ldr - photographed).square()


def mean_of_frames(
    error: Float[Tensor, "*rays 3"], is_frame: Bool[Tensor, "rays exposures"] | None
) -> Float[Tensor, ""]:
    """Mean over rays and channels, without exposures that no frame has."""
    if is_frame is None:
        return error.mean()
    share = is_frame[..., None].expand_as(error)
    return torch.where(share, error, 0).sum() / share.sum()
