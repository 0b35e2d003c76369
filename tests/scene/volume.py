"""A small volume and a lens before it, written against the protocols alone: places are the rays themselves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig, BlurGenerator, Taps
from neucam_nerfstudio.camera.blur.lens import APERTURE_DIAL, disc_taps
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.parts import Dial
from neucam_nerfstudio.rendering.view import View, pinhole_view
from neucam_nerfstudio.scene.scene import Rays, Scene, SceneConfig

SAMPLES_PER_BLOB = 25
"""Of the quadrature along a ray, evenly over `REACH` standard deviations to either side of each blob's middle."""
REACH = 4.0
FARTHEST_M = 20.0
"""Where a ray that meets nothing ends."""
POSE = torch.eye(3, 4)
"""Of the camera: at the origin, x right, y up, and it looks along -z."""


@dataclass
class Blob:
    """A Gaussian ball of fog that glows.

    Attributes:
        centre_m: x right, y up, z towards the camera, which is at the origin.
        radius_m: Standard deviation of its density.
        optical_depth: Through its middle.
        radiance: Of what it emits.
    """

    centre_m: tuple[float, float, float]
    radius_m: float
    optical_depth: float = 1.0
    radiance: tuple[float, float, float] = (1.0, 1.0, 1.0)


@dataclass
class BlobsConfig(SceneConfig):
    """Fog in an otherwise dark room."""

    _target: type = field(default_factory=lambda: Blobs)
    """The scene."""
    blobs: tuple[Blob, ...] = ()
    """What is in it."""


class Blobs(Scene[Rays]):
    """Emission and absorption along rays, by quadrature.

    Args:
        config: What is in it.
        capture: Not looked at.
    """

    def __init__(self, config: BlobsConfig, capture: object) -> None:
        super().__init__()
        blobs = config.blobs
        self.centre_m = nn.Parameter(torch.tensor([blob.centre_m for blob in blobs]))
        self.register_buffer("radius_m", torch.tensor([blob.radius_m for blob in blobs]))
        self.optical_depth = nn.Parameter(torch.tensor([blob.optical_depth for blob in blobs]))
        self.log_radiances = nn.Parameter(torch.tensor([blob.radiance for blob in blobs]).log())

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        return {"scene": list(self.parameters())}

    def meet(self, rays: Rays) -> tuple[Rays, Bool[Tensor, "*batch 1"]]:
        """The rays themselves; all go into the room."""
        return rays, torch.ones_like(rays.times, dtype=torch.bool)

    def radiance(self, places: Rays) -> Float[Tensor, "*batch 3"]:
        """What the fog emits and lets through; > 0, however dark the room is."""
        weights, _, shares = self._march(places)
        emitted = shares @ self.log_radiances.exp()
        return (weights[..., None] * emitted).sum(-2) + 1e-9

    def distance(self, rays: Rays) -> Float[Tensor, "*batch 1"]:
        """Expected distance at which light is emitted; what passes all fog ends at `FARTHEST_M`."""
        weights, distance_m, _ = self._march(rays)
        passes = 1 - weights.sum(-1, keepdim=True)
        return (weights * distance_m).sum(-1, keepdim=True) + passes * FARTHEST_M

    def reference_places(self, height: int, width: int) -> Rays:
        origins, directions = view_of(height, width, focal_length_px=float(width)).rays_of_rows(slice(None))
        shape = (height, width, 3)
        return Rays(origins.reshape(shape), directions.reshape(shape), torch.zeros(height, width, 1))

    def reference_uv(self, places: Rays) -> Float[Tensor, "*batch 2"]:
        across, up, towards = places.directions.unbind(-1)
        return torch.stack([0.5 - across / towards, 0.5 + up / towards], -1)

    def _march(
        self, rays: Rays
    ) -> tuple[Float[Tensor, "*batch samples"], Float[Tensor, "*batch samples"], Float[Tensor, "*batch samples blobs"]]:
        """How much of what is emitted at each sample arrives, its distance, and the share of each blob in it."""
        nearest_m = ((self.centre_m - rays.origins[..., None, :]) * rays.directions[..., None, :]).sum(-1)
        steps = torch.linspace(-REACH, REACH, SAMPLES_PER_BLOB)
        samples = nearest_m[..., None].detach() + self.radius_m[:, None] * steps
        distance_m = samples.flatten(-2).sort(dim=-1).values
        points = rays.origins[..., None, :] + distance_m[..., None] * rays.directions[..., None, :]
        square_m2 = (points[..., None, :] - self.centre_m).square().sum(-1)
        peak = self.optical_depth / (self.radius_m * math.sqrt(2 * math.pi))
        density = peak * torch.exp(-square_m2 / (2 * self.radius_m**2))
        extinction = density.sum(-1)
        # Trapezoids: half the gap to either neighbour.
        gap_m = distance_m.diff(dim=-1)
        width_m = (F.pad(gap_m, (0, 1)) + F.pad(gap_m, (1, 0))) / 2
        depth = extinction * width_m
        passed = torch.exp(-(depth.cumsum(-1) - depth))
        return passed * -torch.expm1(-depth), distance_m, density / extinction.clamp(min=1e-12)[..., None]


