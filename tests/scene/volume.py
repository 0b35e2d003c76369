"""A small volume, written against the protocol alone, and the capture of a lens before it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.rendering.view import View, pinhole_view
from neucam_nerfstudio.scene.scene import March, Rays, SceneConfig, VolumetricScene

from ..learned import capture_of

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


class Blobs(VolumetricScene):
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

    def march(self, rays: Rays) -> March:
        """What the fog emits and lets through, > 0 however dark the room is, and the expected distance at which it is
        emitted; what passes all fog ends at `FARTHEST_M`."""
        weights, distance_m, shares = self._march(rays)
        emitted = shares @ self.log_radiances.exp()
        passes = 1 - weights.sum(-1, keepdim=True)
        distance = (weights * distance_m).sum(-1, keepdim=True) + passes * FARTHEST_M
        return March((weights[..., None] * emitted).sum(-2) + 1e-9, distance)

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


def view_of(height: int, width: int, focal_length_px: float) -> View:
    """What the camera at the origin sees."""
    return pinhole_view(POSE, (focal_length_px, focal_length_px), (width / 2, height / 2), height, width)


def seen_through_lens(
    size: int,
    focus_distance_m: float,
    f_number: float,
    focal_length_m: float,
    pixel_pitch_m: float,
    metres_per_unit: float = 1.0,
) -> Capture:
    """Frames of a camera at the origin, at two exposures, one stop to either side. The sensor stands where the lens is
    focused at its distance."""
    frames = np.ones(2)
    focal_px = focal_length_m * focus_distance_m / (focus_distance_m - focal_length_m) / pixel_pitch_m
    views = Views(
        camera_to_world=np.stack([POSE.numpy().astype(np.float64)] * 2),
        focal_px=np.full((2, 2), focal_px),
        centre_px=np.full((2, 2), size / 2),
        distortion=None,
        metres_per_unit=metres_per_unit,
        scale_evidence="made",
        focus_distance_m=focus_distance_m * frames,
        f_number=f_number * frames,
        focal_length_mm=1000 * focal_length_m * frames,
    )
    return capture_of(size, size, stops=(-1.0, 1.0), positions=(1 / focus_distance_m,), views=views)
