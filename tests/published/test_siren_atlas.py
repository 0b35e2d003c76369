from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.published.fields import SirenAtlas


def test_published_sizes():
    sizes = [(layer.in_features, layer.out_features) for layer in SirenAtlas(300, 450).layers]
    assert sizes == [(2, 512), (512, 512), (512, 512), (512, 512), (512, 3)]


def test_published_initialisation():
    first, *others = SirenAtlas(300, 450).layers
    assert 0.49 < first.weight.abs().max() <= 0.5
    bound = math.sqrt(6 / 512) / 30
    for layer in others:
        assert 0.95 * bound < layer.weight.abs().max() <= bound
    assert all(0.8 / math.sqrt(512) < layer.bias.abs().max() <= 1 / math.sqrt(512) for layer in others[:-1])


def test_log_radiance_by_hand():
    atlas = SirenAtlas(height=2, width=2, layer_width=1, num_layers=2)
    atlas.load_state_dict(
        {
            "layers.0.weight": torch.tensor([[0.01, 0.02]]),
            "layers.0.bias": torch.tensor([0.005]),
            "layers.1.weight": torch.tensor([[1.0], [2.0], [-1.0]]),
            "layers.1.bias": torch.tensor([0.0, 0.0, 3.0]),
        }
    )
    lower_left_pixel = torch.tensor([[0.25, 0.75]])  # (y, x) = (1, -1)
    sine = math.sin(30 * (0.01 - 0.02 + 0.005))
    log_radiance = atlas.log_radiance(lower_left_pixel, times=torch.zeros(1, 1))
    torch.testing.assert_close(log_radiance, torch.tensor([[sine, 2 * sine, 3 - sine]]))
    torch.testing.assert_close(atlas.radiance(lower_left_pixel, torch.zeros(1, 1)), log_radiance.exp())


def test_the_picture_stands_still_in_time():
    atlas = SirenAtlas(30, 40, layer_width=16)
    uv = torch.rand(5, 9, 2)
    early, late = atlas.log_radiance(uv, torch.zeros(5, 9, 1)), atlas.log_radiance(uv, torch.ones(5, 9, 1))
    assert early.shape == (5, 9, 3)
    assert torch.equal(early, late)


def test_light_depends_on_the_place_of_a_tap():
    """The blur generator learns where taps go by the gradient through the scene."""
    uv = torch.rand(4, 2, requires_grad=True)
    SirenAtlas(30, 40, layer_width=16).log_radiance(uv, torch.zeros(4, 1)).sum().backward()
    assert (uv.grad != 0).all()


@pytest.mark.parametrize("num_layers", [2, 3, 5])
def test_every_layer_learns(num_layers):
    atlas = SirenAtlas(30, 40, layer_width=16, num_layers=num_layers)
    atlas.log_radiance(torch.rand(20, 2), torch.zeros(20, 1)).square().sum().backward()
    assert len(atlas.layers) == num_layers
    assert all(layer.weight.grad.abs().sum() > 0 for layer in atlas.layers)
