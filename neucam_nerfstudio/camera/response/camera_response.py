"""What every camera response is: log exposure -> pixel value, one curve a colour channel."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor, nn


class CameraResponse(nn.Module, ABC):
    """Develops light into pixel values."""

    @abstractmethod
    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] for log exposure = ln radiance + ln 2 * exposure_stops."""
