"""nerfstudio's nerfacto as a scene of linear radiance: for captures from all around, and for graphics cards.

Its field, its proposal networks and their sampler, its losses and its contraction of space are nerfstudio's own (Tancik
et al. 2023). What differs: colours have no upper end, none belong to one photograph (exposure is the camera's), and
the part of space that is not contracted is where the cameras are and look.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import torch
import tyro
from jaxtyping import Float
from nerfstudio.cameras.rays import RayBundle, RaySamples
from nerfstudio.field_components.activations import trunc_exp
from nerfstudio.field_components.field_heads import FieldHeadNames
from nerfstudio.field_components.mlp import MLP
from nerfstudio.field_components.spatial_distortions import SceneContraction
from nerfstudio.fields.density_fields import HashMLPDensityField
from nerfstudio.fields.nerfacto_field import NerfactoField
from nerfstudio.model_components.losses import distortion_loss, interlevel_loss
from nerfstudio.model_components.ray_samplers import ProposalNetworkSampler
from nerfstudio.model_components.renderers import DepthRenderer
from nerfstudio.utils.external import TCNN_EXISTS
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.scene_depths import middle_disparities
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.parts import Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.scene.scene import March, Rays, SceneConfig
from neucam_nerfstudio.scene.volume.camera_start import estimate_camera, quantiles
from neucam_nerfstudio.scene.volume.hash_encoding import keep_constants_on_device
from neucam_nerfstudio.scene.volume.viewed_volume import DARKNESS, ViewedVolume

Implementation = Literal["tcnn", "torch"]
"""Of nerfstudio's networks: by tiny-cuda-nn, which needs a graphics card, or by torch alone."""

NEAREST, FARTHEST = 0.05, 1000.0
"""Where samples begin and end along rays, as in nerfacto; in halves of the box that is not contracted."""

RAYS_AT_ONCE = 4096
"""Rendered rays that are looked up together: about a gigabyte by torch alone."""

START_DENSITY = 0.01
"""Before anything is learned, as in nerfacto: thin, so that light from far away arrives, too."""

ANNEALED_STEPS, ANNEAL_SLOPE = 1000, 10.0
"""Over so many steps samples go over from anywhere along a ray to where proposals are (Mip-NeRF 360, eq. 18)."""

MOST_STEPS_BETWEEN, STEPS_OF_SLOWING = 5, 1000
"""Proposal networks learn in every step at first, and later, as in nerfacto, in every fifth."""


