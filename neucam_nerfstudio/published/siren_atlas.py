"""The published field: one sine network that holds the whole picture."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.published.coordinates import PublishedCoordinates
from neucam_nerfstudio.scene.plane_field import PlaneField

OMEGA = 30.0
"""Frequency of the sines (Sitzmann et al. 2020, section 3.2)."""


class SirenAtlas(PlaneField):
    """SIREN from a place of the picture to log radiance (NeuCam, Huang et al. 2023), the same at all times.

    Args:
        height: Height of the photographs in pixels.
        width: Width of the photographs in pixels.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers; a sine follows each but the last.
    """

    def __init__(self, height: int, width: int, layer_width: int = 512, num_layers: int = 5) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        sizes = [2] + [layer_width] * (num_layers - 1) + [3]
        layers = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes)]
        self.layers = nn.ModuleList(layers)
        self._initialise(*layers)

    @torch.no_grad()
    def _initialise(self, first: nn.Linear, *others: nn.Linear) -> None:
        """Weights as in the SIREN paper, which keeps each layer's output in range; biases stay torch's default."""
        first.weight.uniform_(-1 / first.in_features, 1 / first.in_features)
        for layer in others:
            bound = math.sqrt(6 / layer.in_features) / OMEGA
            layer.weight.uniform_(-bound, bound)

    def log_radiance(
        self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]
    ) -> Float[Tensor, "*batch 3"]:
        """Natural logarithm of the radiance at (u, v) in [0, 1]; `times` is not looked at."""
        hidden = self.coordinates.yx_from_uv(uv)
        *sine_layers, last = self.layers
        for layer in sine_layers:
            hidden = torch.sin(OMEGA * layer(hidden))
        return last(hidden)
