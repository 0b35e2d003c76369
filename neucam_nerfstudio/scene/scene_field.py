"""What every scene field is: sharp, high-dynamic-range radiance at a place of the picture and a time."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import Parameter


class SceneField(nn.Module, ABC):
    """Maps (u, v) in [0, 1] (u right, v down) and a time in [0, 1] to radiance.

    Subclasses define at least the logarithm.
    """

    @abstractmethod
    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance."""

    def radiance(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Linear radiance, > 0."""
        return torch.exp(self.log_radiance(uv, times))

    def parameter_groups(self) -> dict[str, list[Parameter]]:
        """What is learned of the scene, by the name of the optimizer that learns it."""
        return {"scene": list(self.parameters())}


class MovingField(SceneField):
    """A scene in which things move, and which knows how far."""

    @abstractmethod
    def motion_uv(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"], since: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 2"]:
        """How far what is seen at (u, v) has moved since another time, both in [0, 1]: (right, down) as (u, v)."""
