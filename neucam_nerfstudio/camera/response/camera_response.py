"""What every camera response is: log exposure -> pixel value, one curve a colour channel."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn

LN2 = math.log(2.0)
"""One stop in natural-log units."""


class CameraResponse(nn.Module, ABC):
    """Develops light into pixel values."""

    @abstractmethod
    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] for log exposure = ln radiance + ln 2 * exposure_stops."""


@contextmanager
def fitting(response: CameraResponse) -> Iterator[None]:
    """Within it the response can be fitted, also one that training is not to move, or where gradients are off."""
    learned = [parameter.requires_grad for parameter in response.parameters()]
    response.requires_grad_(True)
    try:
        with torch.enable_grad():
            yield
    finally:
        for parameter, is_learned in zip(response.parameters(), learned, strict=True):
            parameter.requires_grad_(is_learned)
