from __future__ import annotations

import math

import pytest
import torch
from neucam_nerfstudio.scene.deformation import Deformation, DeformedScene
from neucam_nerfstudio.scene.layered_scene import LayeredScene, Layers, Opacity, WatchedLayers
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation
from neucam_nerfstudio.scene.neural_opacity import NeuralOpacity
from neucam_nerfstudio.scene.scene_field import SceneField
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas


class Gradient(SceneField):
    """Log radiance (u, v, t) + level."""

    def __init__(self, level: float) -> None:
        super().__init__()
        self.level = level

    def log_radiance(self, uv, times):
        return torch.cat([uv, times], -1) + self.level


class Pan(Deformation):
    """The frame moves right with time."""

    def forward(self, uv, times):
        return uv + torch.cat([times, torch.zeros_like(times)], -1)


class OpaqueOnTheRight(Opacity):
    def forward(self, uv, times):
        return (uv[..., :1] > 0.5).float()


def test_a_deformed_scene_looks_its_light_up_in_the_canonical_picture():
    scene = DeformedScene(Gradient(0.0), Pan())
    log_radiance = scene.log_radiance(torch.tensor([[0.25, 0.5]]), torch.tensor([[0.5]]))
    torch.testing.assert_close(log_radiance, torch.tensor([[0.75, 0.5, 0.5]]))


def test_opacity_mixes_logarithms():
    layers = Layers(
        background=torch.full((1, 3), math.log(1.0)),
        foreground=torch.full((1, 3), math.log(16.0)),
        opacity=torch.tensor([[0.25]]),
    )
    torch.testing.assert_close(layers.mix_logs().exp(), torch.full((1, 3), 2.0))


def test_the_foreground_hides_the_background_where_it_is_opaque():
    scene = LayeredScene(background=Gradient(0.0), foreground=Gradient(10.0), opacity=OpaqueOnTheRight())
    uv, times = torch.tensor([[0.25, 0.5], [0.75, 0.5]]), torch.zeros(2, 1)
    torch.testing.assert_close(scene.log_radiance(uv, times), torch.tensor([[0.25, 0.5, 0.0], [10.75, 10.5, 10.0]]))


def test_layers_can_be_seen_alone():
    scene = LayeredScene(background=Gradient(0.0), foreground=Gradient(10.0), opacity=OpaqueOnTheRight())
    layers = scene.layers(torch.tensor([[0.25, 0.5]]), torch.zeros(1, 1))
    torch.testing.assert_close(layers.background, torch.tensor([[0.25, 0.5, 0.0]]))
    torch.testing.assert_close(layers.foreground, torch.tensor([[10.25, 10.5, 10.0]]))
    assert layers.opacity.item() == 0.0


def test_every_part_of_the_published_scene_is_trained():
    def moving_atlas() -> SceneField:
        return DeformedScene(SirenAtlas(20, 30, layer_width=8), NeuralDeformation(20, 30, layer_width=8))

    scene = LayeredScene(moving_atlas(), moving_atlas(), NeuralOpacity(20, 30, layer_width=8))
    scene.log_radiance(torch.rand(50, 2), torch.rand(50, 1)).square().sum().backward()
    parameters = list(scene.parameters())
    assert len(parameters) == 2 * (5 + 4 + 5 + 4 + 4)
    assert all(parameter.grad.abs().sum() > 0 for parameter in parameters)


def test_motion_is_what_the_canonical_place_has_moved_by():
    scene = DeformedScene(Gradient(0.0), Pan())
    uv, times, since = torch.rand(3, 2), torch.full((3, 1), 0.75), torch.full((3, 1), 0.25)
    # What is at u now was at u + 0.5 then: it has moved left.
    torch.testing.assert_close(scene.motion_uv(uv, times, since), torch.tensor([[-0.5, 0.0]]).expand(3, 2))
    assert scene.motion_uv(uv, times, times).abs().max() == 0


def test_motion_of_layers_is_that_of_the_one_seen():
    scene = LayeredScene(Gradient(0.0), DeformedScene(Gradient(0.0), Pan()), OpaqueOnTheRight())
    uv, times, since = torch.tensor([[0.25, 0.5], [0.75, 0.5]]), torch.ones(2, 1), torch.zeros(2, 1)
    torch.testing.assert_close(scene.motion_uv(uv, times, since), torch.tensor([[0.0, 0.0], [-1.0, 0.0]]))


def test_watched_layers_keep_what_was_seen_and_change_nothing():
    scene = LayeredScene(background=Gradient(0.0), foreground=Gradient(10.0), opacity=OpaqueOnTheRight())
    watched, uv, times = WatchedLayers(scene), torch.rand(4, 9, 2), torch.rand(4, 9, 1)
    torch.testing.assert_close(watched.radiance(uv, times), scene.radiance(uv, times))
    for kept, held in zip(watched.seen, scene.layers(uv, times), strict=True):
        assert torch.equal(kept, held)


@pytest.mark.parametrize("shape", [(50,), (50, 9)])
def test_watched_layers_learn_in_parts_what_they_learn_at_once(shape):
    def moving_atlas() -> SceneField:
        return DeformedScene(SirenAtlas(20, 30, layer_width=8), NeuralDeformation(20, 30, layer_width=8))

    scene = LayeredScene(moving_atlas(), moving_atlas(), NeuralOpacity(20, 30, layer_width=8))
    uv, times = torch.rand(*shape, 2, requires_grad=True), torch.rand(*shape, 1)
    learned = []
    for max_places in (10_000, 20):
        watched = WatchedLayers(scene, max_places)
        scene.zero_grad()
        log_radiance = watched.log_radiance(uv, times)
        gradient_of_uv = torch.autograd.grad(log_radiance.square().sum(), uv, retain_graph=True)[0]
        (log_radiance.square().sum() + watched.seen.opacity.sum()).backward()
        learned.append([log_radiance, gradient_of_uv, *(parameter.grad for parameter in scene.parameters())])
    for at_once, in_parts in zip(*learned, strict=True):
        torch.testing.assert_close(in_parts, at_once, rtol=1e-4, atol=1e-5)
