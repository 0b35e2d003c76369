"""What every exposure table is: the stops of each exposure setting of a capture."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float, Int
from torch import Tensor, nn


class ExposureTable(nn.Module, ABC):
    """Holds one value per exposure *setting*: all frames taken with a setting share it."""

    @property
    @abstractmethod
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops; +1 doubles the light."""

    def forward(self, exposure_index: Int[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
        """Exposure in stops of the settings with these indices."""
        return self.stops[exposure_index]
