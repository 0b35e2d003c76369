"""The published scenes: their sizes, start and losses: each by hand, and only with a weight and on its steps."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.side_maps import FrameFlow
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import Start, TrainingRays
from neucam_nerfstudio.published import scene as module
from neucam_nerfstudio.published.fields import NeuralDeformation
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.scene import (
    DeformedSirenConfig,
    DeformedSirenScene,
    LayeredSirenConfig,
    LayeredSirenScene,
    SirenSceneConfig,
)
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces

from ..learned import moving_capture_of, photographs_of, with_maps

TINY = NetworkSizes(layer_width=8)
CONFIGS = {
    SirenSceneConfig: {"atlas_width": 16},
    DeformedSirenConfig: {"atlas_width": 16, "deformation": TINY},
    LayeredSirenConfig: {
        **{"atlas_width": 16, "deformation": TINY},
        "foreground_deformation": NetworkSizes(num_octaves=3, layer_width=12, num_layers=6),
        "opacity": NetworkSizes(num_octaves=4, layer_width=10, num_layers=3),
    },
}
"""Configurations, small."""
MOVING = moving_capture_of(60, 90, (0.0, 0.5, 1.0))
STILL_RIGIDITY = math.sqrt(2) * (1 + 1 / 1.001)
"""Of a deformation that moves each pixel by one pixel a pixel."""
UV = torch.tensor([[0.25, 0.75], [0.6, 0.3]])


@pytest.fixture
def moving(desk_with_frames):
    """Three moments with flow of two pixels to the right, and masks that cover the left half."""
    capture = desk_with_frames(3)
    flow_px = np.zeros((2, 60, 90, 2), np.float32)
    flow_px[..., 0] = 2.0
    valid = np.ones((2, 60, 90), bool)
    valid[0, :30] = False
    mask = np.zeros((3, 60, 90), np.float32)
    mask[:, :, :45] = 1.0
    return with_maps(capture, mask=mask, flow=FrameFlow(flow_px, -flow_px, valid, valid))


def build(config: type, capture: Capture = MOVING, **options: object) -> PlanarScene:
    return config(**{**CONFIGS[config], **options}).setup(capture=capture)


def deformed(capture: Capture = MOVING, **options: object) -> DeformedSirenScene:
    return build(DeformedSirenConfig, capture, **options)


def layered(capture: Capture = MOVING, **options: object) -> LayeredSirenScene:
    return build(LayeredSirenConfig, capture, **options)


def rays_at(uv: torch.Tensor = UV, time: float = 0.0, frame: int = 0, step: int = 0) -> TrainingRays:
    return TrainingRays(PlanePlaces(uv, torch.full((len(uv), 1), time)), torch.full((len(uv),), frame), step)


def losses_of(scene: DeformedSirenScene, rays: TrainingRays) -> dict[str, float]:
    """Losses of rays without blur, by name."""
    scene.train().radiance(rays.places)
    return {name: loss.item() for name, loss in scene.losses(rays).items()}


def make_identity(deformation: NeuralDeformation, scale: float = 1.0) -> None:
    """Lets the network answer d = (2 * scale - 1) * (y, x), so that the canonical place is scale * (y, x)."""

    def answer(tyx: torch.Tensor) -> torch.Tensor:
        return (2 * scale - 1) * tyx[..., 1:]

    deformation.raw = answer


def make_opaque(scene: LayeredSirenScene, opacity: float) -> None:
    with torch.no_grad():
        scene.field.opacity.network.layers[-1].weight.zero_()
        scene.field.opacity.network.layers[-1].bias.fill_(math.log(opacity / (1 - opacity)))


def widths(network) -> list[int]:
    """Inputs of the first layer, outputs of it, and the number of layers."""
    return [network.layers[0].in_features, network.layers[0].out_features, len(network.layers)]


@pytest.mark.parametrize("config", CONFIGS)
def test_scenes_give_light_everywhere_and_learn_all_they_have_at_one_rate(config):
    scene = build(config)
    radiance = scene.radiance(PlanePlaces(torch.rand(4, 2), torch.rand(4, 1)))
    assert radiance.shape == (4, 3) and (radiance > 0).all()
    radiance.sum().backward()
    groups = scene.parameter_groups()
    assert list(groups) == ["scene"] and len(groups["scene"]) == len(list(scene.parameters()))
    assert all(parameter.grad.abs().sum() > 0 for parameter in groups["scene"])


def test_a_deformed_atlas_has_the_sizes_asked_for():
    field = deformed().field
    assert (field.deformation.coordinates.height, field.deformation.coordinates.width) == (60, 90)
    assert widths(field.deformation.network) == [3, 8, 4]
    assert widths(field.canonical) == [2, 16, 5]


def test_each_layer_has_sizes_of_its_own():
    field = layered().field
    assert widths(field.background.deformation.network) == [3, 8, 4]
    assert widths(field.foreground.deformation.network) == [21, 12, 6]
    assert widths(field.opacity.network) == [27, 10, 3]
    assert field.background.canonical is not field.foreground.canonical


def start_of(capture: Capture) -> Start:
    return Start(capture, photographs_of(capture))


def test_nothing_classical_is_asked_of_the_photographs():
    known = start_of(MOVING)
    assert all(build(config).estimate(known, None) is known for config in CONFIGS)


def test_deformations_warm_up():
    scene = layered(warm_up_rounds=2, mapping_scale=0.8)
    before = {name: value.clone() for name, value in scene.state_dict().items()}
    assert scene.start(start_of(MOVING)) == "Warmed up 2 deformations: 2 rounds over 3 frames."
    changed = {name for name, value in scene.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all("deformation" in name for name in changed)


def test_deformations_without_rounds_start_as_they_are():
    scene = deformed()
    before = {name: value.clone() for name, value in scene.state_dict().items()}
    assert scene.start(start_of(MOVING)) is None
    assert all(torch.equal(value, before[name]) for name, value in scene.state_dict().items())


def test_rigidity_is_summed_over_the_deformations():
    for build_one, count in ((deformed, 1), (layered, 2)):
        scene = build_one(rigidity_mult=0.5, rigidity_steps=10)
        for deformation in scene.deformations:
            make_identity(deformation)
        assert losses_of(scene, rays_at()) == {"rigidity": pytest.approx(0.5 * count * STILL_RIGIDITY, rel=1e-3)}


def test_rigidity_is_measured_against_the_expected_scale():
    scene = deformed(mapping_scale=0.8, rigidity_mult=1.0, rigidity_steps=10)
    make_identity(scene.field.deformation, scale=0.8)
    assert losses_of(scene, rays_at())["rigidity"] == pytest.approx(STILL_RIGIDITY, rel=1e-3)


@pytest.mark.parametrize(("step", "acts"), [(0, True), (9, True), (10, False), (500, False)])
def test_rigidity_acts_for_its_steps(step, acts):
    scene = deformed(rigidity_mult=1.0, rigidity_steps=10)
    assert ("rigidity" in losses_of(scene, rays_at(step=step))) == acts


@pytest.mark.parametrize("taps", [1, 3])
def test_sparsity_of_the_foreground_looks_at_every_tap_that_was_seen(taps):
    """A quarter of 1, 2 and 3, squared, three colours each."""
    scene = layered(hidden_foreground_mult=4.0)
    make_opaque(scene, 0.75)
    light = torch.arange(1.0, taps + 1)[:, None].expand(2, taps, 3).squeeze(1)
    scene.field.seen = scene.field.layers(*rays_at().places)._replace(foreground=light.log())
    losses = {name: loss.item() for name, loss in scene.losses(rays_at()).items()}
    expected = 3 / 16 * sum(tap**2 for tap in range(1, taps + 1)) / taps
    assert losses == {"hidden_foreground": pytest.approx(4 * expected)}


def test_terms_of_opacity_by_hand():
    scene = layered(undecided_opacity_mult=1.0, opacity_mult=2.0)
    make_opaque(scene, 0.25)
    assert losses_of(scene, rays_at()) == {
        "undecided_opacity": pytest.approx(-1 / (math.log(0.25) + math.log(0.75))),
        "opacity": pytest.approx(0.5),
    }


def test_mask_by_hand_for_its_steps(moving):
    scene = layered(moving, mask_steps=100)
    make_opaque(scene, 0.25)
    left_and_right = torch.tensor([[0.2, 0.5], [0.8, 0.5]])
    expected = {"mask": pytest.approx(2 * (0.75**2 + 0.25**2) / 2)}
    assert losses_of(scene, rays_at(left_and_right, step=99)) == expected
    assert losses_of(scene, rays_at(left_and_right, step=100)) == {}


def test_flow_by_hand(moving):
    scene = deformed(moving, flow_mult=1000.0)
    make_identity(scene.field.deformation)  # stands still, and so leaves the flow by two pixels of 89 steps in x
    distance = (2 * 2 / 89) ** 2
    upper_and_lower = torch.tensor([[0.5, 0.2], [0.5, 0.8]])
    # Flow from the first frame is not trusted in its upper half, and it has no frame before it.
    first = losses_of(scene, rays_at(upper_and_lower, 0.0, frame=0))
    assert first == {"flow": pytest.approx(1000 * distance / 2, rel=1e-3)}
    second = losses_of(scene, rays_at(upper_and_lower, 0.5, frame=1))
    assert second == {"flow": pytest.approx(1000 * distance, rel=1e-3)}
    late = losses_of(scene, rays_at(upper_and_lower, 0.5, frame=1, step=20_000))
    assert late == {"flow": pytest.approx(10 * distance, rel=1e-3)}


def test_without_a_trusted_flow_the_term_is_zero_and_finite(moving):
    scene = deformed(moving, flow_mult=1.0)
    scene.given.flow_is_valid.zero_()
    assert losses_of(scene, rays_at()) == {"flow": 0.0}


@pytest.mark.parametrize(("option", "folder"), [({"mask_steps": 1}, "mask/"), ({"flow_mult": 1.0}, "flow/")])
def test_what_a_loss_needs_must_be_there(option, folder):
    with pytest.raises(NeucamError, match=f"has no {folder} folder, which .* needs"):
        layered(**option)


def test_a_term_without_weight_is_not_computed(monkeypatch):
    def computed(*_):
        raise AssertionError("computed")

    for name in ("deformation_jacobian", "flow_error", "hidden_foreground", "undecided_opacity"):
        monkeypatch.setattr(module, name, computed)
    assert losses_of(layered(), rays_at()) == {}


def test_still_scenes_have_no_such_terms():
    assert build(SirenSceneConfig).losses(rays_at()) == {}


def test_every_term_teaches_what_it_is_about(moving):
    learns = {
        "rigidity": ("background.deformation", "foreground.deformation"),
        "flow": ("background.deformation", "foreground.deformation"),
        "hidden_foreground": ("opacity", "foreground.canonical"),
        "undecided_opacity": ("opacity",),
        "opacity": ("opacity",),
        "mask": ("opacity",),
    }
    scene = layered(
        moving,
        **{"rigidity_mult": 1.0, "rigidity_steps": 10, "mask_mult": 1.0, "mask_steps": 10, "flow_mult": 1.0},
        **{"hidden_foreground_mult": 1.0, "undecided_opacity_mult": 1.0, "opacity_mult": 1.0},
    )
    rays = rays_at(torch.rand(20, 2), 0.5, frame=1)
    scene.train().radiance(rays.places)
    losses = scene.losses(rays)
    assert set(losses) == set(learns)
    for name, parts in learns.items():
        scene.zero_grad()
        losses[name].backward(retain_graph=True)
        for part in parts:
            gradients = [parameter.grad for parameter in scene.field.get_submodule(part).parameters()]
            assert all(grad is not None and grad.isfinite().all() for grad in gradients), (name, part)
            assert any(grad.abs().sum() > 0 for grad in gradients), (name, part)
