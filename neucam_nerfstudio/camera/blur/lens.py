"""Our blur generator: a thin lens. Every pixel has a defocus; its distance from the focus position is its blur."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.taps import Taps
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.grids.plane_pyramid import PlanePyramid

TRAIN_TAPS = 12
"""Taps of a training ray; they are turned at random, so that the mean over steps covers the whole disc."""

RENDER_TAPS = 64
"""Taps of a rendered ray; they stand still, so that pictures have no grain."""

START_RADIUS_PX = 3.0
"""Blur radius of one unit of defocus before anything is known of the lens."""


def disc_taps(num_taps: int) -> Float[Tensor, "taps 2"]:
    """Points spread evenly over the unit disc, from its centre outwards (Vogel 1979, golden-angle spiral)."""
    order = torch.arange(num_taps, dtype=torch.float32)
    radius = torch.sqrt((order + 0.5) / num_taps)
    angle = order * math.pi * (3 - math.sqrt(5))
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)


def turned(points: Float[Tensor, "taps 2"], angle: Float[Tensor, "rays 1"]) -> Float[Tensor, "rays taps 2"]:
    """Points turned about the origin by one angle a ray, in radians."""
    x, y = points.unbind(-1)
    return torch.stack([x * angle.cos() - y * angle.sin(), x * angle.sin() + y * angle.cos()], -1)


class LensBlur(BlurGenerator):
    """Disc of radius = aperture * radius_px * |defocus(u, v) - focus position|, as a thin lens spreads a point.

    `defocus` is one map for all frames, on the scale of the focus positions: a pixel is sharp where the two are equal.
    A learned residual weighs the disc from its centre to its rim, apart for points in front of and behind the focus, as
    spherical aberration and vignetting do.

    Args:
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        most_learned_cells: Of the defocus map; None for a cell a pixel.
    """

    train_disc: Float[Tensor, "taps 2"]
    render_disc: Float[Tensor, "taps 2"]

    def __init__(self, height: int, width: int, most_learned_cells: int | None = None) -> None:
        super().__init__()
        self.defocus = PlanePyramid(1, height, width, most_learned_cells=most_learned_cells)
        self._defocus_range = ParameterMemo(self.defocus, self._find_defocus_range)
        self.log_radius_px = nn.Parameter(torch.tensor(math.log(START_RADIUS_PX)))
        self.rim_log_weight = nn.Parameter(torch.zeros(2))
        self.register_buffer("train_disc", disc_taps(TRAIN_TAPS), persistent=False)
        self.register_buffer("render_disc", disc_taps(RENDER_TAPS), persistent=False)
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def signed_radius_px(
        self, uv: Float[Tensor, "rays 2"], focus_position: Float[Tensor, "rays 1"]
    ) -> Float[Tensor, "rays 1"]:
        """Blur radius in pixels at the captured aperture; its sign tells which side of the focus a pixel lies on."""
        return self.log_radius_px.exp() * (self.defocus.sample(uv) - focus_position)

    def forward(
        self,
        uv: Float[Tensor, "rays 2"],
        times: Float[Tensor, "rays 1"],
        focus_position: Float[Tensor, "rays 1"],
        aperture: float,
    ) -> Taps:
        """Taps of pixels at `uv` ([0, 1]) for a focus position and an aperture (0 none, 1 as captured), at any time."""
        signed_radius_px = self.signed_radius_px(uv, focus_position)
        disc = self.train_disc if self.training else self.render_disc
        angle = 2 * math.pi * torch.rand_like(signed_radius_px) if self.training else torch.zeros_like(signed_radius_px)
        offset_px = aperture * signed_radius_px.abs()[..., None] * turned(disc, angle)
        return Taps(uv[:, None] + offset_px / self.picture_size_px, self._weights(signed_radius_px, disc))

    def _weights(
        self, signed_radius_px: Float[Tensor, "rays 1"], disc: Float[Tensor, "taps 2"]
    ) -> Float[Tensor, "rays taps"]:
        """Share of each tap: even, but for the residual, which grows from the centre (0) to the rim."""
        sides = F.softmax(self.rim_log_weight[:, None] * disc.square().sum(-1), -1)
        behind = torch.sigmoid(4 * signed_radius_px)
        return behind * sides[0] + (1 - behind) * sides[1]

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Largest blur radius at the captured aperture when focused on the nearest or farthest thing seen."""
        with torch.no_grad():
            return self.log_radius_px.exp() * self._defocus_range()

    def _find_defocus_range(self) -> Float[Tensor, ""]:
        defocus = self.defocus.image()
        return defocus.amax() - defocus.amin()
