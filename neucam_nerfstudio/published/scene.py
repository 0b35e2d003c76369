"""The published scenes: one sine network for the picture, alone, deformed, or twice as foreground and background."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Kind, Start, TrainingRays
from neucam_nerfstudio.published.fields import (
    NeuralDeformation,
    NeuralOpacity,
    SirenAtlas,
    TwoLayerField,
    warm_up_deformation,
)
from neucam_nerfstudio.published.motion_losses import (
    FlowToNeighbour,
    MaskAndFlow,
    deformation_jacobian,
    flow_error,
    hidden_foreground,
    rigidity,
    undecided_opacity,
)
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.scene.plane_field import DeformedField, PlaneField
from neucam_nerfstudio.scene.scene import PlanarScene, SceneConfig

FLOW_DECAY_STEPS = 10_000
"""Steps over which the published weight of given flow falls to a tenth."""


@dataclass
class SirenSceneConfig(SceneConfig):
    """The published scene that stands still."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: SirenScene)
    """The scene."""
    kind: Kind = "siren"
    """Scene: grid or moving-grid (ours), siren, deformed-siren or layered-siren (published), or module:Class."""
    atlas_width: int = 512
    """Size of a SIREN atlas's hidden layers."""
    atlas_layers: int = 5
    """Linear layers of a SIREN atlas."""

    def build_field(self, capture: Capture) -> PlaneField:
        """The atlas: a network of one picture."""
        return SirenAtlas(capture.height, capture.width, self.atlas_width, self.atlas_layers)


class SirenScene(PlanarScene):
    """What the configuration builds, and for a scene that stands still all there is."""

    def __init__(self, config: SirenSceneConfig, capture: Capture) -> None:
        super().__init__(config.build_field(capture), capture)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"scene": list(self.field.parameters())}


@dataclass
class DeformedSirenConfig(SirenSceneConfig):
    """The published scene that moves; a term of weight 0, or past its steps, is not computed."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: DeformedSirenScene)
    """The scene."""
    kind: Kind = "deformed-siren"
    """Scene: grid or moving-grid (ours), siren, deformed-siren or layered-siren (published), or module:Class."""
    deformation: NetworkSizes = field(default_factory=NetworkSizes)
    """The deformation of the one atlas, or of the background's."""
    mapping_scale: float = 1.0
    """Scale of a deformation's answers after its warm-up, against which rigidity is measured (`uv_mapping_scale`)."""
    warm_up_rounds: int = 0
    """Steps on every frame that make deformations near still before training (published for videos: 100)."""
    rigidity_mult: float = 0.0
    """On departures of each deformation from a rotation, divided by the scale."""
    rigidity_steps: int = 0
    """Rigidity acts for so many steps."""
    flow_mult: float = 0.0
    """On deformations that leave the capture's optical flow (published: 1000); falls to a tenth every 10,000 steps. The
    capture then needs a flow/ folder."""

    def build_field(self, capture: Capture) -> PlaneField:
        """One atlas, seen through a deformation."""
        return self.deformed_atlas(capture, self.deformation)

    def deformed_atlas(self, capture: Capture, sizes: NetworkSizes) -> DeformedField:
        """An atlas seen through a deformation of these sizes."""
        return DeformedField(super().build_field(capture), NeuralDeformation(capture.height, capture.width, sizes))


