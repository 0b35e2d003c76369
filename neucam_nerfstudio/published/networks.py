"""The published method's plain networks: a ReLU MLP with a late skip, and the positional encoding of its inputs."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

SKIP_LAYER = 4
"""The layer, counted from 0, which sees the network's input again. Networks of up to four layers have none."""


def encoded_size(num_coordinates: int, num_octaves: int) -> int:
    """Numbers that `encode_octaves` makes of `num_coordinates` coordinates."""
    return num_coordinates * (1 + 2 * num_octaves)


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
