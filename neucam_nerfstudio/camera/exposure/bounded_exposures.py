"""The published exposures: learned freely, but within three stops of the reference."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.exposure.exposure_table import ExposureTable

MAX_STOPS = 3.0
"""Learned exposures stay within this many stops to either side of 0."""


class BoundedExposures(ExposureTable):
    """Stops = 3 tanh(e), every e learned from 0 (NeuCam, Huang et al. 2023).

    Args:
        num_settings: Number of exposure settings of the capture.
    """

    def __init__(self, num_settings: int) -> None:
        super().__init__()
        self.unbounded = nn.Parameter(torch.zeros(num_settings))

    @property
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops, in (-3, 3); +1 doubles the light."""
        return MAX_STOPS * torch.tanh(self.unbounded)