class DeformedSirenScene(SirenScene):
    """An atlas that moves, and what is asked of its deformation."""

    def __init__(self, config: DeformedSirenConfig, capture: Capture) -> None:
        super().__init__(config, capture)
        self.config = config
        self.given = MaskAndFlow(capture, getattr(config, "mask_steps", 0) > 0, config.flow_mult > 0)

    @property
    def deformations(self) -> list[NeuralDeformation]:
        """The background's first."""
        return [module for module in self.field.modules() if isinstance(module, NeuralDeformation)]

    def start(self, start: Start) -> str | None:
        """Makes the deformations near still."""
        rounds, num_frames = self.config.warm_up_rounds, len(start.capture.frames)
        if rounds == 0:
            return None
        for deformation in self.deformations:
            warm_up_deformation(deformation, num_frames, self.config.mapping_scale, rounds)
        return f"Warmed up {len(self.deformations)} deformations: {rounds} rounds over {num_frames} frames."

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`rigidity` and `flow`."""
        config, losses, deformations = self.config, {}, self.deformations
        tyx = deformations[0].coordinates.tyx_from_uv(*rays.places)
        if config.rigidity_mult > 0 and rays.step < config.rigidity_steps:
            jacobians = [deformation_jacobian(deformation, tyx) for deformation in deformations]
            terms = [rigidity(jacobian, config.mapping_scale).mean() for jacobian in jacobians]
            losses["rigidity"] = config.rigidity_mult * sum(terms)
        if config.flow_mult > 0:
            weight = config.flow_mult * 0.1 ** (rays.step / FLOW_DECAY_STEPS)
            flows = self.given.flows_at(rays.places.uv, rays.frame_index)
            losses["flow"] = weight * sum(_mean_flow_error(deformation, tyx, flows) for deformation in deformations)
        return losses


@dataclass
class LayeredSirenConfig(DeformedSirenConfig):
    """The published scene of a foreground before a background, both of which move."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: LayeredSirenScene)
    """The scene."""
    kind: Kind = "layered-siren"
    """Scene: grid or moving-grid (ours), siren, deformed-siren or layered-siren (published), or module:Class."""
    foreground_deformation: NetworkSizes = field(default_factory=NetworkSizes)
    """The deformation of the foreground's atlas."""
    opacity: NetworkSizes = field(default_factory=NetworkSizes)
    """The foreground's opacity."""
    hidden_foreground_mult: float = 0.0
    """On light of the foreground where the background shows (sparsity 1)."""
    undecided_opacity_mult: float = 0.0
    """On opacities that are neither 0 nor 1 (sparsity 2)."""
    opacity_mult: float = 0.0
    """On the mean opacity: keeps the foreground small (alpha)."""
    mask_mult: float = 2.0
    """On opacities that differ from the capture's masks."""
    mask_steps: int = 0
    """Masks act for so many steps; the capture then needs a mask/ folder."""

    def build_field(self, capture: Capture) -> TwoLayerField:
        """Two atlases, each seen through its deformation, mixed by an opacity."""
        return TwoLayerField(
            background=self.deformed_atlas(capture, self.deformation),
            foreground=self.deformed_atlas(capture, self.foreground_deformation),
            opacity=NeuralOpacity(capture.height, capture.width, self.opacity),
        )


class LayeredSirenScene(DeformedSirenScene):
    """Two layers that move, and what is asked of them besides."""

    config: LayeredSirenConfig
    field: TwoLayerField

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """Those of the deformations, `hidden_foreground`, `undecided_opacity`, `opacity` and `mask`."""
        config, losses = self.config, super().losses(rays)
        opacity = self.field.opacity(*rays.places)
        if config.hidden_foreground_mult > 0 and self.field.seen is not None:
            foreground = self.field.seen.foreground.reshape(len(opacity), -1, 3)
            hidden = hidden_foreground(opacity, foreground).mean()
            losses["hidden_foreground"] = config.hidden_foreground_mult * hidden
        if config.undecided_opacity_mult > 0:
            losses["undecided_opacity"] = config.undecided_opacity_mult * undecided_opacity(opacity).mean()
        if config.opacity_mult > 0:
            losses["opacity"] = config.opacity_mult * opacity.mean()
        if config.mask_mult > 0 and rays.step < config.mask_steps:
            masked = self.given.mask_at(rays.places.uv, rays.frame_index)
            losses["mask"] = config.mask_mult * (opacity - masked).square().mean()
        return losses


def _mean_flow_error(
    deformation: NeuralDeformation, tyx: Float[Tensor, "rays 3"], flows: tuple[FlowToNeighbour, ...]
) -> Float[Tensor, ""]:
    """Mean over the pixels with trusted flow, then over both neighbours."""
    errors = []
    for flow in flows:
        error = flow_error(deformation, tyx, flow.flow_px, flow.frame_step)
        errors.append((flow.is_valid * error).sum() / flow.is_valid.sum().clamp(min=1))
    return torch.stack(errors).mean()
