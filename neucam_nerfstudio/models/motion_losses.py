"""How deformations and layers are trained: losses on them, when each acts, and the published ones' warm-up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from jaxtyping import Float, Int
from torch import Tensor

from neucam_nerfstudio.models.mask_and_flow import MaskAndFlow
from neucam_nerfstudio.published.motion_losses import (
    deformation_jacobian,
    flow_error,
    hidden_foreground,
    rigidity,
    undecided_opacity,
)
from neucam_nerfstudio.scene.layered_scene import LayeredScene, Layers
from neucam_nerfstudio.scene.moving_scene import MovingScene
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation
from neucam_nerfstudio.scene.scene_field import SceneField

FLOW_DECAY_STEPS = 10_000
"""Steps over which the published weight of given flow falls to a tenth."""


@dataclass
class MotionTraining:
    """Training of deformations and layers; a term of weight 0, or past its steps, is not computed."""

    mapping_scale: float = 1.0
    """Scale of a deformation's answers after its warm-up, against which rigidity is measured (`uv_mapping_scale`)."""
    warm_up_rounds: int = 0
    """Steps on every frame that make deformations near still before training (published for videos: 100)."""
    rigidity_mult: float = 0.0
    """On departures of each deformation from a rotation, divided by the scale."""
    rigidity_steps: int = 0
    """Rigidity acts for so many steps."""
    hidden_foreground_mult: float = 0.0
    """On light of the foreground where the background shows (sparsity 1)."""
    undecided_opacity_mult: float = 0.0
    """On opacities that are neither 0 nor 1 (sparsity 2)."""
    opacity_mult: float = 0.0
    """On the mean opacity: keeps the foreground small (alpha)."""
    blurred_opacity_mult: float = 0.0
    """On opacity times the square of the blur's radius in pixels: a frame blurred by motion is no sharp picture."""
    motion_variation_mult: float = 0.0
    """On differences of our motion between neighbouring cells, in pixels."""
    mask_mult: float = 2.0
    """On opacities that differ from the capture's masks."""
    mask_steps: int = 0
    """Masks act for so many steps; the capture then needs a mask/ folder."""
    flow_mult: float = 0.0
    """On deformations that leave the capture's optical flow (published: 1000); falls to a tenth every 10,000 steps. The
    capture then needs a flow/ folder."""


class TrainingRays(NamedTuple):
    """Where a batch's rays went, for losses on what lies there.

    Attributes:
        uv: Places of the picture, [0, 1].
        times: Times, [0, 1].
        frame_index: The training frame of each ray.
        blur_radius_px: Radius that the light of each ray is spread by; None where nothing is blurred, or no loss asks.
        layers: What layers hold at each ray's taps, `[rays, taps, ...]`, or `[rays, ...]` where nothing is blurred;
            None for scenes without layers.
    """

    uv: Float[Tensor, "rays 2"]
    times: Float[Tensor, "rays 1"]
    frame_index: Int[Tensor, " rays"]
    blur_radius_px: Float[Tensor, "rays 1"] | None
    layers: Layers | None


def deformations_of(scene: SceneField) -> list[NeuralDeformation]:
    """The published deformations of a scene, the background's first."""
    return [module for module in scene.modules() if isinstance(module, NeuralDeformation)]


def motion_losses(
    training: MotionTraining, scene: SceneField, given: MaskAndFlow, rays: TrainingRays, step: int
) -> dict[str, Float[Tensor, ""]]:
    """Weighted terms by name, for the parts that the scene has.

    Args:
        training: Weights and when they act.
        scene: The scene field.
        given: The capture's masks and flow, where they are used.
        rays: The batch's.
        step: The training step.
    """
    deformations = deformations_of(scene)
    losses = {}
    if training.rigidity_mult > 0 and step < training.rigidity_steps and deformations:
        terms = [_rigidity(deformation, rays, training.mapping_scale) for deformation in deformations]
        losses["rigidity"] = training.rigidity_mult * sum(terms)
    if training.flow_mult > 0 and deformations:
        weight = training.flow_mult * 0.1 ** (step / FLOW_DECAY_STEPS)
        losses["flow"] = weight * sum(_flow(deformation, given, rays) for deformation in deformations)
    if training.motion_variation_mult > 0 and isinstance(scene, MovingScene):
        losses["motion_variation"] = training.motion_variation_mult * scene.motion.offset_px.total_variation()
    if isinstance(scene, LayeredScene | MovingScene):
        losses |= _layer_losses(training, scene, given, rays, step)
    return losses


def _layer_losses(
    training: MotionTraining, scene: LayeredScene | MovingScene, given: MaskAndFlow, rays: TrainingRays, step: int
) -> dict[str, Float[Tensor, ""]]:
    opacity = scene.opacity(rays.uv, rays.times)
    losses = {}
    if training.hidden_foreground_mult > 0 and rays.layers is not None:
        foreground = rays.layers.foreground.reshape(len(rays.uv), -1, 3)
        losses["hidden_foreground"] = training.hidden_foreground_mult * hidden_foreground(opacity, foreground).mean()
    if training.undecided_opacity_mult > 0:
        losses["undecided_opacity"] = training.undecided_opacity_mult * undecided_opacity(opacity).mean()
    if training.opacity_mult > 0:
        losses["opacity"] = training.opacity_mult * opacity.mean()
    if training.blurred_opacity_mult > 0 and rays.blur_radius_px is not None:
        spread = rays.blur_radius_px.detach().square()
        losses["blurred_opacity"] = training.blurred_opacity_mult * (opacity * spread).mean()
    if training.mask_mult > 0 and step < training.mask_steps:
        masked = given.mask_at(rays.uv, rays.frame_index)
        losses["mask"] = training.mask_mult * (opacity - masked).square().mean()
    return losses


def _rigidity(deformation: NeuralDeformation, rays: TrainingRays, scale: float) -> Float[Tensor, ""]:
    tyx = deformation.coordinates.tyx_from_uv(rays.uv, rays.times)
    return rigidity(deformation_jacobian(deformation, tyx), scale).mean()


def _flow(deformation: NeuralDeformation, given: MaskAndFlow, rays: TrainingRays) -> Float[Tensor, ""]:
    """Mean over the pixels with trusted flow, then over both neighbours."""
    tyx = deformation.coordinates.tyx_from_uv(rays.uv, rays.times)
    errors = []
    for flow in given.flows_at(rays.uv, rays.frame_index):
        error = flow_error(deformation, tyx, flow.flow_px, flow.frame_step)
        errors.append((flow.is_valid * error).sum() / flow.is_valid.sum().clamp(min=1))
    return sum(errors) / len(errors)
