"""Losses on deformations and layers: each by hand, and only where it has a weight, on its steps, on its scenes."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from neucam_nerfstudio.models.mask_and_flow import MaskAndFlow
from neucam_nerfstudio.models.motion_losses import MotionTraining, TrainingRays, deformations_of, motion_losses
from neucam_nerfstudio.models.scene_parts import build_scene
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes
from neucam_nerfstudio.scene.layered_scene import LayeredScene
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas

from neucam_nerfstudio.capture.side_maps import FrameFlow
from neucam_nerfstudio.models import motion_losses as module

TINY = MotionNetworkSizes(layer_width=8)
SIZES = NetworkSizes(atlas_width=8, deformation=TINY, foreground_deformation=TINY, opacity=TINY)
EVERYTHING = MotionTraining(
    **{"rigidity_mult": 1.0, "rigidity_steps": 10, "mask_mult": 1.0, "mask_steps": 10, "flow_mult": 1.0},
    **{"hidden_foreground_mult": 1.0, "undecided_opacity_mult": 1.0, "opacity_mult": 1.0},
)
STILL_RIGIDITY = math.sqrt(2) * (1 + 1 / 1.001)
"""Of a deformation that moves each pixel by one pixel a pixel."""


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
    maps = dataclasses.replace(capture.side_maps)
    maps.__dict__.update(mask=mask, flow=FrameFlow(flow_px, -flow_px, valid, valid))
    return dataclasses.replace(capture, side_maps=maps)


@pytest.fixture
def nothing_given(desk):
    return MaskAndFlow(desk, use_mask=False, use_flow=False)


def rays_of(scene, uv: torch.Tensor, time: float = 0.0, frame: int = 0) -> TrainingRays:
    """Rays without blur."""
    times = torch.full((len(uv), 1), time)
    layers = scene.layers(uv, times) if isinstance(scene, LayeredScene) else None
    return TrainingRays(uv, times, torch.full((len(uv),), frame), None, layers)


def make_identity(deformation: NeuralDeformation, scale: float = 1.0) -> None:
    """Lets the network answer d = (2 * scale - 1) * (y, x), so that the canonical place is scale * (y, x)."""

    def answer(tyx: torch.Tensor) -> torch.Tensor:
        return (2 * scale - 1) * tyx[..., 1:]

    deformation.raw = answer


def make_opaque(scene, opacity: float) -> None:
    with torch.no_grad():
        scene.opacity.network.layers[-1].weight.zero_()
        scene.opacity.network.layers[-1].bias.fill_(math.log(opacity / (1 - opacity)))


def terms(training: MotionTraining, scene, given, rays: TrainingRays, step: int = 0) -> dict[str, float]:
    return {name: loss.item() for name, loss in motion_losses(training, scene, given, rays, step).items()}


UV = torch.tensor([[0.25, 0.75], [0.6, 0.3]])


def test_rigidity_is_summed_over_the_deformations(desk, nothing_given):
    training = MotionTraining(rigidity_mult=0.5, rigidity_steps=10)
    for kind, count in (("deformed-siren", 1), ("layered-siren", 2)):
        scene = build_scene(kind, desk, SIZES)
        for deformation in deformations_of(scene):
            make_identity(deformation)
        losses = terms(training, scene, nothing_given, rays_of(scene, UV))
        assert losses == {"rigidity": pytest.approx(0.5 * count * STILL_RIGIDITY, rel=1e-3)}


def test_rigidity_is_measured_against_the_expected_scale(desk, nothing_given):
    scene = build_scene("deformed-siren", desk, SIZES)
    make_identity(scene.deformation, scale=0.8)
    training = MotionTraining(mapping_scale=0.8, rigidity_mult=1.0, rigidity_steps=10)
    assert terms(training, scene, nothing_given, rays_of(scene, UV))["rigidity"] == pytest.approx(
        STILL_RIGIDITY, rel=1e-3
    )


@pytest.mark.parametrize(("step", "acts"), [(0, True), (9, True), (10, False), (500, False)])
def test_rigidity_acts_for_its_steps(desk, nothing_given, step, acts):
    scene = build_scene("deformed-siren", desk, SIZES)
    training = MotionTraining(rigidity_mult=1.0, rigidity_steps=10)
    assert ("rigidity" in terms(training, scene, nothing_given, rays_of(scene, UV), step)) == acts


def test_sparsity_of_the_foreground_by_hand(desk, nothing_given):
    scene = build_scene("layered-siren", desk, SIZES)
    make_opaque(scene, 0.75)
    rays = rays_of(scene, UV)
    light = torch.tensor([1.0, 2.0])[:, None].expand(2, 3)
    rays = rays._replace(layers=rays.layers._replace(foreground=light.log()))
    # A quarter of 1 and of 2, squared, three colours each.
    expected = (3 / 16 + 3 * 4 / 16) / 2
    training = MotionTraining(hidden_foreground_mult=4.0)
    assert terms(training, scene, nothing_given, rays) == {"hidden_foreground": pytest.approx(4 * expected)}


def test_sparsity_of_the_foreground_looks_at_every_tap(desk, nothing_given):
    scene = build_scene("layered-siren", desk, SIZES)
    make_opaque(scene, 0.5)
    rays = rays_of(scene, UV)
    taps = torch.tensor([1.0, 2.0, 3.0])[:, None].log().expand(2, 3, 3)
    rays = rays._replace(layers=rays.layers._replace(foreground=taps))
    training = MotionTraining(hidden_foreground_mult=1.0)
    expected = 3 * (1 + 4 + 9) / 4 / 3
    assert terms(training, scene, nothing_given, rays) == {"hidden_foreground": pytest.approx(expected)}


def test_terms_of_opacity_by_hand(desk, nothing_given):
    scene = build_scene("layered-siren", desk, SIZES)
    make_opaque(scene, 0.25)
    training = MotionTraining(undecided_opacity_mult=1.0, opacity_mult=2.0)
    assert terms(training, scene, nothing_given, rays_of(scene, UV)) == {
        "undecided_opacity": pytest.approx(-1 / (math.log(0.25) + math.log(0.75))),
        "opacity": pytest.approx(0.5),
    }


def test_mask_by_hand_for_its_steps(moving):
    scene = build_scene("layered-siren", moving, SIZES)
    make_opaque(scene, 0.25)
    training = MotionTraining(mask_steps=100)
    given = MaskAndFlow(moving, use_mask=True, use_flow=False)
    left_and_right = torch.tensor([[0.2, 0.5], [0.8, 0.5]])
    rays = rays_of(scene, left_and_right)
    assert terms(training, scene, given, rays, 99) == {"mask": pytest.approx(2 * (0.75**2 + 0.25**2) / 2)}
    assert terms(training, scene, given, rays, 100) == {}


def test_flow_by_hand(moving):
    scene = build_scene("deformed-siren", moving, SIZES)
    make_identity(scene.deformation)  # stands still, and so leaves the flow by two pixels of 89 steps in x
    given = MaskAndFlow(moving, use_mask=False, use_flow=True)
    training = MotionTraining(flow_mult=1000.0)
    distance = (2 * 2 / 89) ** 2
    upper_and_lower = torch.tensor([[0.5, 0.2], [0.5, 0.8]])
    # Flow from the first frame is not trusted in its upper half, and it has no frame before it.
    rays = rays_of(scene, upper_and_lower, 0.0, frame=0)
    assert terms(training, scene, given, rays)["flow"] == pytest.approx(1000 * distance / 2, rel=1e-3)
    rays = rays_of(scene, upper_and_lower, 0.5, frame=1)
    assert terms(training, scene, given, rays)["flow"] == pytest.approx(1000 * distance, rel=1e-3)
    assert terms(training, scene, given, rays, step=20_000)["flow"] == pytest.approx(10 * distance, rel=1e-3)


def test_without_a_trusted_flow_the_term_is_zero_and_finite(moving):
    scene = build_scene("deformed-siren", moving, SIZES)
    given = MaskAndFlow(moving, use_mask=False, use_flow=True)
    given.flow_is_valid.zero_()
    assert terms(MotionTraining(flow_mult=1.0), scene, given, rays_of(scene, UV)) == {"flow": 0.0}


def test_a_term_without_weight_is_not_computed(desk, nothing_given, monkeypatch):
    def computed(*_):
        raise AssertionError("computed")

    for name in ("deformation_jacobian", "flow_error", "hidden_foreground", "undecided_opacity"):
        monkeypatch.setattr(module, name, computed)
    scene = build_scene("layered-siren", desk, SIZES)
    assert terms(MotionTraining(), scene, nothing_given, rays_of(scene, UV)) == {}


def test_still_scenes_have_no_such_terms(desk, nothing_given):
    scene = SirenAtlas(60, 90, layer_width=8)
    assert terms(EVERYTHING, scene, nothing_given, rays_of(scene, UV)) == {}


def test_every_term_teaches_what_it_is_about(moving):
    given = MaskAndFlow(moving, use_mask=True, use_flow=True)
    learns = {
        "rigidity": ("background.deformation", "foreground.deformation"),
        "flow": ("background.deformation", "foreground.deformation"),
        "hidden_foreground": ("opacity", "foreground.canonical"),
        "undecided_opacity": ("opacity",),
        "opacity": ("opacity",),
        "mask": ("opacity",),
    }
    scene = build_scene("layered-siren", moving, SIZES)
    losses = motion_losses(EVERYTHING, scene, given, rays_of(scene, torch.rand(20, 2), 0.5, frame=1), 0)
    assert set(losses) == set(learns)
    for name, parts in learns.items():
        scene.zero_grad()
        losses[name].backward(retain_graph=True)
        for part in parts:
            gradients = [parameter.grad for parameter in scene.get_submodule(part).parameters()]
            assert all(grad is not None and grad.isfinite().all() for grad in gradients), (name, part)
            assert any(grad.abs().sum() > 0 for grad in gradients), (name, part)


def test_our_opacity_costs_more_where_a_frame_is_blurred(desk_with_frames, nothing_given):
    scene = build_scene("moving-grid", desk_with_frames(3), SIZES)
    scene.opacity.start_from(torch.full((3, 60, 90), 0.25))
    uv, times = torch.tensor([[0.5, 0.5], [0.2, 0.7]]), torch.zeros(2, 1)
    radius_px = torch.tensor([[2.0], [4.0]])
    rays = TrainingRays(uv, times, torch.zeros(2, dtype=torch.long), radius_px, None)
    training = MotionTraining(opacity_mult=1.0, blurred_opacity_mult=0.5)
    losses = motion_losses(training, scene, nothing_given, rays, step=0)
    assert set(losses) == {"opacity", "blurred_opacity"}
    assert losses["opacity"].item() == pytest.approx(0.25, abs=1e-4)
    assert losses["blurred_opacity"].item() == pytest.approx(0.5 * 0.25 * (4 + 16) / 2, abs=1e-3)
    sharp = motion_losses(training, scene, nothing_given, rays._replace(blur_radius_px=None), step=0)
    assert set(sharp) == {"opacity"}


def test_our_motion_is_smooth(desk_with_frames, nothing_given):
    """Half of the cells of one of three frames, and of the moments beside them, moved by 3 px to the right."""
    scene = build_scene("moving-grid", desk_with_frames(3), SIZES)
    offset_px = torch.zeros(3, 60, 90, 2)
    offset_px[1, :, 48:, 0] = 3.0
    scene.motion.start_from(offset_px)
    rays = TrainingRays(torch.rand(2, 2), torch.zeros(2, 1), torch.zeros(2, dtype=torch.long), None, None)
    losses = motion_losses(MotionTraining(motion_variation_mult=2.0), scene, nothing_given, rays, step=0)
    assert set(losses) == {"motion_variation"}
    cells_across, moments, directions = 23, 5, 2
    expected = 2.0 * 3.0 / ((cells_across - 1) * moments * directions)
    assert losses["motion_variation"].item() == pytest.approx(expected, rel=0.05)
