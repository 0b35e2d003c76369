"""Fields, deformations and opacities in closed form, for tests."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.scene.plane_field import Deformation, LayeredField, Layers, Opacity, PlaneField


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


class TwoLayers(LayeredField):
    """A still background, and a foreground that moves where it covers it; logarithms mixed by opacity."""

    moves = True

    def __init__(self, background: PlaneField, foreground: PlaneField, opacity: Opacity) -> None:
        super().__init__()
        self.background, self.foreground, self.opacity = background, foreground, opacity

    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        layers = (layer.log_radiance(uv, times) for layer in (self.background, self.foreground))
        return Layers(*layers, self.opacity(uv, times))

    def log_radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Tensor:
        return self.layers(uv, times).mix_logs()

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Tensor:
        return self.opacity(uv, times) * self.foreground.motion_uv(uv, times, since)
