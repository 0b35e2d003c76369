from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.published.networks import NetworkSizes, PlaceTimeMlp, ReluMlp, encode_octaves


def test_no_octaves_leave_the_coordinates_alone():
    coordinates = torch.rand(4, 3)
    assert torch.equal(encode_octaves(coordinates, 0), coordinates)


def test_encoding_goes_octave_by_octave_and_coordinate_by_coordinate():
    a, b = 0.1, -0.3
    expected = [a, b]
    for frequency in (math.pi, 2 * math.pi):
        for coordinate in (a, b):
            expected += [math.sin(frequency * coordinate), math.cos(frequency * coordinate)]
    torch.testing.assert_close(encode_octaves(torch.tensor([a, b]), 2), torch.tensor(expected))


@pytest.mark.parametrize(("num_octaves", "num_inputs"), [(0, 3), (4, 27)])
def test_a_network_of_place_and_time_takes_what_the_encoding_makes(num_octaves, num_inputs):
    mlp = PlaceTimeMlp(2, NetworkSizes(num_octaves, layer_width=8))
    assert encode_octaves(torch.rand(3), num_octaves).numel() == mlp.layers[0].in_features == num_inputs
    assert mlp(torch.rand(2, 7, 3)).shape == (2, 7, 2)


def test_mlp_by_hand():
    mlp = ReluMlp(num_inputs=2, num_outputs=1, layer_width=2, num_layers=2)
    mlp.load_state_dict(
        {
            "layers.0.weight": torch.tensor([[1.0, 1.0], [1.0, -1.0]]),
            "layers.0.bias": torch.tensor([0.0, 1.0]),
            "layers.1.weight": torch.tensor([[2.0, 10.0]]),
            "layers.1.bias": torch.tensor([-0.5]),
        }
    )
    # Hidden (relu(1 + 3), relu(1 - 3 + 1)) = (4, 0), then (relu(-4), relu(1)) = (0, 1); out 2 * 4 - 0.5 and 10 - 0.5.
    outputs = mlp(torch.tensor([[1.0, 3.0], [-2.0, -2.0]]))
    assert outputs.flatten().tolist() == [7.5, 9.5]


def test_the_fifth_layer_sees_the_input_again():
    mlp = ReluMlp(num_inputs=3, num_outputs=2, layer_width=8, num_layers=6)
    assert [layer.in_features for layer in mlp.layers] == [3, 8, 8, 8, 11, 8]
    with torch.no_grad():
        mlp.layers[3].weight.zero_()
        mlp.layers[3].bias.zero_()
        inputs = torch.rand(5, 3)
        from_the_skip = torch.relu(mlp.layers[4](torch.cat([torch.zeros(5, 8), inputs], -1)))
        torch.testing.assert_close(mlp(inputs), mlp.layers[5](from_the_skip))


def test_four_layers_have_no_skip():
    mlp = ReluMlp(num_inputs=3, num_outputs=2, layer_width=8, num_layers=4)
    assert [layer.in_features for layer in mlp.layers] == [3, 8, 8, 8]
    assert mlp(torch.rand(2, 7, 3)).shape == (2, 7, 2)
