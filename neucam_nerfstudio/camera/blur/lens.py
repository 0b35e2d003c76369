"""Our blur generator: a thin lens. Every pixel has a defocus; its distance from the focus position is its blur."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from itertools import pairwise

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig, BlurGenerator, Taps, planar_radius_px
from neucam_nerfstudio.camera.settings import CameraSettings, of_rays
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.classical.warm_start import WarmStart
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.grids.plane_pyramid import PlanePyramid, check_learned_cells, sample_plane
from neucam_nerfstudio.parts import Dial, Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces, Scene

TRAIN_TAPS = 12
"""Taps of a training ray; they are turned at random, so that the mean over steps covers the whole disc."""

RENDER_TAPS = ((0.25, 32), (2.0, 64))
"""Taps of a rendered ray from a blur radius in pixels on; with less blur than the first it has one. They stand still,
so that pictures have no grain."""

APERTURE_DIAL = Dial(
    "aperture", "Aperture (x as shot)", "Factor on the blur: 0 is all in focus.", ends=(0.0, 3.0), step=0.05
)

START_RADIUS_PX = 3.0
"""Blur radius of one unit of defocus before anything is known of the lens."""


GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
"""Radians: points so far turned from one to the next never line up (Vogel 1979)."""


def disc_taps(num_taps: int) -> Float[Tensor, "taps 2"]:
    """Points spread evenly over the unit disc, from its centre outwards (Vogel 1979, golden-angle spiral)."""
    order = torch.arange(num_taps, dtype=torch.float32)
    radius = torch.sqrt((order + 0.5) / num_taps)
    angle = order * GOLDEN_ANGLE
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)


@dataclass
class LensBlurConfig(BlurConfig):
    """Our blur generator for focus stacks."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: LensBlur)
    """The blur generator."""
    kind: Kind = "lens"
    """Blur: lens, motion (ours), neural-kernel (published), none, or module:Class for a BlurConfig of your own."""
    most_learned_cells: int = 600_000
    """Of a larger picture, the map of the defocus is learned on a grid of so many cells."""
    variation_mult: float = 3e-4
    """On differences of neighbouring values of the defocus."""


