"""The published field of two layers: what is seen of each, and what it keeps while training."""

from __future__ import annotations

import copy

import pytest
import torch

from neucam_nerfstudio.published.fields import (
    NeuralDeformation,
    NeuralOpacity,
    SirenAtlas,
    TwoLayerField,
)
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.scene.plane_field import DeformedField

from ..scene.made_fields import Gradient, OpaqueOnTheRight, Pan

SIZES = NetworkSizes(layer_width=8)


def gradients() -> TwoLayerField:
    """A dark gradient, and a bright one over its right half."""
    return TwoLayerField(background=Gradient(0.0), foreground=Gradient(10.0), opacity=OpaqueOnTheRight())


def published(max_places: int = 1 << 15) -> TwoLayerField:
    def moving_atlas() -> DeformedField:
        return DeformedField(SirenAtlas(20, 30, layer_width=8), NeuralDeformation(20, 30, SIZES))

    torch.manual_seed(0)
    return TwoLayerField(moving_atlas(), moving_atlas(), NeuralOpacity(20, 30, SIZES), max_places)


def test_the_foreground_hides_the_background_where_it_is_opaque():
    uv, times = torch.tensor([[0.25, 0.5], [0.75, 0.5]]), torch.zeros(2, 1)
    expected = torch.tensor([[0.25, 0.5, 0.0], [10.75, 10.5, 10.0]])
    torch.testing.assert_close(gradients().log_radiance(uv, times), expected)


def test_layers_can_be_seen_alone():
    layers = gradients().layers(torch.tensor([[0.25, 0.5]]), torch.zeros(1, 1))
    torch.testing.assert_close(layers.background, torch.tensor([[0.25, 0.5, 0.0]]))
    torch.testing.assert_close(layers.foreground, torch.tensor([[10.25, 10.5, 10.0]]))
    assert layers.opacity.item() == 0.0


def test_motion_of_layers_is_that_of_the_one_seen():
    field = TwoLayerField(Gradient(0.0), DeformedField(Gradient(0.0), Pan()), OpaqueOnTheRight())
    uv, times, since = torch.tensor([[0.25, 0.5], [0.75, 0.5]]), torch.ones(2, 1), torch.zeros(2, 1)
    torch.testing.assert_close(field.motion_uv(uv, times, since), torch.tensor([[0.0, 0.0], [-1.0, 0.0]]))


def test_every_part_is_trained():
    field = published()
    field.log_radiance(torch.rand(50, 2), torch.rand(50, 1)).square().sum().backward()
    parameters = list(field.parameters())
    assert len(parameters) == 2 * (5 + 4 + 5 + 4 + 4)
    assert all(parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_what_was_seen_is_kept_while_training_alone_and_changes_nothing():
    field, uv, times = published(), torch.rand(4, 9, 2), torch.rand(4, 9, 1)
    rendered = field.eval().radiance(uv, times)
    assert field.seen is None
    torch.testing.assert_close(field.train().radiance(uv, times), rendered)
    for kept, held in zip(field.seen, field.layers(uv, times), strict=True):
        assert torch.equal(kept, held)


@pytest.mark.parametrize("shape", [(50,), (50, 9)])
def test_what_is_learned_in_parts_is_what_is_learned_at_once(shape):
    uv, times = torch.rand(*shape, 2, requires_grad=True), torch.rand(*shape, 1)
    learned = []
    for max_places in (10_000, 20):
        field = published(max_places)
        log_radiance = field.log_radiance(uv, times)
        gradient_of_uv = torch.autograd.grad(log_radiance.square().sum(), uv, retain_graph=True)[0]
        (log_radiance.square().sum() + field.seen.opacity.sum()).backward()
        learned.append([log_radiance, gradient_of_uv, *(parameter.grad for parameter in field.parameters())])
    for at_once, in_parts in zip(*learned, strict=True):
        torch.testing.assert_close(in_parts, at_once, rtol=1e-4, atol=1e-5)


def test_untrained_fields_can_be_copied():
    field, uv, times = published(), torch.rand(4, 2), torch.rand(4, 1)
    torch.testing.assert_close(copy.deepcopy(field).radiance(uv, times), field.radiance(uv, times))
