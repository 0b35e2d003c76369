"""Fields on the image plane: sharp, high-dynamic-range radiance at a place of the picture and a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn


class PlaneField(nn.Module, ABC):
    """Maps (u, v) in [0, 1] (u right, v down) and a time in [0, 1] to radiance.

    A field is either light or its logarithm: subclasses define one of the two, and may define both.

    Attributes:
        moves: Whether things move in it, and it knows how far.
    """

    moves: bool = False

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance."""
        return torch.log(self.radiance(uv, times))

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance, > 0."""
        return torch.exp(self.log_radiance(uv, times))

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """How far what is seen at (u, v) has moved since another time, both in [0, 1]: (right, down) as (u, v). Where
        nothing moves that is nowhere."""
        return torch.zeros_like(uv)

    def extra_outputs(self) -> dict[str, Callable[[tuple, Callable[[Tensor], Tensor]], Tensor]]:
        """What the field shows beside its radiance, by name: from places (uv, times) and a tone mapping to [0, 1]."""
        return {}


class Deformation(nn.Module, ABC):
    """Maps a place in a frame to its place in the canonical picture."""

    @abstractmethod
    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time, all in [0, 1]; canonical places may lie outside the picture."""


class DeformedField(PlaneField):
    """A canonical picture, seen through a deformation.

    Args:
        canonical: The picture.
        deformation: Where each frame's pixels are in it.
    """

    moves = True

    def __init__(self, canonical: PlaneField, deformation: Deformation) -> None:
        super().__init__()
        self.canonical = canonical
        self.deformation = deformation

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance at (u, v) of the frame at this time."""
        return self.canonical.log_radiance(self.deformation(uv, times), times)

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance at (u, v) of the frame at this time."""
        return self.canonical.radiance(self.deformation(uv, times), times)

    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """Motion since another time, in the canonical picture's own scale."""
        return self.deformation(uv, since) - self.deformation(uv, times)


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


class LayeredField(PlaneField):
    """A scene whose layers can be seen apart.

    Attributes:
        background: The scene behind.
        foreground: The scene in front.
    """

    background: PlaneField
    foreground: PlaneField

    @abstractmethod
    def layers(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Layers:
        """Both layers and the opacity at (u, v) in [0, 1] and a time in [0, 1]."""

    def extra_outputs(self) -> dict[str, Callable[[tuple, Callable[[Tensor], Tensor]], Tensor]]:
        """`opacity`: how much the foreground covers; `background`, `foreground`: each layer alone, tone mapped."""
        return {
            "opacity": lambda places, tonemap: self.layers(*places).opacity,
            "background": lambda places, tonemap: tonemap(self.layers(*places).background.exp()),
            "foreground": lambda places, tonemap: tonemap(self.layers(*places).foreground.exp()),
        }
