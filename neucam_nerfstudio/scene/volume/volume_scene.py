"""A volume of linear radiance: a dense grid before the reference camera. (Stands in until the field lands.)"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.grids.grid_sampling import sample_grid
from neucam_nerfstudio.parts import Kind
from neucam_nerfstudio.rendering.view import pinhole_view
from neucam_nerfstudio.scene.scene import March, Rays, SceneConfig, VolumetricScene

NEAR_M, FAR_M = 1.2, 9.0


@dataclass
class VolumeSceneConfig(SceneConfig):
    """Our scene of many views."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: VolumeScene)
    """The scene."""
    kind: Kind = "volume"
    """Scene: volume (ours), or module:Class."""
    num_samples: int = 48
    """Along a ray."""


class VolumeScene(VolumetricScene):
    """A dense grid."""

    def __init__(self, config: VolumeSceneConfig, capture: Capture) -> None:
        super().__init__()
        self.config, views = config, capture.views
        assert views is not None
        self.capture, index = capture, capture.reference_index
        self.register_buffer("pose", torch.from_numpy(views.camera_to_world[index]).float(), persistent=False)
        self.focal, self.centre = views.focal_px[index].tolist(), views.centre_px[index].tolist()
        self.per_unit = views.metres_per_unit
        start = torch.cat([torch.full((1, 48, 66, 100), -3.0), torch.full((3, 48, 66, 100), -1.0)])
        self.grid = nn.Parameter(start)

    def parameter_groups(self) -> dict[str, list[nn.Parameter]]:
        """All of it."""
        return {"scene": [self.grid]}

    def march(self, rays: Rays) -> March:
        """By quadrature, evenly in disparity."""
        shape, count = rays.times.shape[:-1], self.config.num_samples
        origins, directions = rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3)
        jitter = torch.rand(len(origins), count, device=origins.device) if self.training else 0.5
        share = (torch.arange(count, device=origins.device) + jitter).expand(len(origins), count) / count
        near, far = NEAR_M / self.per_unit, FAR_M / self.per_unit
        axis = -self.pose[:, 2]
        depth = 1 / (1 / near + (1 / far - 1 / near) * share)
        along = (depth - ((origins - self.pose[:, 3]) @ axis)[:, None]) / (directions @ axis)[:, None]
        points = origins[:, None] + along[..., None] * directions[:, None]
        right, up, back = ((points - self.pose[:, 3]) @ self.pose[:, :3]).unbind(-1)
        u = right / -back * self.focal[0] / self.centre[0] / 1.8
        v = -up / -back * self.focal[1] / self.centre[1] / 1.8
        w = 1 - 2 * (1 / -back - 1 / far) / (1 / near - 1 / far)
        values = sample_grid(self.grid, torch.stack([u, v, w], -1).reshape(-1, 3)).view(*along.shape, 4)
        gap = torch.cat([along.diff(dim=-1), along.new_full((len(along), 1), 1e6)], -1).abs()
        depth = F.softplus(values[..., 0]) * gap * 4
        passed = torch.exp(-(depth.cumsum(-1) - depth))
        weights = passed * -torch.expm1(-depth)
        radiance = (weights[..., None] * values[..., 1:].exp()).sum(-2) + 1e-6
        return March(radiance.view(*shape, 3), (weights * along).sum(-1).view(*shape, 1))

    def reference_places(self, height: int, width: int) -> Rays:
        """Rays of the reference frame."""
        sx, sy = width / self.capture.width, height / self.capture.height
        view = pinhole_view(
            self.pose,
            (self.focal[0] * sx, self.focal[1] * sy),
            (self.centre[0] * sx, self.centre[1] * sy),
            height,
            width,
        )
        rays = view.rays(slice(None), 0.0)
        return Rays(*(None if x is None else x.reshape(height, width, -1) for x in rays))

    def reference_uv(self, places: Rays) -> Float[Tensor, "*batch 2"]:
        """Where the reference frame shows what is seen."""
        points = places.origins + self.distance(places) * places.directions
        right, up, back = ((points - self.pose[:, 3]) @ self.pose[:, :3]).unbind(-1)
        width, height = self.capture.width, self.capture.height
        return torch.stack(
            [
                (right / -back * self.focal[0] + self.centre[0]) / width,
                (-up / -back * self.focal[1] + self.centre[1]) / height,
            ],
            -1,
        )
