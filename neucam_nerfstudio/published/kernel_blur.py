"""The published blur generator: a network that gives each pixel its own small kernel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import (
    BlurConfig,
    BlurGenerator,
    Taps,
    mix_log_light,
    planar_radius_px,
)
from neucam_nerfstudio.camera.blur.lens import APERTURE_DIAL
from neucam_nerfstudio.camera.settings import CameraSettings, of_rays
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Dial, Kind
from neucam_nerfstudio.published.networks import (
    PublishedCoordinates,
    ReluMlp,
)
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces


@dataclass
class NeuralKernelConfig(BlurConfig):
    """The published blur generator, by default as released."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: NeuralKernelBlur)
    """The blur generator."""
    kind: Kind = "neural-kernel"
    """Blur: lens, motion (ours), neural-kernel (published), none, or module:Class for a BlurConfig of your own."""
    num_taps: Literal[9, 25] = 9
    """Taps of a kernel: 3 x 3 or 5 x 5."""
    max_offset_px: float = 5.0
    """How far a tap can leave its place, along each axis."""
    layer_width: int = 64
    """Size of the kernel network's hidden layers."""
    num_layers: int = 4
    """Linear layers of the kernel network."""
    by_depth: bool = True
    """Where the capture has a depth/ folder, tell the network the depth instead of the place."""


class NeuralKernelBlur(BlurGenerator[PlanePlaces]):
    """MLP from (focus position, y, x) to tap weights and tap offsets (NeuCam, Huang et al. 2023).

    Each tap sits at its place in the pixel's square neighbourhood plus its own offset; the middle tap stays on the
    pixel. The published method mixes the taps' log radiance.
    """

    picture_size_px: Float[Tensor, " 2"]
    neighbourhood: Float[Tensor, "taps 2"]
    may_move: Float[Tensor, "taps 1"]

    def __init__(self, config: NeuralKernelConfig, capture: Capture, scene: PlanarScene | None = None) -> None:
        super().__init__()
        height, width = capture.height, capture.width
        self.coordinates = PublishedCoordinates(height, width)
        self.max_offset_px = config.max_offset_px
        self.depth = None
        if config.by_depth and (depth := capture.side_maps.depth) is not None:
            self.notes = ("The capture has depth maps: blur goes by depth instead of place.",)
            self.depth = DepthMaps(depth, [capture.times[index] for index in capture.train_indices])
        self.network = ReluMlp(
            3 if self.depth is None else 2, 3 * config.num_taps, config.layer_width, config.num_layers
        )
        reach = math.isqrt(config.num_taps) // 2
        steps_px = torch.arange(-reach, reach + 1, dtype=torch.float32)
        neighbourhood = torch.cartesian_prod(steps_px, steps_px).flip(-1)  # (right, down), row by row
        self.register_buffer("neighbourhood", neighbourhood, persistent=False)
        self.register_buffer("may_move", neighbourhood.any(-1, keepdim=True).float(), persistent=False)
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def forward(self, places: PlanePlaces, settings: CameraSettings) -> Taps[PlanePlaces]:
        """Taps of pixels; they depend on the time by the given depth alone. The aperture scales their distance."""
        uv, times = places
        place = self.coordinates.yx_from_uv(uv) if self.depth is None else self.depth(uv, times)
        kernel = self.network(torch.cat([of_rays(settings.focus_position), place], -1))
        weight_logits, offset_down, offset_right = kernel.chunk(3, -1)
        free_offset_px = self.max_offset_px * torch.tanh(torch.stack([offset_right, offset_down], -1))
        offset_px = self.neighbourhood + self.may_move * free_offset_px
        taps = PlanePlaces(
            uv[..., None, :] + settings.aperture * offset_px / self.picture_size_px,
            times[:, None].expand(-1, len(self.neighbourhood), -1),
        )
        return Taps(taps, torch.softmax(weight_logits, -1))

    def gather(self, scene: PlanarScene, taps: Taps[PlanePlaces]) -> Float[Tensor, "rays 3"]:
        """Linear radiance of the mean logarithm, as published; a lens would sum light."""
        return mix_log_light(scene.log_radiance(taps.places), taps.weights).exp()

    def radius_px(self, places: PlanePlaces, taps: Taps[PlanePlaces]) -> Float[Tensor, "rays 1"]:
        """Radius in pixels of the even disc that spreads light as far as these taps do."""
        return planar_radius_px(places.uv, taps, self.picture_size_px)

    def dials(self) -> tuple[Dial, ...]:
        """The aperture."""
        return (APERTURE_DIAL,)

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Distance of the farthest place that a tap can reach."""
        return math.sqrt(2) * (self.neighbourhood.amax() + self.max_offset_px)


class DepthMaps(nn.Module):
    """Depth at a place of the frame nearest in time; between pixels it is interpolated. Nothing of it is learned.

    Args:
        depth: Of each frame, [0, 1].
        times: Of each frame, [0, 1], rising; a single time for all stands for a still scene, whose depth is the mean.
    """

    depth: Float[Tensor, "1 1 frames height width"]
    boundaries: Float[Tensor, " boundaries"]

    def __init__(self, depth: Float[np.ndarray, "frames height width"], times: Sequence[float]) -> None:
        super().__init__()
        maps, moments = torch.from_numpy(depth).float(), torch.tensor(times, dtype=torch.float32)
        if len(moments.unique()) == 1:
            maps, moments = maps.mean(0, keepdim=True), moments[:1]
        self.register_buffer("depth", maps[None, None], persistent=False)
        self.register_buffer("boundaries", (moments[1:] + moments[:-1]) / 2, persistent=False)

    def forward(self, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"]) -> Float[Tensor, "rays 1"]:
        """Depth at (u, v) and times in [0, 1]; beyond the picture's border the border's."""
        frame = torch.bucketize(times, self.boundaries) + 0.5
        places = 2 * torch.cat([uv, frame / self.depth.shape[2]], -1) - 1
        values = F.grid_sample(self.depth, places.view(1, 1, 1, -1, 3), padding_mode="border", align_corners=False)
        return values.view(-1, 1)
