"""The published networks of place and time, and how deformations are made near still before training."""

from __future__ import annotations

import pytest
import torch

from neucam_nerfstudio.published.fields import NeuralDeformation, NeuralOpacity, warm_up_deformation
from neucam_nerfstudio.published.networks import NetworkSizes


def answering(d_yx: list[float]) -> NeuralDeformation:
    """A deformation whose network answers d = (y, x) everywhere."""
    deformation = NeuralDeformation(2, 2, NetworkSizes(layer_width=4))
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
    deformation = NeuralDeformation(20, 30, NetworkSizes())
    assert deformation.raw(1e4 * torch.randn(50, 3)).abs().max() <= 1


@pytest.mark.parametrize(("num_octaves", "num_inputs"), [(0, 3), (3, 21)])
def test_published_sizes_of_deformations(num_octaves, num_inputs):
    four = NeuralDeformation(20, 30, NetworkSizes(num_octaves)).network.layers
    assert [(layer.in_features, layer.out_features) for layer in four] == [
        (num_inputs, 256),
        (256, 256),
        (256, 256),
        (256, 2),
    ]
    six = NeuralDeformation(20, 30, NetworkSizes(num_octaves, num_layers=6)).network.layers
    assert [layer.in_features for layer in six] == [num_inputs, 256, 256, 256, 256 + num_inputs, 256]


def test_frames_move_differently():
    deformation = NeuralDeformation(20, 30, NetworkSizes(num_octaves=3, layer_width=16))
    uv = torch.rand(5, 9, 2)
    first, last = deformation(uv, torch.zeros(5, 9, 1)), deformation(uv, torch.full((5, 9, 1), 0.9))
    assert first.shape == (5, 9, 2)
    assert (first != last).any()


def test_the_encoding_keeps_the_coordinates():
    """Left and right edge are whole waves apart in every octave; only x itself tells them apart."""
    deformation = NeuralDeformation(20, 30, NetworkSizes(num_octaves=3, layer_width=16))
    left, right = deformation.raw(torch.tensor([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]]))
    assert not torch.allclose(left, right)


@pytest.mark.parametrize(("num_octaves", "num_inputs"), [(3, 21), (4, 27)])
def test_published_sizes_of_opacities(num_octaves, num_inputs):
    layers = NeuralOpacity(20, 30, NetworkSizes(num_octaves)).network.layers
    assert [(layer.in_features, layer.out_features) for layer in layers] == [
        (num_inputs, 256),
        (256, 256),
        (256, 256),
        (256, 1),
    ]


def test_opacity_is_a_sigmoid():
    opacity = NeuralOpacity(20, 30, NetworkSizes(layer_width=8))
    with torch.no_grad():
        opacity.network.layers[-1].weight.zero_()
        opacity.network.layers[-1].bias.fill_(torch.logit(torch.tensor(0.2)))
    covered = opacity(torch.rand(4, 9, 2), torch.rand(4, 9, 1))
    torch.testing.assert_close(covered, torch.full((4, 9, 1), 0.2))


def test_the_foreground_moves():
    opacity = NeuralOpacity(20, 30, NetworkSizes())
    uv = torch.rand(50, 2)
    assert (opacity(uv, torch.zeros(50, 1)) != opacity(uv, torch.full((50, 1), 0.4))).any()


@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_deformation_starts_as_a_scaled_picture(scale):
    torch.manual_seed(0)
    deformation = NeuralDeformation(30, 40, NetworkSizes(layer_width=32))
    warm_up_deformation(deformation, num_frames=2, scale=scale, num_rounds=200, learning_rate=5e-3, num_points=200)
    tyx = torch.cat([torch.randint(0, 2, (100, 1)) * 2.0 - 1, 1.8 * torch.rand(100, 2) - 0.9], -1)
    canonical_yx = deformation.canonical_yx(tyx).detach()
    torch.testing.assert_close(canonical_yx, (1 + scale) / 2 * tyx[:, 1:], rtol=0, atol=0.03)


def test_deformation_warms_up_on_every_frame():
    """A round is one step a frame, at times from the first frame's to the last's."""

    class Recording(NeuralDeformation):
        seen: list[tuple[float, float, float]] = []

        def raw(self, tyx):
            self.seen.append((tyx[:, 0].min().item(), tyx[:, 0].max().item(), tyx[:, 1:].abs().max().item()))
            return super().raw(tyx)

    warm_up_deformation(Recording(30, 40, NetworkSizes(layer_width=8)), num_frames=3, num_rounds=2, num_points=5000)
    earliest, latest, farthest = zip(*Recording.seen, strict=True)
    assert earliest == latest == (-1.0, 0.0, 1.0, -1.0, 0.0, 1.0)
    assert all(reach == pytest.approx(1.0) for reach in farthest)


def test_a_single_frame_warms_up_at_the_first_time():
    deformation = NeuralDeformation(30, 40, NetworkSizes(layer_width=8))
    before = deformation.raw(torch.tensor([[-1.0, 0.5, 0.5]])).detach()
    warm_up_deformation(deformation, num_frames=1, num_rounds=1, num_points=10)
    assert (deformation.raw(torch.tensor([[-1.0, 0.5, 0.5]])) != before).all()