class LensBlur(BlurGenerator[PlanePlaces]):
    """Disc of radius = aperture * radius_px * |defocus(u, v) - focus position|, as a thin lens spreads a point.

    `defocus` is one map for all frames, on the scale of the focus positions: a pixel is sharp where the two are equal.
    A learned residual weighs the disc from its centre to its rim, apart for points in front of and behind the focus, as
    spherical aberration and vignetting do.

    Args:
        config: Size and losses.
        capture: The photographs.
        scene: What is blurred.
    """

    picture_size_px: Float[Tensor, " 2"]
    focus_evidence: Float[Tensor, "1 1 height width"]

    def __init__(self, config: LensBlurConfig, capture: Capture, scene: Scene) -> None:
        super().__init__()
        check_learned_cells("blur", config.most_learned_cells)
        self.config = config
        height, width = capture.height, capture.width
        self.defocus = PlanePyramid(1, height, width, most_learned_cells=config.most_learned_cells)
        self._defocus_range = ParameterMemo(self.defocus, self._find_defocus_range)
        self.log_radius_px = nn.Parameter(torch.tensor(math.log(START_RADIUS_PX)))
        self.rim_log_weight = nn.Parameter(torch.zeros(2))
        for num_taps in (TRAIN_TAPS, *(taps for _, taps in RENDER_TAPS)):
            self.register_buffer(f"disc_{num_taps}", disc_taps(num_taps), persistent=False)
        self.register_buffer("focus_evidence", torch.ones(1, 1, *self.defocus.grids[0].shape[-2:]))
        self.register_buffer("picture_size_px", torch.tensor([width, height], dtype=torch.float32), persistent=False)

    def disc(self, num_taps: int) -> Float[Tensor, "taps 2"]:
        """The disc with so many taps, kept on the device."""
        return self.get_buffer(f"disc_{num_taps}")

    def signed_radius_px(
        self, uv: Float[Tensor, "rays 2"], focus_position: Float[Tensor, "rays 1"]
    ) -> Float[Tensor, "rays 1"]:
        """Blur radius in pixels at the captured aperture; its sign tells which side of the focus a pixel lies on."""
        return self.log_radius_px.exp() * (self.defocus.sample(uv) - focus_position)

    def _learned_where_told(
        self, signed_radius_px: Float[Tensor, "rays 1"], uv: Float[Tensor, "rays 2"]
    ) -> Float[Tensor, "rays 1"]:
        """The same radius, of which defocus and lens learn as much as detail tells of the focus: elsewhere photographs
        differ by what is no blur, and the lens would be bent to explain it."""
        told = sample_plane(self.focus_evidence, uv)
        return torch.lerp(signed_radius_px.detach(), signed_radius_px, told)

    def forward(self, places: PlanePlaces, settings: CameraSettings) -> Taps[PlanePlaces]:
        """Taps on a disc around each pixel: few and turned at random while training, else many that stand still."""
        signed_radius_px = self.signed_radius_px(places.uv, of_rays(settings.focus_position))
        if self.training:
            signed_radius_px = self._learned_where_told(signed_radius_px, places.uv)
        radius_uv = settings.aperture * signed_radius_px.abs() / self.picture_size_px
        if not self.training:
            return self._standing_taps(places, signed_radius_px, radius_uv, RENDER_TAPS[-1][1])
        angle = 2 * math.pi * torch.rand_like(signed_radius_px)
        across = radius_uv * torch.cat([angle.cos(), angle.sin()], -1)
        down = radius_uv * torch.cat([-angle.sin(), angle.cos()], -1)
        disc = self.disc(TRAIN_TAPS)
        uv = torch.addcmul(places.uv[:, None], across[:, None], disc[:, :1])
        uv = torch.addcmul(uv, down[:, None], disc[:, 1:])
        return self._taps(uv, places, signed_radius_px, disc)

    def spread(
        self, scene: PlanarScene, places: PlanePlaces, settings: CameraSettings
    ) -> tuple[Float[Tensor, "rays 3"], Taps[PlanePlaces] | None]:
        """Linear radiance that pixels collect. On a processor, pixels of a picture have as many taps as their blur
        needs; a graphics card does not wait for them to be counted, and takes all."""
        if self.training or places.uv.device.type != "cpu":
            return super().spread(scene, places, settings)
        signed_radius_px = self.signed_radius_px(places.uv, of_rays(settings.focus_position))
        radius_px = settings.aperture * signed_radius_px.abs()
        radiance = torch.empty_like(places.uv[:, :1]).repeat(1, 3)
        for (least, num_taps), (most, _) in pairwise(((0.0, 1), *RENDER_TAPS, (math.inf, 0))):
            rays = ((radius_px >= least) & (radius_px < most))[:, 0].nonzero()[:, 0]
            some = PlanePlaces(places.uv[rays], places.times[rays])
            if num_taps == 1:
                radiance[rays] = scene.radiance(some)
            elif len(rays) > 0:
                radius_uv = radius_px[rays] / self.picture_size_px
                radiance[rays] = self.gather(
                    scene, self._standing_taps(some, signed_radius_px[rays], radius_uv, num_taps)
                )
        return radiance, None

    def _standing_taps(
        self,
        places: PlanePlaces,
        signed_radius_px: Float[Tensor, "rays 1"],
        radius_uv: Float[Tensor, "rays 2"],
        num_taps: int,
    ) -> Taps[PlanePlaces]:
        disc = self.disc(num_taps)
        uv = torch.addcmul(places.uv[:, None], radius_uv[:, None], disc)
        return self._taps(uv, places, signed_radius_px, disc)

    def _taps(
        self,
        uv: Float[Tensor, "rays taps 2"],
        places: PlanePlaces,
        signed_radius_px: Float[Tensor, "rays 1"],
        disc: Float[Tensor, "taps 2"],
    ) -> Taps[PlanePlaces]:
        times = places.times[:, None].expand(-1, len(disc), -1)
        return Taps(PlanePlaces(uv, times), self._weights(signed_radius_px, disc))

    def radius_px(self, places: PlanePlaces, taps: Taps[PlanePlaces]) -> Float[Tensor, "rays 1"]:
        """Radius in pixels of the even disc that spreads light as far as these taps do."""
        return planar_radius_px(places.uv, taps, self.picture_size_px)

    def sharp_focus_position(self, places: PlanePlaces) -> Float[Tensor, "*batch 1"]:
        """Focus position at which each place is sharp."""
        return self.defocus.sample(places.uv)

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`defocus_variation`."""
        if self.config.variation_mult == 0:
            return {}
        return {"defocus_variation": self.config.variation_mult * self.defocus.total_variation()}

    def metrics(self) -> dict[str, Float[Tensor, ""]]:
        """`blur_radius_px`: of one unit of defocus."""
        return {"blur_radius_px": self.log_radius_px.detach().exp()}

    def dials(self) -> tuple[Dial, ...]:
        """The aperture."""
        return (APERTURE_DIAL,)

    def start(self, start: Start) -> str | None:
        """Takes the map of the defocus, and the radius between settings, from what focus fusion has found."""
        estimate = start.estimate
        if not isinstance(estimate, WarmStart):
            return None
        positions = start.trained_focus_positions().to(self.log_radius_px)
        if estimate.focus_evidence is not None:
            evidence = as_tensor(estimate.focus_evidence, positions.device)[None, None]
            self.focus_evidence.copy_(F.interpolate(evidence, self.focus_evidence.shape[-2:], mode="area"))
        if estimate.blur_per_setting_px > 0:
            self._start_lens(
                positions, as_tensor(estimate.sharpest_focus, positions.device), estimate.blur_per_setting_px
            )
        else:  # nothing shows any blur, so all is where the photographs are focused
            mean = positions.mean().expand(start.capture.height, start.capture.width, 1)
            self.defocus.start_from(mean)
        said = f"Blur {2 * estimate.blur_per_setting_px:.1f} px in radius one focus setting out of focus."
        if self.defocus.detail is None:
            return said
        height, width = self.defocus.grids[0].shape[-2:]
        return (
            f"{said} Of the defocus, detail finer than {width}x{height} cells stays as it is;"
            f" --pipeline.model.blur.most-learned-cells {start.capture.height * start.capture.width} learns it."
        )

    @torch.no_grad()
    def _start_lens(
        self,
        positions: Float[Tensor, " settings"],
        sharpest_focus: Float[Tensor, "height width"],
        blur_per_setting_px: float,
    ) -> None:
        """Defocus where each pixel is sharpest, and the radius whose spread along an axis (half of it) was seen."""
        below = sharpest_focus.floor().long().clamp(0, len(positions) - 2)
        share = sharpest_focus - below
        defocus = positions[below] * (1 - share) + positions[below + 1] * share
        self.defocus.start_from(defocus[..., None])
        spacing = (positions[-1] - positions[0]) / (len(positions) - 1)
        self.log_radius_px.copy_(torch.log(2 * blur_per_setting_px / spacing))

    def _weights(
        self, signed_radius_px: Float[Tensor, "rays 1"], disc: Float[Tensor, "taps 2"]
    ) -> Float[Tensor, "rays taps"]:
        """Share of each tap: even, but for the residual, which grows from the centre (0) to the rim."""
        sides = F.softmax(self.rim_log_weight[:, None] * disc.square().sum(-1), -1)
        behind = torch.sigmoid(4 * signed_radius_px)
        return behind * sides[0] + (1 - behind) * sides[1]

    @property
    def even_radius_px(self) -> Float[Tensor, ""]:
        """Radius of the even disc that spreads light as far as one unit of defocus does, a mean of both sides."""
        square = self.disc(RENDER_TAPS[-1][1]).square().sum(-1)
        sides = F.softmax(self.rim_log_weight.detach()[:, None] * square, -1)
        return self.log_radius_px.detach().exp() * (2 * (sides * square).sum(-1)).sqrt().mean()

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Largest blur radius at the captured aperture when focused on the nearest or farthest thing seen."""
        with torch.no_grad():
            return self.log_radius_px.exp() * self._defocus_range()

    def _find_defocus_range(self) -> Float[Tensor, ""]:
        defocus = self.defocus.image()
        return defocus.amax() - defocus.amin()
