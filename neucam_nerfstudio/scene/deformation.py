"""Scenes that move: where a pixel of a frame is in the one canonical picture that all frames share."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.scene.scene_field import MovingField, SceneField


class Deformation(nn.Module, ABC):
    """Maps a place in a frame to its place in the canonical picture."""

    @abstractmethod
    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time, all in [0, 1]; canonical places may lie outside the picture."""


class DeformedScene(MovingField):
    """A canonical picture, seen through a deformation.

    Args:
        canonical: The picture.
        deformation: Where each frame's pixels are in it.
    """

    def __init__(self, canonical: SceneField, deformation: Deformation) -> None:
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
