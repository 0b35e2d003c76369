"""The published blur generator: a network that gives each pixel its own small kernel."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.depth_maps import DepthMaps
from neucam_nerfstudio.camera.blur.taps import Taps
from neucam_nerfstudio.published.coordinates import PublishedCoordinates
from neucam_nerfstudio.published.networks import ReluMlp


def neighbourhood_px(num_taps: int) -> Float[Tensor, "taps 2"]:
    """Steps (right, down) in pixels from a pixel to its square neighbourhood, row by row, itself in the middle."""
    reach = math.isqrt(num_taps) // 2
    steps = torch.arange(-reach, reach + 1, dtype=torch.float32)
    down, right = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([right, down], -1).reshape(num_taps, 2)


class NeuralKernelBlur(BlurGenerator):
    """MLP from (focus position, y, x) to tap weights and tap offsets (NeuCam, Huang et al. 2023).

    Each tap sits at its place in the pixel's square neighbourhood plus its own offset; the middle tap stays on the
    pixel. The published method mixes the taps' log radiance.

    Args:
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        num_taps: Taps of a kernel: 3 x 3 or 5 x 5.
        max_offset_px: How far a tap can leave its place, along each axis.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers.
        depth: Given depth, which the network is told instead of (y, x).
    """

    neighbourhood: Float[Tensor, "taps 2"]
    may_move: Float[Tensor, "taps 1"]

    def __init__(
        self,
        height: int,
        width: int,
        num_taps: Literal[9, 25] = 9,
        max_offset_px: float = 5.0,
        layer_width: int = 64,
        num_layers: int = 4,
        depth: DepthMaps | None = None,
    ) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.max_offset_px = max_offset_px
        self.depth = depth
        self.network = ReluMlp(3 if depth is None else 2, 3 * num_taps, layer_width, num_layers)
        neighbourhood = neighbourhood_px(num_taps)
        self.register_buffer("neighbourhood", neighbourhood, persistent=False)
        self.register_buffer("may_move", neighbourhood.any(-1, keepdim=True).float(), persistent=False)
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def forward(
        self,
        uv: Float[Tensor, "rays 2"],
        times: Float[Tensor, "rays 1"],
        focus_position: Float[Tensor, "rays 1"],
        aperture: float,
    ) -> Taps:
        """Taps of pixels at `uv` ([0, 1]); `aperture` (0 none, 1 as captured) scales their distance. They depend on
        `times` by the given depth alone."""
        place = self.coordinates.yx_from_uv(uv) if self.depth is None else self.depth(uv, times)
        kernel = self.network(torch.cat([focus_position, place], -1))
        weight_logits, offset_down, offset_right = kernel.chunk(3, -1)
        free_offset_px = self.max_offset_px * torch.tanh(torch.stack([offset_right, offset_down], -1))
        offset_px = self.neighbourhood + self.may_move * free_offset_px
        return Taps(
            uv=uv[..., None, :] + aperture * offset_px / self.picture_size_px, weights=torch.softmax(weight_logits, -1)
        )

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Distance of the farthest place that a tap can reach."""
        reach = self.neighbourhood.amax() + self.max_offset_px
        return math.sqrt(2) * reach