@dataclass
class NerfactoSceneConfig(SceneConfig):
    """A field from all around, of nerfstudio's parts. Names and numbers are nerfacto's, but half the samples a ray, as
    lenses ask for several rays a pixel."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: NerfactoScene)
    """The scene."""
    kind: Kind = "nerfacto"
    """Scene: nerfacto, volume (ours), or module:Class."""
    nearest_m: float | None = None
    """Distance from a camera at which rays begin, in metres of the capture; None finds it."""
    num_levels: int = 16
    """Of the hash encoding."""
    max_res: int = 2048
    """Cells each way of its finest level; a quarter of them lies in the part of space that is not contracted."""
    log2_hashmap_size: int = 19
    """Size of the table of each level."""
    num_proposal_samples_per_ray: tuple[int, int] = (128, 64)
    """Samples of the first and the second proposal network."""
    num_nerf_samples_per_ray: int = 32
    """Samples of the field."""
    interlevel_loss_mult: float = 1.0
    """On proposals that miss what the field finds."""
    distortion_loss_mult: float = 0.002
    """On how far apart along a ray it sees things."""
    implementation: Implementation = field(default_factory=lambda: implementation_here())
    """By tcnn where there is a graphics card and tiny-cuda-nn, else by torch, which any machine can load."""


@dataclass(frozen=True)
class FieldStart(CameraEstimate):
    """What photographs tell of camera and field before any training.

    Attributes:
        log_radiance: Mean over all of them, natural log.
    """

    log_radiance: Float[np.ndarray, " 3"]


class NerfactoScene(ViewedVolume):
    """Density and radiance by hash encoding and small networks, sampled where proposal networks say that something is.

    Args:
        config: Size and losses.
        capture: Of many views.

    Raises:
        NeucamError: The capture has one view.
    """

    centre: Float[Tensor, " 3"]
    mean_log_radiance: Float[Tensor, " 3"]

    def __init__(self, config: NerfactoSceneConfig, capture: Capture) -> None:
        super().__init__(config.kind, capture)
        self.config = config
        centre, self.reach = box_looked_at(capture)
        nearest_m = config.nearest_m
        self.near = NEAREST if nearest_m is None else nearest_m / (self.views.metres_per_unit * self.reach)
        self.register_buffer("centre", as_tensor(centre, "cpu"))
        self.register_buffer("mean_log_radiance", torch.zeros(3))
        box, contraction = torch.tensor([[-1.0] * 3, [1.0] * 3]), SceneContraction(order=math.inf)
        self.field = NerfactoField(
            box,
            num_images=len(capture.train_indices),
            num_levels=config.num_levels,
            max_res=config.max_res,
            log2_hashmap_size=config.log2_hashmap_size,
            appearance_embedding_dim=0,
            average_init_density=START_DENSITY,
            spatial_distortion=contraction,
            implementation=config.implementation,
        )
        # nerfstudio's ends in a sigmoid: ours gives log radiance beside its mean, which has no upper end.
        self.field.mlp_head = MLP(
            in_dim=self.field.direction_encoding.get_out_dim() + self.field.geo_feat_dim,
            num_layers=3,
            layer_width=64,
            out_dim=3,
            activation=nn.ReLU(),
            implementation=config.implementation,
        )
        self.proposals = nn.ModuleList(
            HashMLPDensityField(
                box,
                hidden_dim=16,
                num_levels=5,
                max_res=most,
                log2_hashmap_size=17,
                average_init_density=START_DENSITY,
                spatial_distortion=contraction,
                implementation=config.implementation,
            )
            for most in (128, 256)
        )
        keep_constants_on_device(self)
        self.sampler = ProposalNetworkSampler(
            num_proposal_samples_per_ray=config.num_proposal_samples_per_ray,
            num_nerf_samples_per_ray=config.num_nerf_samples_per_ray,
            num_proposal_network_iterations=len(self.proposals),
            single_jitter=True,
            update_sched=steps_to_wait,
        )
        self._step = 0
        self._sampled: tuple[list[Tensor], list[RaySamples]] | None = None
        self.notes = (said_of_field(self.reach * self.views.metres_per_unit),)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it is learned at one rate."""
        return {"field": list(self.parameters())}

    def march(self, rays: Rays) -> March:
        """By quadrature; what passes all samples is the last one's, and the distance is the middle one's. Rays that
        learn are looked up at once, others some at a time."""
        shape, flat = rays.times.shape[:-1], rays.reshaped(-1)
        learns = self.training and torch.is_grad_enabled()
        at_once = max(1, len(flat.origins)) if learns else RAYS_AT_ONCE
        seen = [self._march(*some) for some in zip(*(along.split(at_once) for along in flat[:2]), strict=True)]
        radiance, distance = (torch.cat(parts) for parts in zip(*seen, strict=True))
        return March(radiance.view(*shape, 3), distance.view(*shape, 1))

    def _march(
        self, origins: Float[Tensor, "rays 3"], directions: Float[Tensor, "rays 3"]
    ) -> tuple[Float[Tensor, "rays 3"], Float[Tensor, "rays 1"]]:
        """Radiance, and distance in world units."""
        ones = torch.ones_like(origins[:, :1])
        bundle = RayBundle(
            origins=(origins - self.centre) / self.reach,
            directions=directions,
            pixel_area=ones,
            camera_indices=torch.zeros_like(ones, dtype=torch.long),
            nears=self.near * ones,
            fars=FARTHEST * ones,
        )
        self.sampler.set_anneal(anneal_at(self._step) if self.training else 1.0)
        densities = [network.density_fn for network in self.proposals]
        with origins.device:  # where the sampler makes its numbers, which it would have to bring there
            samples, weights_of, samples_of = self.sampler(bundle, density_fns=densities)
        found = self.field(samples)
        weights = samples.get_weights(found[FieldHeadNames.DENSITY])
        radiance = trunc_exp(found[FieldHeadNames.RGB] + self.mean_log_radiance) + DARKNESS
        passes = (1 - weights.sum(-2)).clamp(min=0)
        seen = (weights * radiance).sum(-2) + passes * radiance[:, -1]
        if self.training and seen.requires_grad:
            self._sampled = [*weights_of, weights], [*samples_of, samples]
        return seen, self.reach * DepthRenderer(method="median")(weights.detach(), samples)

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`interlevel` and `distortion` of the rays of this step. The next step of the sampler begins here, too, which
        nerfacto tells it by callbacks of its model."""
        self._step = rays.step + 1
        self.sampler.step_cb(self._step)
        if self._sampled is None:
            return {}
        sampled, self._sampled = self._sampled, None
        return {
            "interlevel": self.config.interlevel_loss_mult * interlevel_loss(*sampled),
            "distortion": self.config.distortion_loss_mult * distortion_loss(*sampled),
        }

    def estimate(self, known: Start, response: ResponseTable | None) -> Start:
        """Response, exposures and the mean light, from the brightnesses of all photographs."""
        camera = estimate_camera(known, response)
        log_radiance = mean_log_radiance(known, camera)
        return replace(known, estimate=FieldStart(camera.response, camera.exposure_stops, log_radiance))

    def start(self, start: Start) -> str | None:
        """Takes the mean light; of the rest nothing is known."""
        if isinstance(start.estimate, FieldStart):
            self.mean_log_radiance.copy_(as_tensor(start.estimate.log_radiance, self.mean_log_radiance.device))
        return None


def implementation_here() -> Implementation:
    """What serves this machine best."""
    return "tcnn" if TCNN_EXISTS and torch.cuda.is_available() else "torch"


def anneal_at(step: int) -> float:
    """The power that proposals' weights are raised to: from 0, which is anywhere along a ray, to 1."""
    share = min(1.0, step / ANNEALED_STEPS)
    return ANNEAL_SLOPE * share / ((ANNEAL_SLOPE - 1) * share + 1)


