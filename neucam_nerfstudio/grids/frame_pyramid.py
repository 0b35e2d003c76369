"""Learned grids of every frame of a capture that moves, looked up between cells and between frames."""

from __future__ import annotations

import math
from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.grids.grid_sampling import sample_grid
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.grids.plane_pyramid import sum_levels, total_variation


def sample_frames(
    images: Float[Tensor, "frames channels height width"],
    uv: Float[Tensor, "*batch 2"],
    frame: Float[Tensor, "*batch 1"],
) -> Float[Tensor, "*batch channels"]:
    """Values at places (u, v) of frames, linear between cells and between frames; the border's beyond the border.

    Args:
        images: Values at cell centres, which lie at (i + 0.5) / size.
        uv: Places, [0, 1] inside the image.
        frame: Frame numbers, fractional between frames.
    """
    places = torch.cat([2 * uv - 1, (2 * frame + 1) / len(images) - 1], -1).reshape(-1, 3)
    return sample_grid(images.transpose(0, 1), places).reshape(*uv.shape[:-1], images.shape[1])


def frame_numbers(times: Float[Tensor, "*batch 1"], frame_times: Float[Tensor, " frames"]) -> Float[Tensor, "*batch 1"]:
    """Which frame a time belongs to, fractional between frames and evenly on beyond the first and the last.

    Args:
        times: Times.
        frame_times: Time of each frame, rising; at least two.
    """
    before = torch.bucketize(times.contiguous(), frame_times[1:-1])
    return before + (times - frame_times[before]) / (frame_times[before + 1] - frame_times[before])


class FramePyramid(nn.Module):
    """A coarse grid for each frame as the sum of grids at halving resolutions.

    Args:
        channels: Values a cell.
        num_frames: Number of frames.
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        cell_px: Side of a cell of the finest grid.
        num_levels: Number of grids; each halves the resolution of the one before.
    """

    def __init__(
        self, channels: int, num_frames: int, height: int, width: int, cell_px: int = 4, num_levels: int = 4
    ) -> None:
        super().__init__()
        cells_px = [cell_px * 2**level for level in range(num_levels)]
        shapes = [(math.ceil(height / cell), math.ceil(width / cell)) for cell in cells_px]
        self.grids = nn.ParameterList([nn.Parameter(torch.zeros(num_frames, channels, *shape)) for shape in shapes])
        self._images = ParameterMemo(self, partial(sum_levels, self.grids))

    def images(self) -> Float[Tensor, "frames channels rows columns"]:
        """The sum of all levels at the finest resolution."""
        return self._images()

    @torch.no_grad()
    def start_from(self, images: Float[Tensor, "frames height width channels"]) -> None:
        """Sets the finest grids to the mean of pictures over each cell, and all others to zero."""
        for grid in self.grids:
            grid.zero_()
        finest = self.grids[0]
        finest.copy_(F.interpolate(images.permute(0, 3, 1, 2), finest.shape[-2:], mode="area"))

    def total_variation(self) -> Float[Tensor, ""]:
        """Mean absolute difference of neighbouring cells of a frame, down plus across."""
        return total_variation(self.images())
