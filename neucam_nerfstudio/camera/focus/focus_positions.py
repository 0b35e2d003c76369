"""The focus position of each focus setting of a capture."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class FocusPositions(nn.Module):
    """One unitless number per focus *setting*: all frames taken with a setting share it.

    Args:
        start: Positions to start from, rising from the first setting to the last.
        learned: Whether training moves them.
    """

    def __init__(self, start: Sequence[float], learned: bool = True) -> None:
        super().__init__()
        self.positions = nn.Parameter(torch.tensor(start, dtype=torch.float32), requires_grad=learned)

    def forward(self, focus_index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Focus positions of the settings with these indices."""
        return self.positions[focus_index]
