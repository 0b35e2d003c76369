"""Holds a learned picture to the one it was started from, as firmly as that is known."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable


class StartPrior(nn.Module):
    """The start as one more observation: what an unsure photograph says against it counts little.

    Holds nothing until it is given a start. Kept in checkpoints, so that resumed runs are held alike.

    Args:
        channels: Values a cell.
        height: Cells of what is learned, from top to bottom.
        width: Cells from left to right.
    """

    start: Float[Tensor, "1 channels height width"]
    firmness: Float[Tensor, "1 1 height width"]

    def __init__(self, channels: int, height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("start", torch.zeros(1, channels, height, width))
        self.register_buffer("firmness", torch.zeros(1, 1, height, width))

    @torch.no_grad()
    def hold(
        self, start: Float[Tensor, "1 channels height width"], firmness: Float[Tensor, "picture_height picture_width"]
    ) -> None:
        """Remembers a start, and how firmly each of its cells is known, at this size or a larger one."""
        self.start.copy_(start)
        self.firmness.copy_(F.interpolate(firmness[None, None], self.firmness.shape[-2:], mode="area"))

    def forward(self, learned: Float[Tensor, "1 channels height width"]) -> Float[Tensor, ""]:
        """Mean over cells and channels of firmness times the squared departure from the start."""
        return _HeldSquares.apply(learned, self.start, self.firmness)


class _HeldSquares(torch.autograd.Function):
    """Mean of firmness times squared departure, with a gradient that costs a fifth of what autograd makes of it."""

    @staticmethod
    def forward(
        ctx: Any,
        learned: Float[Tensor, "1 channels height width"],
        start: Float[Tensor, "1 channels height width"],
        firmness: Float[Tensor, "1 1 height width"],
    ) -> Float[Tensor, ""]:
        departure = learned - start
        held = departure * firmness
        ctx.save_for_backward(held)
        return (held * departure).mean()

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]  # torch declares it for any number of outputs
        ctx: Any, slope: Float[Tensor, ""]
    ) -> tuple[Float[Tensor, "1 channels height width"], None, None]:
        (held,) = ctx.saved_tensors
        return held * (2 * slope / held.numel()), None, None