@dataclass
class ThinLensConfig(BlurConfig):
    """A thin lens that is focused at a distance."""

    _target: type = field(default_factory=lambda: ThinLens)
    """The blur generator."""
    focus_distance_m: float = 2.0
    """Distance that is in focus at the focus position 0; others count dioptres from there."""
    f_number: float = 2.0
    """Focal length over the aperture's diameter."""
    focal_length_m: float = 0.05
    """Of the lens."""
    pixel_pitch_m: float = 50e-6
    """Of the sensor."""
    num_taps: int = 32
    """Places on the aperture."""


class ThinLens(BlurGenerator[Rays]):
    """Rays from places on the aperture to where the pixel's own ray meets the plane in focus.

    Args:
        config: The lens.
        capture: Not looked at.
        scene: Tells how far away things are.
    """

    def __init__(self, config: ThinLensConfig, capture: object, scene: Scene[Rays]) -> None:
        super().__init__()
        self.config = config
        self._distance_m = scene.distance  # and not the scene, whose parameters are not the lens's
        self.register_buffer("disc", disc_taps(config.num_taps), persistent=False)

    def focus_distance_m(self, focus_position: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
        return 1 / (1 / self.config.focus_distance_m + focus_position)

    @property
    def focal_length_px(self) -> float:
        """How far behind the lens the sensor is, in pixels: the lens moves out to focus nearer than infinity."""
        focal_m, focus_m = self.config.focal_length_m, self.config.focus_distance_m
        return focal_m * focus_m / (focus_m - focal_m) / self.config.pixel_pitch_m

    def forward(self, places: Rays, settings: CameraSettings) -> Taps:
        diameter_m = settings.aperture * self.config.focal_length_m / self.config.f_number
        on_lens = F.pad(self.disc * diameter_m / 2, (0, 1))
        origins = places.origins[:, None] + on_lens
        depth_m = self.focus_distance_m(settings.focus_position)
        in_focus = places.origins + places.directions * depth_m / -places.directions[:, 2:]
        directions = F.normalize(in_focus[:, None] - origins, dim=-1)
        taps = Rays(origins, directions, places.times[:, None].expand(-1, len(self.disc), -1))
        return Taps(taps, torch.full(taps.origins.shape[:2], 1 / len(self.disc)))

    def radius_px(self, places: Rays, taps: Taps) -> Float[Tensor, "rays 1"]:
        """Where rays cross the plane of what their pixel sees, in pixels."""
        depth_m = (self._distance_m(places) * -places.directions[:, 2:])[:, None]
        rays: Rays = taps.places
        crossing = rays.origins + rays.directions * depth_m / -rays.directions[..., 2:]
        seen = places.origins + places.directions * depth_m[:, 0] / -places.directions[:, 2:]
        square_px = ((crossing - seen[:, None]) * self.focal_length_px / depth_m).square().sum(-1)
        return (2 * (taps.weights * square_px).sum(-1, keepdim=True)).sqrt()

    @property
    def largest_radius_px(self) -> Float[Tensor, ""]:
        """Of something half a metre away, with the focus on the wall behind everything."""
        radius_m = self.config.focal_length_m / self.config.f_number / 2
        return torch.tensor(radius_m * self.focal_length_px * (1 / 0.5 - 1 / FARTHEST_M))

    def dials(self) -> tuple[Dial, ...]:
        return (APERTURE_DIAL,)


def view_of(height: int, width: int, focal_length_px: float) -> View:
    """What the camera at the origin sees."""
    return pinhole_view(POSE, (focal_length_px, focal_length_px), (width / 2, height / 2), height, width)
