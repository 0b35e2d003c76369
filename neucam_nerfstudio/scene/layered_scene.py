"""Scenes of two layers: a foreground that partly covers a background."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from neucam_nerfstudio.scene.scene_field import MovingField, SceneField


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


class LayeredField(SceneField):
    """A scene whose layers can be seen apart.

    Attributes:
        background: The scene behind.
        foreground: The scene in front.
    """

    background: SceneField
    foreground: SceneField

    @abstractmethod
    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        """Both layers and the opacity at (u, v) in [0, 1] and a time in [0, 1]."""


class LayeredScene(LayeredField, MovingField):
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

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """Motion of both layers since another time, mixed by opacity; a layer that cannot move stands still."""
        behind, in_front = (
            layer.motion_uv(uv, times, since) if isinstance(layer, MovingField) else torch.zeros_like(uv)
            for layer in (self.background, self.foreground)
        )
        return torch.lerp(behind, in_front, self.opacity(uv, times))


class WatchedLayers(SceneField):
    """A layered scene for training: keeps what it was last asked for, so that losses on its layers need not ask again.

    For many places it forgets what backpropagation needs and computes it anew, a part of the places at a time.

    Args:
        scene: The scene to watch.
        max_places: More places than this are computed in parts of this many.

    Attributes:
        seen: Layers at the places last asked for.
    """

    seen: Layers

    def __init__(self, scene: LayeredScene, max_places: int = 1 << 15) -> None:
        super().__init__()
        self.scene = scene
        self.max_places = max_places

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance of both layers together."""
        self.seen = self._in_parts(uv, times) if times.numel() > self.max_places else self.scene.layers(uv, times)
        return self.seen.mix_logs()

    def _in_parts(self, uv: Float[Tensor, "rays *taps 2"], times: Float[Tensor, "rays *taps 1"]) -> Layers:
        rays_at_once = max(1, self.max_places * len(times) // times.numel())
        parts = [
            checkpoint(self.scene.layers, *part, use_reentrant=False, preserve_rng_state=False)
            for part in zip(uv.split(rays_at_once), times.split(rays_at_once), strict=True)
        ]
        return Layers(*(torch.cat(values) for values in zip(*parts, strict=True)))
