"""The focus position of each focus setting of a capture."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Dial, Part

DIAL_MARGIN = 0.5
"""How far the focus dial goes beyond the captured focus positions, at least."""


class FocusPositions(Part):
    """One unitless number per focus *setting*: all frames taken with a setting share it.

    Args:
        capture: Tells where the positions start, rising from the first setting to the last, and whether training moves
            them.
    """

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        start = torch.tensor(capture.focuses.positions, dtype=torch.float32)
        self.positions = nn.Parameter(start, requires_grad=capture.focuses.mode != "fix")

    def forward(self, focus_index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Focus positions of the settings with these indices."""
        return self.positions[focus_index]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of them are learned at one rate."""
        return {"focus": list(self.parameters())}

    def dials(self) -> tuple[Dial, ...]:
        """The focus, on the learned scale."""
        positions = self.positions.detach()
        ends = float(positions.min()) - DIAL_MARGIN, float(positions.max()) + DIAL_MARGIN
        hint = "Focus position on the scale learned with the capture: its focus settings start between -1 and 1."
        return (Dial("focus_position", "Focus (position)", hint, ends),)
