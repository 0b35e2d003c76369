"""The published camera response: a small network for each colour channel."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.response.camera_response import CameraResponse


class NeuralCurveResponse(CameraResponse):
    """Three MLPs 1 - width - 1 with ReLU, through tanh (NeuCam, Huang et al. 2023).

    Nothing in it makes the curves rise: the published method starts them from a rising one (`published.warm_up`) and
    punishes a falling slope (`published.losses.falling_response`).

    Args:
        layer_width: Size of the hidden layer.
    """

    def __init__(self, layer_width: int = 128) -> None:
        super().__init__()
        self.channels = nn.ModuleList(
            nn.Sequential(nn.Linear(1, layer_width), nn.ReLU(), nn.Linear(layer_width, 1)) for _ in range(3)
        )

    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1], red, green, blue, for log exposure = ln radiance + ln 2 * exposure_stops."""
        channels = zip(self.channels, log_exposure.split(1, -1), strict=True)
        signed_ldr = torch.tanh(torch.cat([curve(channel) for curve, channel in channels], -1))
        return (signed_ldr + 1) / 2
