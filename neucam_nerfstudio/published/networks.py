"""The published method's coordinates, positional encoding, and ReLU network with a late skip."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

SKIP_LAYER = 4
"""The layer, counted from 0, which sees the network's input again. Networks of up to four layers have none."""


@dataclass(frozen=True)
class PublishedCoordinates:
    """(t, y, x) in [-1, 1] for pictures of `height` x `width` pixels, each axis's first and last sample on -1 and 1.

    Ours put pixel centres at (i + 0.5) / size, so -1 and 1 lie on the first and last pixel's centre, half a pixel
    inside the picture's edge.
    """

    height: int
    width: int

    @property
    def pixel_step_yx(self) -> tuple[float, float]:
        """One pixel down and one pixel to the right, in published units."""
        return 2 / max(self.height - 1, 1), 2 / max(self.width - 1, 1)

    @property
    def _edges_yx(self) -> tuple[float, float]:
        """Where the picture's lower and right edges lie in published units: a little outside 1."""
        step_y, step_x = self.pixel_step_yx
        return step_y * self.height / 2, step_x * self.width / 2

    def yx_from_uv(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Published (y, x) of our (u, v) in [0, 1]."""
        edge_y, edge_x = self._edges_yx
        u, v = uv.unbind(-1)
        return torch.stack([edge_y * (2 * v - 1), edge_x * (2 * u - 1)], -1)

    def uv_from_yx(self, yx: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Our (u, v) in [0, 1] of published (y, x)."""
        edge_y, edge_x = self._edges_yx
        y, x = yx.unbind(-1)
        return torch.stack([(x / edge_x + 1) / 2, (y / edge_y + 1) / 2], -1)

    def tyx_from_uv(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Published (t, y, x) of our (u, v) and times, all in [0, 1]; a single frame (time 0) has t = -1."""
        return torch.cat([2 * times - 1, self.yx_from_uv(uv)], -1)


def encode_octaves(coordinates: Float[Tensor, "*batch n"], num_octaves: int) -> Float[Tensor, "*batch encoded"]:
    """The coordinates, then per octave and per coordinate the sine and the cosine of 2^octave * pi * coordinate.

    The NeRF encoding (Mildenhall et al. 2020) in the order of the released code; no octaves leave the input as it is.
    """
    octaves = [coordinates]
    for octave in range(num_octaves):
        angle = 2**octave * math.pi * coordinates
        octaves.append(torch.stack([torch.sin(angle), torch.cos(angle)], -1).flatten(-2))
    return torch.cat(octaves, -1)


class ReluMlp(nn.Module):
    """Linear layers with ReLU between them; layer `SKIP_LAYER`, where there is one, also gets the input.

    Args:
        num_inputs: Size of the input.
        num_outputs: Size of the output, which has no activation.
        layer_width: Size of the hidden layers.
        num_layers: Number of linear layers.
    """

    def __init__(self, num_inputs: int, num_outputs: int, layer_width: int, num_layers: int) -> None:
        super().__init__()
        sizes_in = [num_inputs] + [layer_width] * (num_layers - 1)
        sizes_out = [layer_width] * (num_layers - 1) + [num_outputs]
        if num_layers > SKIP_LAYER:
            sizes_in[SKIP_LAYER] += num_inputs
        self.layers = nn.ModuleList(nn.Linear(n_in, n_out) for n_in, n_out in zip(sizes_in, sizes_out, strict=True))

    def forward(self, inputs: Float[Tensor, "*batch n_in"]) -> Float[Tensor, "*batch n_out"]:
        """The network's raw output."""
        hidden = inputs
        for index, layer in enumerate(self.layers):
            if index > 0:
                hidden = torch.relu(hidden)
            if index == SKIP_LAYER:
                hidden = torch.cat([hidden, inputs], -1)
            hidden = layer(hidden)
        return hidden


@dataclass
class NetworkSizes:
    """Sizes of a published network of (t, y, x): a deformation or an opacity; by default the released ones."""

    num_octaves: int = 0
    """Octaves of positional encoding; 0 for none."""
    layer_width: int = 256
    """Size of the hidden layers."""
    num_layers: int = 4
    """Linear layers; six have a skip at the fifth."""


class PlaceTimeMlp(ReluMlp):
    """A network of encoded (t, y, x)."""

    def __init__(self, num_outputs: int, sizes: NetworkSizes) -> None:
        super().__init__(3 * (1 + 2 * sizes.num_octaves), num_outputs, sizes.layer_width, sizes.num_layers)
        self.num_octaves = sizes.num_octaves

    def forward(self, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch n_out"]:
        """The network's raw output at published coordinates."""
        return super().forward(encode_octaves(tyx, self.num_octaves))
