"""Our field: a grid of log radiance, one cell a pixel, that costs a gather and not a network."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.grids.plane_pyramid import PlanePyramid, sample_plane
from neucam_nerfstudio.grids.start_prior import StartPrior
from neucam_nerfstudio.scene.plane_field import PlaneField

MIN_LOG_RADIANCE, MAX_LOG_RADIANCE = -14.0, 11.0
"""Range kept of log radiance: 36 stops, beyond any photograph's, and finite in 32-bit arithmetic."""

MARGIN_SHARE = 8
"""A side is this many times as long as the margin beyond it."""


class GridField(PlaneField):
    """Log radiance on a coarse-to-fine grid of the photographs' size; between cells *light* is interpolated.

    The same at all times. Detail finer than what is learned of a large picture is multiplied by what is learned.

    Args:
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        most_learned_cells: Of the finest grid that is learned; None for a cell a pixel.
    """

    def __init__(self, height: int, width: int, most_learned_cells: int | None = None) -> None:
        super().__init__()
        self.pyramid = PlanePyramid(3, height, width, most_learned_cells=most_learned_cells)
        self.start_prior = StartPrior(3, *self.pyramid.grids[0].shape[-2:])
        # What is learned on coarser grids leaves the light of the detail as it is.
        finest = self.pyramid.grids if self.pyramid.detail is None else nn.ParameterList([self.pyramid.detail])
        self._finest_radiance = ParameterMemo(finest, self._bounded_finest)

    def _bounded_finest(self) -> Float[Tensor, "1 3 height width"]:
        return bounded_exp(self.pyramid.finest())

    def start_from(
        self, log_radiance: Float[Tensor, "height width 3"], squared_slope: Float[Tensor, "height width"]
    ) -> None:
        """Sets the picture, which is then held to it by `start_prior`.

        Args:
            log_radiance: Natural log radiance.
            squared_slope: How strongly a photograph tells it: squared change of pixel value a unit of log radiance.
        """
        self.pyramid.start_from(log_radiance)
        self.start_prior.hold(self.pyramid.learned(), squared_slope)

    @torch.no_grad()
    def picture(self) -> Float[Tensor, "height width 3"]:
        """Linear radiance of all cells."""
        return bounded_exp(self.pyramid.image())[0].permute(1, 2, 0)

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance at (u, v) in [0, 1]; beyond, that of the border. `times` is not looked at.

        Light from beyond the picture, which a blurred photograph has mixed in, teaches the border nothing: that would
        have to stand for all that lies there, and become a bright or dark rim.
        """
        radiance = sample_plane(self._finest_radiance(), uv)
        if self.pyramid.detail is not None:
            learned = bounded_exp(sample_plane(self.pyramid.learned(), uv))
            radiance = (radiance * learned).clamp(math.exp(MIN_LOG_RADIANCE), math.exp(MAX_LOG_RADIANCE))
        if radiance.requires_grad:
            is_inside = ((uv >= 0) & (uv <= 1)).all(-1, keepdim=True)
            radiance = torch.where(is_inside, radiance, radiance.detach())
        return radiance


class CanvasField(GridField):
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


def margin_px(height: int, width: int) -> tuple[int, int]:
    """Rows above and below, and columns to the left and right, of the picture of a frame."""
    return height // MARGIN_SHARE, width // MARGIN_SHARE


def bounded_exp(log_radiance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Light of a logarithm, which is kept to a finite range."""
    return log_radiance.clamp(MIN_LOG_RADIANCE, MAX_LOG_RADIANCE).exp()
