"""The focus position of each focus setting of a capture."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Dial, Part, Start

DIAL_MARGIN = 0.5
"""How far the focus dial goes beyond the captured focus positions, at least."""

FARTHEST_FOCUS_M = 1000.0
"""What is farther than this is shown as this far: a lens makes no difference between it and the infinite."""

DIAL_DEPTH = 30.0
"""The dial goes so many times as far as the nearest captured focus distance: its end stands for all beyond, too, which
differs from there by a thirtieth of the blur. A dial that went on to the infinite could not be turned by hand."""

DIAL_RATIO = 3.0
"""How many times nearer and farther than the captured focus distances the dial goes otherwise."""


class FocusPositions(Part):
    """One number per focus *setting*: all frames taken with a setting share it. Of one view it is unitless; of many
    views it is the inverse of the distance in focus, 1/m.

    Args:
        capture: Tells where the positions start, rising from the first setting to the last, and whether training moves
            them.
    """

    def __init__(self, capture: Capture) -> None:
        super().__init__()
        start = torch.tensor(capture.focuses.positions, dtype=torch.float32)
        self.are_distances = capture.views is not None
        self.positions = nn.Parameter(start, requires_grad=capture.focuses.mode != "fix")

    def forward(self, focus_index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Focus positions of the settings with these indices."""
        return self.positions[focus_index]

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of them are learned at one rate."""
        return {"focus": list(self.parameters())}

    @torch.no_grad()
    def start(self, start: Start) -> str | None:
        """Takes positions that photographs tell, unless the capture tells them."""
        told = start.focus_positions
        if told is None or not self.positions.requires_grad:
            return None
        self.positions.copy_(torch.tensor(told))
        if not self.are_distances:
            return None
        nearest_m, farthest_m = shown_m(max(told)), shown_m(min(told))
        return f"Focus, by where each view is sharpest beside the others: from {nearest_m:.3g} to {farthest_m:.3g} m."

    @property
    def farthest_dialled_m(self) -> float:
        """What the dial shows of focus at infinity, and farther away than this."""
        return DIAL_DEPTH * shown_m(float(self.positions.detach().max()))

    def dials(self) -> tuple[Dial, ...]:
        """The focus: in metres, or on the learned scale."""
        positions = self.positions.detach()
        if self.are_distances:
            nearest_m, farthest_m = shown_m(float(positions.max())), shown_m(float(positions.min()))
            ends = nearest_m / DIAL_RATIO, min(farthest_m * DIAL_RATIO, self.farthest_dialled_m)
            hint = "Distance that is in focus, along the way the camera looks."
            return (Dial("focus_position", "Focus (m)", hint, ends, step=nearest_m / 100, inverse=1.0),)
        ends = float(positions.min()) - DIAL_MARGIN, float(positions.max()) + DIAL_MARGIN
        hint = "Focus position on the scale learned with the capture: its focus settings start between -1 and 1."
        return (Dial("focus_position", "Focus (position)", hint, ends),)


def shown_m(position: float) -> float:
    """Distance in metres of a focus position in 1/m, as it is shown: of all that is farther, `FARTHEST_FOCUS_M`."""
    return 1 / max(position, 1 / FARTHEST_FOCUS_M)
