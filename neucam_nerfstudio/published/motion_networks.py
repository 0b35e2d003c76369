"""The published networks of place and time: where each pixel of each frame comes from, and where the foreground is."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.published.coordinates import PublishedCoordinates
from neucam_nerfstudio.published.networks import ReluMlp, encode_octaves, encoded_size
from neucam_nerfstudio.scene.plane_field import Deformation, Opacity


@dataclass
class NetworkSizes:
    """Sizes of a published network of (t, y, x): a deformation or an opacity; by default the released ones."""

    num_octaves: int = 0
    """Octaves of positional encoding; 0 for none."""
    layer_width: int = 256
    """Size of the hidden layers."""
    num_layers: int = 4
    """Linear layers; six have a skip at the fifth."""


class NeuralDeformation(Deformation):
    """MLP from (t, y, x) through tanh to d; the canonical place is (d + (y, x)) / 2 (NeuCam, Huang et al. 2023).

    Untrained, it is no identity: `published.warm_up.warm_up_deformation` makes it one, up to a scale.

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        sizes: Of the network.
    """

    def __init__(self, height: int, width: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.num_octaves = sizes.num_octaves
        self.network = ReluMlp(encoded_size(3, sizes.num_octaves), 2, sizes.layer_width, sizes.num_layers)

    def raw(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """The network's own answer d: (y, x) in [-1, 1], for published coordinates."""
        return torch.tanh(self.network(encode_octaves(tyx, self.num_octaves)))

    def canonical_yx(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (y, x) of (t, y, x), all in the published [-1, 1]."""
        return (self.raw(tyx) + tyx[..., 1:]) / 2

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 2"]:
        """Canonical (u, v) of (u, v) at a time, all in [0, 1]."""
        return self.coordinates.uv_from_yx(self.canonical_yx(self.coordinates.tyx_from_uv(uv, times)))


class NeuralOpacity(Opacity):
    """MLP from (t, y, x) through a sigmoid (NeuCam, Huang et al. 2023).

    Args:
        height: Height of the frames in pixels.
        width: Width of the frames in pixels.
        sizes: Of the network: 4 octaves for published deblurring, 3 for HDR video.
    """

    def __init__(self, height: int, width: int, sizes: NetworkSizes) -> None:
        super().__init__()
        self.coordinates = PublishedCoordinates(height, width)
        self.num_octaves = sizes.num_octaves
        self.network = ReluMlp(encoded_size(3, sizes.num_octaves), 1, sizes.layer_width, sizes.num_layers)

    def forward(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        """Opacity of the foreground, in (0, 1)."""
        tyx = self.coordinates.tyx_from_uv(uv, times)
        return torch.sigmoid(self.network(encode_octaves(tyx, self.num_octaves)))


@torch.enable_grad()
def warm_up_deformation(
    deformation: NeuralDeformation,
    num_frames: int,
    scale: float = 1.0,
    num_rounds: int = 100,
    learning_rate: float = 1e-4,
    num_points: int = 10_000,
) -> None:
    """Fits a deformation's raw output d, in place, to (y, x) * scale: Adam on the mean distance, frame by frame.

    The canonical place is (d + (y, x)) / 2, so a scale of 0.8 starts the canonical picture at 0.9.

    Args:
        deformation: Changed in place.
        num_frames: Frames of the capture.
        scale: `uv_mapping_scale` of the released code.
        num_rounds: Steps on each frame.
        learning_rate: Of Adam.
        num_points: Random pixels a step.
    """
    device = next(deformation.parameters()).device
    coordinates = deformation.coordinates
    size = torch.tensor([coordinates.width, coordinates.height], device=device)
    optimizer = torch.optim.Adam(deformation.parameters(), lr=learning_rate)
    for frame in list(range(num_frames)) * num_rounds:
        uv = (torch.floor(torch.rand(num_points, 2, device=device) * size) + 0.5) / size
        times = torch.full_like(uv[:, :1], frame / max(num_frames - 1, 1))
        tyx = coordinates.tyx_from_uv(uv, times)
        distance = (deformation.raw(tyx) - scale * tyx[:, 1:]).norm(dim=-1)
        distance.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
