"""Our deformation: where each frame's pixels are in the canonical picture, on a coarse grid that moves from frame to
frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.frame_pyramid import FramePyramid, frame_numbers, sample_frames
from neucam_nerfstudio.scene.deformation import Deformation

CELL_PX, NUM_LEVELS = 4, 6
"""Motion is told for squares of this side; the coarsest grid's cells have 32 times this side."""


class FrameMotion(Deformation):
    """Canonical place = place + offset, known at each frame and moving evenly between frames.

    One more moment before the first frame and one after the last let a shutter open before and close after them.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    moment_times: Float[Tensor, " moments"]
    picture_size_px: Float[Tensor, " 2"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.frame_interval = float(frame_times.diff().amin())
        first, last = frame_times[:1] - self.frame_interval, frame_times[-1:] + self.frame_interval
        self.offset_px = FramePyramid(2, len(frame_times) + 2, height, width, CELL_PX, NUM_LEVELS)
        self.register_buffer("moment_times", torch.cat([first, frame_times, last]), persistent=False)
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time: [0, 1], and up to a frame's interval before and after."""
        moment = frame_numbers(times, self.moment_times)
        return uv + sample_frames(self.offset_px.images(), uv, moment) / self.picture_size_px

    def start_from(self, offset_px: Float[Tensor, "frames height width 2"]) -> None:
        """Starts at known offsets (right, down), standing still before the first and after the last frame."""
        self.offset_px.start_from(torch.cat([offset_px[:1], offset_px, offset_px[-1:]]))

    def largest_step_px(self) -> Float[Tensor, ""]:
        """The farthest that anything moves within the shortest time from one frame to the next."""
        share_of_step = self.frame_interval / self.moment_times.diff()
        return (self.offset_px.images().diff(dim=0).norm(dim=1) * share_of_step[:, None, None]).amax()
