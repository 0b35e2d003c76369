"""Grids of learned values, of a picture or of every frame, that optimise coarse to fine; and how they are looked up."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import partial
from itertools import count
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.grids.grid_sampling import sample_grid
from neucam_nerfstudio.grids.memo import ParameterMemo


def check_learned_cells(part: str, most_learned_cells: int) -> None:
    """Checks an option of a part.

    Raises:
        NeucamError: There is no cell to learn.
    """
    if most_learned_cells < 1:
        raise NeucamError(
            f"--pipeline.model.{part}.most-learned-cells {most_learned_cells}: expected at least 1: it is the number of"
            " cells of the finest grid that is learned."
        )


def sample_plane(
    image: Float[Tensor, "1 channels height width"], uv: Float[Tensor, "*batch 2"]
) -> Float[Tensor, "*batch channels"]:
    """Bilinear values of an image at places (u, v); the border's beyond the border.

    Args:
        image: Values at cell centres, which lie at (i + 0.5) / size.
        uv: Places, [0, 1] inside the image.
    """
    return sample_grid(image.squeeze(0), 2 * uv.reshape(-1, 2) - 1).reshape(*uv.shape[:-1], image.shape[1])


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


def sum_levels(grids: Iterable[Float[Tensor, "images channels _ _"]]) -> Float[Tensor, "images channels height width"]:
    """Sum of grids, the finest first, at the finest resolution."""
    *finer, images = grids
    for grid in reversed(finer):
        images = grid + F.interpolate(images, grid.shape[-2:], mode="bilinear", align_corners=False)
    return images


class GridPyramid(nn.Module):
    """The sum of learned grids, each with half the resolution of the one before.

    A step on a coarse grid moves a whole neighbourhood, so large structures settle before fine ones.

    Args:
        channels: Values a cell.
        num_images: Number of pictures that have a grid each.
        height: Height of the pictures in pixels.
        width: Width of the pictures in pixels.
        cell_px: Side of a cell of the finest grid.
        num_levels: Number of grids.
    """

    def __init__(
        self, channels: int, num_images: int, height: int, width: int, cell_px: int = 4, num_levels: int = 4
    ) -> None:
        super().__init__()
        shapes = [_num_cells(height, width, cell_px * 2**level) for level in range(num_levels)]
        self.grids = nn.ParameterList([nn.Parameter(torch.zeros(num_images, channels, *shape)) for shape in shapes])
        self._learned = ParameterMemo(self, partial(sum_levels, self.grids))

    def learned(self) -> Float[Tensor, "images channels _ _"]:
        """The sum of all levels at the finest one's resolution."""
        return self._learned()

    def total_variation(self) -> Float[Tensor, ""]:
        """Mean absolute difference of neighbouring cells of what is learned, down plus across."""
        return _TotalVariation.apply(self.learned())


class FramePyramid(GridPyramid):
    """A coarse grid for each frame of a capture that moves."""

    @torch.no_grad()
    def start_from(self, images: Float[Tensor, "frames height width channels"]) -> None:
        """Sets the finest grids to the mean of pictures over each cell, and all others to zero."""
        for grid in self.grids:
            grid.zero_()
        finest = self.grids[0]
        finest.copy_(F.interpolate(images.permute(0, 3, 1, 2), finest.shape[-2:], mode="area"))


class PlanePyramid(GridPyramid):
    """A grid of the picture's size.

    The finest grids of a large picture would have more cells than the rays of a training can tell: it keeps the
    `detail` it was started with, and learns on coarser grids what to add to it.

    Args:
        channels: Values a cell.
        height: Cells from top to bottom: the picture's pixels.
        width: Cells from left to right.
        num_levels: Number of learned grids.
        most_learned_cells: Of the finest learned grid; None learns the picture's own.
    """

    def __init__(
        self, channels: int, height: int, width: int, num_levels: int = 5, most_learned_cells: int | None = None
    ) -> None:
        most_cells = height * width if most_learned_cells is None else most_learned_cells
        cell_px = next(2**level for level in count() if math.prod(_num_cells(height, width, 2**level)) <= most_cells)
        super().__init__(channels, 1, height, width, cell_px, num_levels)
        self.detail = None
        if cell_px > 1:
            self.detail = nn.Parameter(torch.zeros(1, channels, height, width), requires_grad=False)
        self.register_load_state_dict_pre_hook(_check_picture_size)

    def finest(self) -> Float[Tensor, "1 channels height width"]:
        """The part of the picture that has its resolution: the detail, or all that is learned."""
        return self.learned() if self.detail is None else self.detail

    def image(self) -> Float[Tensor, "1 channels height width"]:
        """The whole picture at its own resolution."""
        return self.learned() if self.detail is None else sum_levels([self.detail, self.learned()])

    def sample(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch channels"]:
        """Bilinear values of the picture at places (u, v), [0, 1]."""
        values = sample_plane(self.finest(), uv)
        return values if self.detail is None else values + sample_plane(self.learned(), uv)

    @property
    def _finest_grid(self) -> nn.Parameter:
        """The grid of the picture's own resolution."""
        return self.grids[0] if self.detail is None else self.detail

    @torch.no_grad()
    def start_from(self, image: Float[Tensor, "height width channels"]) -> None:
        """Sets the picture; what is learned starts from it."""
        for grid in self.grids:
            grid.zero_()
        self._finest_grid.copy_(image.permute(2, 0, 1)[None])

    @torch.no_grad()
    def change_to(self, image: Float[Tensor, "height width channels"]) -> None:
        """Changes the picture in its finest part alone: where it already is as told, nothing changes."""
        self._finest_grid.add_(image.permute(2, 0, 1)[None] - self.image())


class _TotalVariation(torch.autograd.Function):
    """Mean absolute difference of neighbouring cells, with a gradient at a third of the cost of autograd's."""

    @staticmethod
    def forward(ctx: Any, images: Float[Tensor, "images channels height width"]) -> Float[Tensor, ""]:
        down, across = images.diff(dim=-2), images.diff(dim=-1)
        ctx.save_for_backward(down.sign(), across.sign())
        return down.abs_().mean() + across.abs_().mean()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Float[Tensor, ""]) -> Float[Tensor, "images channels height width"]:  # pyright: ignore
        down, across = (signs * (slope / signs.numel()) for signs in ctx.saved_tensors)
        gradient = F.pad(down, (0, 0, 1, 0))
        gradient[..., :-1, :] -= down
        gradient[..., 1:] += across
        gradient[..., :-1] -= across
        return gradient


def _num_cells(height: int, width: int, cell_px: int) -> tuple[int, int]:
    """Rows and columns of cells that cover a picture."""
    return math.ceil(height / cell_px), math.ceil(width / cell_px)


def _check_picture_size(pyramid: PlanePyramid, saved: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Refuses saved grids of another size in words; loading would list every mismatched tensor."""
    finest = saved.get(f"{prefix}detail", saved.get(f"{prefix}grids.0"))
    expected = pyramid._finest_grid
    if finest is None or finest.shape[-2:] == expected.shape[-2:]:
        return
    (saved_height, saved_width), (height, width) = finest.shape[-2:], expected.shape[-2:]
    raise NeucamError(
        f"The run was trained on photographs of {saved_width}x{saved_height} pixels, these have {width}x{height}. Give"
        " them at that size (the downscale factor of the training, if it had one), or train at this one."
    )
