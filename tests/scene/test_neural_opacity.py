from __future__ import annotations

import pytest
import torch
from neucam_nerfstudio.scene.neural_opacity import NeuralOpacity


@pytest.mark.parametrize(("num_octaves", "num_inputs"), [(3, 21), (4, 27)])
def test_published_sizes(num_octaves, num_inputs):
    layers = NeuralOpacity(20, 30, num_octaves).network.layers
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (num_inputs, 256),
        (256, 256),
        (256, 256),
        (256, 1),
    ]


def test_opacity_is_a_sigmoid():
    opacity = NeuralOpacity(20, 30, layer_width=8)
    with torch.no_grad():
        opacity.network.layers[-1].weight.zero_()
        opacity.network.layers[-1].bias.fill_(torch.logit(torch.tensor(0.2)))
    covered = opacity(torch.rand(4, 9, 2), torch.rand(4, 9, 1))
    torch.testing.assert_close(covered, torch.full((4, 9, 1), 0.2))


def test_the_foreground_moves():
    opacity = NeuralOpacity(20, 30)
    uv = torch.rand(50, 2)
    assert (opacity(uv, torch.zeros(50, 1)) != opacity(uv, torch.full((50, 1), 0.4))).any()
