"""The image plane that every photograph of a capture looks at, and the one camera that just sees all of it.

World axes: z is up, +x points to the left of the picture, +y from the picture towards the camera. In this pose
nerfstudio's `spiral` render moves without rolling the picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

CAMERA_DISTANCE = 1.0
"""Distance from the camera to the plane, in world units; the plane's longer side is one unit."""


@dataclass(frozen=True)
class ImagePlane:
    """A picture of `height` x `width` pixels in the plane y = 0, centred on the origin, its longer side one unit."""

    height: int
    width: int

    @property
    def extent(self) -> tuple[float, float]:
        """Width and height of the plane in world units."""
        longer = max(self.height, self.width)
        return self.width / longer, self.height / longer

    @property
    def focal_length_px(self) -> float:
        """Focal length in pixels at which the plane just fills the `height` x `width` view."""
        return CAMERA_DISTANCE * max(self.height, self.width)

    @property
    def camera_to_world(self) -> Float[Tensor, "3 4"]:
        """Pose of the camera: at (0, distance, 0), looking along -y with z up (OpenGL axes: right, up, backward)."""
        return torch.tensor([[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, CAMERA_DISTANCE], [0.0, 1.0, 0.0, 0.0]])

    def pixel_directions(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 3"]:
        """Unit directions in which the camera sees the places (u, v) of the picture."""
        width, height = self.extent
        u, v = uv.unbind(-1)
        towards = torch.full_like(u, -CAMERA_DISTANCE)
        return F.normalize(torch.stack([(0.5 - u) * width, towards, (0.5 - v) * height], -1), dim=-1)

    def intersect(
        self, origins: Float[Tensor, "*batch 3"], directions: Float[Tensor, "*batch 3"]
    ) -> tuple[Float[Tensor, "*batch 2"], Float[Tensor, "*batch 1"], Bool[Tensor, "*batch 1"]]:
        """Where rays meet the picture.

        Args:
            origins: Ray origins, world units.
            directions: Unit ray directions.

        Returns:
            (u, v) with u to the right and v down, [0, 1] on the picture; distance along the ray in world units; whether
            the ray meets the picture from its front. Elsewhere (u, v) lies outside [0, 1] or has no meaning.
        """
        towards = directions[..., 1:2]
        in_front = (origins[..., 1:2] > 0) & (towards < -1e-6)
        distance = origins[..., 1:2] / torch.where(in_front, -towards, torch.ones_like(towards))
        hit = origins + distance * directions
        width, height = self.extent
        uv = torch.stack([0.5 - hit[..., 0] / width, 0.5 - hit[..., 2] / height], -1)
        inside = in_front & ((uv >= 0) & (uv <= 1)).all(-1, keepdim=True)
        return uv, distance, inside


def directions_ahead(
    tangents: Float[Tensor, "*batch 2"], turn: Float[Tensor, "*#batch 3 3"]
) -> Float[Tensor, "*batch 3"]:
    """Where pinhole cameras look, as far as one unit along their axes.

    Args:
        tangents: To the right and down of the axis.
        turn: Axes of the cameras as OpenGL has them: right, up, backward.
    """
    right, up, backward = turn.unbind(-1)
    return tangents[..., :1] * right - tangents[..., 1:] * up - backward


def pixel_lattice(
    height: int, width: int, device: torch.device | str = "cpu", rows: slice = slice(None)
) -> Float[Tensor, "rows width 2"]:
    """(u, v) of the pixel centres of a picture of this size, or of some of its rows."""
    v, u = ((torch.arange(size, device=device) + 0.5) / size for size in (height, width))
    return torch.stack(torch.meshgrid(u, v[rows], indexing="xy"), -1)


def picture_lattice(places_per_side: int, device: torch.device | str = "cpu") -> Float[Tensor, "places 2"]:
    """(u, v) of as many places each way, spread evenly over the picture, row by row."""
    return pixel_lattice(places_per_side, places_per_side, device).reshape(-1, 2)
