"""Responses that are known but for where white is: of standards, and of linear photographs."""

from __future__ import annotations

from abc import abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.camera_response import CameraResponse


class FixedResponse(CameraResponse):
    """A known curve from the light, relative to white, to the pixel value. Learns nothing."""

    log_white: Float[Tensor, ""]

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("log_white", torch.zeros(()))

    @abstractmethod
    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] of linear light, clipped at white, which is 1."""

    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1] for log exposure = ln radiance + ln 2 * exposure_stops; `log_white` is white."""
        return self.encode(torch.exp(log_exposure - self.log_white))

    def set_white(self, log_exposure: float) -> None:
        """Moves white to a log exposure: the scale of radiance is free."""
        self.log_white.fill_(log_exposure)
