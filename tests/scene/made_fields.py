"""Fields, deformations and opacities in closed form, for tests."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.scene.plane_field import Deformation, Opacity, PlaneField


class Gradient(PlaneField):
    """Log radiance (u, v, t) + level."""

    def __init__(self, level: float = 0.0) -> None:
        super().__init__()
        self.level = level

    def log_radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Tensor:
        return torch.cat([uv, times], -1) + self.level


class Level(PlaneField):
    """The same light everywhere; natural log radiance."""

    def __init__(self, log_radiance: float) -> None:
        super().__init__()
        self.level = log_radiance

    def log_radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Tensor:
        return torch.zeros(*uv.shape[:-1], 3) + self.level


class Pan(Deformation):
    """What is seen moves to the left by the picture's width from the first moment to the last."""

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Tensor:
        return uv + torch.cat([times, torch.zeros_like(times)], -1)


class OpaqueOnTheRight(Opacity):
    """Covers the right half of the picture."""

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Tensor:
        return (uv[..., :1] > 0.5).float()
