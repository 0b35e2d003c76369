"""The published opacity: a network that says where the foreground is."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.published.coordinates import PublishedCoordinates
from neucam_nerfstudio.published.networks import ReluMlp, encode_octaves, encoded_size
from neucam_nerfstudio.scene.layered_scene import Opacity


class NeuralOpacity(Opacity):
    """MLP from (t, y, x) through a sigmoid (NeuCam, Huang et al. 2023).

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        num_octaves: Octaves of positional encoding of (t, y, x): 4 for published deblurring, 3 for HDR video.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers.
    """

    def __init__(
        self, height: int, width: int, num_octaves: int = 4, layer_width: int = 256, num_layers: int = 4
    ) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.num_octaves = num_octaves
        self.network = ReluMlp(encoded_size(3, num_octaves), 1, layer_width, num_layers)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity of the foreground, in (0, 1)."""
        tyx = self.coordinates.tyx_from_uv(uv, times)
        return torch.sigmoid(self.network(encode_octaves(tyx, self.num_octaves)))
