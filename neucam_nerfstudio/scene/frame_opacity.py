"""Our opacity: where a frame shows something that the shared picture does not, on a coarse grid a frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.frame_pyramid import FramePyramid, frame_numbers, sample_frames
from neucam_nerfstudio.scene.layered_scene import Opacity

CELL_PX = 4
LEAST_OPACITY = 0.02
"""Opacities start at least this far from 0 and 1, so that training can change its mind."""


class FrameOpacity(Opacity):
    """Sigmoid of a grid a frame, linear between frames.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    frame_times: Float[Tensor, " frames"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frame_times", frame_times, persistent=False)
        self.logits = FramePyramid(1, len(frame_times), height, width, CELL_PX)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity at (u, v) in [0, 1] and a time in [0, 1]."""
        return torch.sigmoid(sample_frames(self.logits.images(), uv, frame_numbers(times, self.frame_times)))

    def start_from(self, opacity: Float[Tensor, "frames height width"]) -> None:
        """Starts at known opacities, [0, 1]."""
        self.logits.start_from(torch.logit(opacity.clamp(LEAST_OPACITY, 1 - LEAST_OPACITY))[..., None])
