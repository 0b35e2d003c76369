from __future__ import annotations

import pytest
import torch
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation


def answering(d_yx: list[float]) -> NeuralDeformation:
    """A deformation whose network answers d = (y, x) everywhere."""
    deformation = NeuralDeformation(height=2, width=2, layer_width=4)
    with torch.no_grad():
        deformation.network.layers[-1].weight.zero_()
        deformation.network.layers[-1].bias.copy_(torch.atanh(torch.tensor(d_yx)))
    return deformation


def test_canonical_place_is_half_way_between_the_pixel_and_the_answer():
    deformation = answering([0.5, -0.5])
    # Pixel (column 1, row 0) of 2 x 2 is (y, x) = (-1, 1): canonical (-0.25, 0.25).
    upper_right = torch.tensor([[0.75, 0.25]])
    canonical_yx = deformation.canonical_yx(torch.tensor([[0.3, -1.0, 1.0]]))
    torch.testing.assert_close(canonical_yx, torch.tensor([[-0.25, 0.25]]))
    torch.testing.assert_close(deformation(upper_right, torch.tensor([[0.65]])), torch.tensor([[0.5625, 0.4375]]))


def test_answers_are_bounded():
    deformation = NeuralDeformation(20, 30)
    assert deformation.raw(1e4 * torch.randn(50, 3)).abs().max() <= 1


@pytest.mark.parametrize(("num_octaves", "num_inputs"), [(0, 3), (3, 21)])
def test_published_sizes(num_octaves, num_inputs):
    four = NeuralDeformation(20, 30, num_octaves).network.layers
    assert [(layer.in_features, layer.out_features) for layer in four] == [
        (num_inputs, 256),
        (256, 256),
        (256, 256),
        (256, 2),
    ]
    six = NeuralDeformation(20, 30, num_octaves, num_layers=6).network.layers
    assert [layer.in_features for layer in six] == [num_inputs, 256, 256, 256, 256 + num_inputs, 256]


def test_frames_move_differently():
    deformation = NeuralDeformation(20, 30, num_octaves=3, layer_width=16)
    uv = torch.rand(5, 9, 2)
    first, last = deformation(uv, torch.zeros(5, 9, 1)), deformation(uv, torch.full((5, 9, 1), 0.9))
    assert first.shape == (5, 9, 2)
    assert (first != last).any()


def test_the_encoding_keeps_the_coordinates():
    """Left and right edge are whole waves apart in every octave; only x itself tells them apart."""
    deformation = NeuralDeformation(20, 30, num_octaves=3, layer_width=16)
    left, right = deformation.raw(torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]))
    assert not torch.allclose(left, right)