def steps_to_wait(step: int) -> float:
    """After how many marches the sampler lets proposals learn again: at once in a step in which they learn, else never.
    A step marches once or twice, so that marches cannot be counted as nerfacto counts them."""
    every = min(max(step // STEPS_OF_SLOWING, 1), MOST_STEPS_BETWEEN)
    return -1 if step % every == 0 else math.inf


def box_looked_at(capture: Capture) -> tuple[Float[np.ndarray, " 3"], float]:
    """Middle and half side, world units, of the smallest cube around all training cameras and what they look at: as far
    away as they are focused, by and large, else where their axes meet or points of structure from motion are."""
    views, trained = capture.views, np.array(capture.train_indices)
    assert views is not None
    distances = views.focus_distance_m[trained] / views.metres_per_unit
    distances = distances[np.isfinite(distances)]
    middle = 1 / middle_disparities(views, [None] * len(views.places))[trained]
    depth = np.full(len(trained), np.median(distances)) if len(distances) else middle
    places = views.places[trained]
    all_places = np.concatenate([places, places + depth[:, None] * views.axes[trained]])
    low, high = all_places.min(0), all_places.max(0)
    return (low + high) / 2, float((high - low).max() / 2)


def mean_log_radiance(known: Start, camera: CameraEstimate) -> Float[np.ndarray, " 3"]:
    """Of all training photographs, natural log; what is black or white counts as what they show."""
    light = [
        camera.response.decode(quantiles(known.photograph(index), known.coverage(index))).mean(0) - LN2 * stops
        for index, stops in zip(known.capture.train_indices, camera.exposure_stops, strict=True)
    ]
    return np.mean(light, axis=0).astype(np.float32)


def said_of_field(reach_m: float) -> str:
    """Which part of space is seen best, and what training takes, in a sentence."""
    here = "" if torch.cuda.is_available() else " There is no graphics card here, so a step takes long:"
    less = here and " --pipeline.datamanager.train-num-rays-per-batch 256 makes it shorter."
    return (
        f"nerfacto: a field from all around, finest in a cube of {2 * reach_m:.3g} m around cameras and what they look"
        f" at. It starts from nothing: give --max-num-iterations 30000.{here}{less}"
    )
