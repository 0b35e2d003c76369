"""What each frame shows by itself: a picture a frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.frame_pyramid import frame_numbers, sample_frames
from neucam_nerfstudio.scene.scene_field import SceneField


class FramePictures(SceneField):
    """Log radiance of every pixel of every frame; between frames one picture fades into the next.

    Nothing of it is learned: one photograph tells no more of its moment than the classical merge has read from it and
    its neighbours. Training decides where it is shown.

    Args:
        frame_times: Time of each frame, rising; at least two.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
    """

    frame_times: Float[Tensor, " frames"]
    pictures: Float[Tensor, "frames 3 height width"]

    def __init__(self, frame_times: Float[Tensor, " frames"], height: int, width: int) -> None:
        super().__init__()
        self.register_buffer("frame_times", frame_times, persistent=False)
        self.register_buffer("pictures", torch.zeros(len(frame_times), 3, height, width))

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance at (u, v) in [0, 1] and a time in [0, 1]."""
        return sample_frames(self.pictures, uv, frame_numbers(times, self.frame_times))

    @torch.no_grad()
    def start_from(self, log_radiance: Float[Tensor, "frames height width 3"]) -> None:
        """Starts at known pictures."""
        self.pictures.copy_(log_radiance.permute(0, 3, 1, 2))
