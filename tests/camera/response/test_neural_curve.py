from __future__ import annotations

import math

import torch
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse


def test_published_sizes():
    curve = NeuralCurveResponse().channels[0]
    assert (curve[0].in_features, curve[0].out_features, curve[2].out_features) == (1, 128, 1)


def test_pixel_values_by_hand():
    response = NeuralCurveResponse(layer_width=1)
    with torch.no_grad():
        for curve, slope in zip(response.channels, (1.0, 2.0, 3.0), strict=True):
            curve[0].weight.fill_(slope)
            curve[0].bias.zero_()
            curve[2].weight.fill_(1.0)
            curve[2].bias.fill_(-0.5)
    ldr = response(torch.tensor([[0.5, 0.5, 0.5], [-1.0, -1.0, -1.0]]))
    expected = [[(1 + math.tanh(0.5 * slope - 0.5)) / 2 for slope in (1, 2, 3)], [(1 + math.tanh(-0.5)) / 2] * 3]
    torch.testing.assert_close(ldr, torch.tensor(expected))


def test_a_channel_sees_only_its_own_light():
    response = NeuralCurveResponse()
    grey, more_red = torch.zeros(3), torch.tensor([1.0, 0.0, 0.0])
    changed = response(more_red) != response(grey)
    assert changed.tolist() == [True, False, False]


def test_pixel_values_stay_between_black_and_white():
    ldr = NeuralCurveResponse()(torch.linspace(-1e3, 1e3, 64)[:, None, None].expand(-1, 2, 3))
    assert ldr.shape == (64, 2, 3)
    assert (ldr >= 0).all() and (ldr <= 1).all()
