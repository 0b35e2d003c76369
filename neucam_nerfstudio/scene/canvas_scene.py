"""The picture that all frames of a moving scene share: larger than a frame, as other frames see beyond its border."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.scene.grid_scene import GridScene

MARGIN_SHARE = 8
"""A side is this many times as long as the margin beyond it."""


def margin_px(height: int, width: int) -> tuple[int, int]:
    """Rows above and below, and columns to the left and right, of the picture of a frame."""
    return height // MARGIN_SHARE, width // MARGIN_SHARE


class CanvasScene(GridScene):
    """A grid of log radiance on the picture of a frame and a margin around it.

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        most_learned_cells: Of the finest grid that is learned; None for a cell a pixel.
    """

    scale: Float[Tensor, " 2"]
    margin: Float[Tensor, " 2"]

    def __init__(self, height: int, width: int, most_learned_cells: int | None = None) -> None:
        down, right = margin_px(height, width)
        super().__init__(height + 2 * down, width + 2 * right, most_learned_cells)
        canvas = torch.tensor([width + 2 * right, height + 2 * down], dtype=torch.float32)
        self.register_buffer("scale", torch.tensor([width, height]) / canvas, persistent=False)
        self.register_buffer("margin", torch.tensor([right, down]) / canvas, persistent=False)

    def canvas_uv(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """(u, v) of the canvas, [0, 1] on it, for (u, v) of the frame, [0, 1] on that."""
        return uv * self.scale + self.margin

    def covers(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 1"]:
        """1 on the canvas, 0 beyond it, at (u, v) of the frame."""
        canvas_uv = self.canvas_uv(uv)
        return ((canvas_uv > 0) & (canvas_uv < 1)).all(-1, keepdim=True).float()

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance at (u, v) of the frame; beyond the canvas that of its border. `times` is not looked at."""
        return super().radiance(self.canvas_uv(uv), times)
