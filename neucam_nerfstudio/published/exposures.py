"""The published exposures: learned freely, but within three stops of the reference."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig, ExposureTable
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Kind

MAX_STOPS = 3.0
"""Learned exposures stay within this many stops to either side of 0."""


@dataclass
class BoundedExposuresConfig(ExposureConfig):
    """The published exposures."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: BoundedExposures)
    """The exposure table."""
    kind: Kind = "bounded"
    """Exposures: settings (ours: as the capture gives them), bounded (published: learned from 0 within 3 stops), or
    module:Class."""


class BoundedExposures(ExposureTable):
    """Stops = 3 tanh(e), every e learned from 0 (NeuCam, Huang et al. 2023)."""

    follows_capture = False

    def __init__(self, config: BoundedExposuresConfig, capture: Capture) -> None:
        super().__init__()
        self.unbounded = nn.Parameter(torch.zeros(len(capture.exposures.stops)))

    @property
    def stops(self) -> Float[Tensor, " settings"]:
        """Exposure of every setting in stops, in (-3, 3); +1 doubles the light."""
        return MAX_STOPS * torch.tanh(self.unbounded)
