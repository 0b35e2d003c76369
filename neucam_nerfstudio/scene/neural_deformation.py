"""The published deformation: a network that says where each pixel of each frame comes from."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.published.coordinates import PublishedCoordinates
from neucam_nerfstudio.published.networks import ReluMlp, encode_octaves, encoded_size
from neucam_nerfstudio.scene.deformation import Deformation


class NeuralDeformation(Deformation):
    """MLP from (t, y, x) through tanh to d; the canonical place is (d + (y, x)) / 2 (NeuCam, Huang et al. 2023).

    Untrained, it is no identity: `published.warm_up.warm_up_deformation` makes it one, up to a scale.

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        num_octaves: Octaves of positional encoding of (t, y, x); 0 for none.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers: 4, or 6 with a skip.
    """

    def __init__(
        self, height: int, width: int, num_octaves: int = 0, layer_width: int = 256, num_layers: int = 4
    ) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.num_octaves = num_octaves
        self.network = ReluMlp(encoded_size(3, num_octaves), 2, layer_width, num_layers)

    def raw(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """The network's own answer d: (y, x) in [-1, 1], for published coordinates."""
        return torch.tanh(self.network(encode_octaves(tyx, self.num_octaves)))

    def canonical_yx(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (y, x) of (t, y, x), all in the published [-1, 1]."""
        return (self.raw(tyx) + tyx[..., 1:]) / 2

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time, all in [0, 1]."""
        return self.coordinates.uv_from_yx(self.canonical_yx(self.coordinates.tyx_from_uv(uv, times)))
