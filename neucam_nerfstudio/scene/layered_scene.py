"""Scenes of two layers: a foreground that partly covers a background."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.scene.scene_field import SceneField


class Opacity(nn.Module, ABC):
    """How much of the background the foreground covers."""

    @abstractmethod
    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity of the foreground at (u, v) in [0, 1] and a time in [0, 1]: 0 shows the background, 1 hides it."""


class Layers(NamedTuple):
    """What the layers hold at some places.

    Attributes:
        background: Natural log radiance of the background.
        foreground: Natural log radiance of the foreground.
        opacity: How much the foreground covers, [0, 1].
    """

    background: Float[Tensor, "*batch 3"]
    foreground: Float[Tensor, "*batch 3"]
    opacity: Float[Tensor, "*batch 1"]

    def mix_logs(self) -> Float[Tensor, "*batch 3"]:
        """Natural log radiance of both: their logarithms mixed by opacity, as the published model does."""
        return (1 - self.opacity) * self.background + self.opacity * self.foreground


class LayeredScene(SceneField):
    """A foreground in front of a background (NeuCam's `split_layer`, Huang et al. 2023).

    Args:
        background: The scene behind, with its own deformation if it moves.
        foreground: The scene in front, likewise.
        opacity: Where the foreground covers the background.
    """

    def __init__(self, background: SceneField, foreground: SceneField, opacity: Opacity) -> None:
        super().__init__()
        self.background = background
        self.foreground = foreground
        self.opacity = opacity

    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        """Both layers and the opacity at (u, v) in [0, 1] and a time in [0, 1]."""
        return Layers(
            background=self.background.log_radiance(uv, times),
            foreground=self.foreground.log_radiance(uv, times),
            opacity=self.opacity(uv, times),
        )

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance of both layers together."""
        return self.layers(uv, times).mix_logs()
