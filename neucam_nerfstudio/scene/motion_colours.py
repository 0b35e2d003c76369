"""Motion as colours: hue tells the direction, saturation the distance (the Middlebury wheel, Baker et al. 2011)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torchvision.utils import flow_to_image

from neucam_nerfstudio.scene.image_plane import ImagePlane, picture_lattice
from neucam_nerfstudio.scene.plane_field import PlaneField

PLACES_PER_SIDE, MOMENTS = 24, 16
"""The largest motion is looked for at a lattice of this many places each way, at up to this many frames."""

SMALLEST_MOTION = 1e-6
"""Motion is a share of at least this part of the picture's longer side: where nothing moves, the largest is 0."""


def plane_motion(motion_uv: Float[Tensor, "rays 2"], plane: ImagePlane) -> Float[Tensor, "rays 2"]:
    """Motion in (u, v) as shares of the picture's longer side, alike in both directions."""
    return motion_uv * motion_uv.new_tensor(plane.extent)


@torch.no_grad()
def largest_motion(
    scene: PlaneField, plane: ImagePlane, times: Sequence[float], reference_time: float
) -> Float[Tensor, ""]:
    """The farthest that anything has moved since the reference frame, as a share of the picture's longer side.

    Args:
        scene: The scene field.
        plane: The picture.
        times: Of the frames, [0, 1].
        reference_time: Of the reference frame.
    """
    uv = picture_lattice(PLACES_PER_SIDE, next(scene.parameters()).device)
    since = torch.full_like(uv[:, :1], reference_time)
    farthest = [
        plane_motion(scene.motion_uv(uv, torch.full_like(since, time), since), plane).norm(dim=-1).amax()
        for time in times[:: max(1, len(times) // MOMENTS)]
    ]
    return torch.stack(farthest).amax()


def motion_colours(motion: Float[Tensor, "rays 2"], largest: Float[Tensor, ""]) -> Float[Tensor, "rays 3"]:
    """Colours in [0, 1] of motions (right, down): white where nothing moves, full at the largest motion and beyond."""
    share = motion / largest.clamp(min=SMALLEST_MOTION)
    share = share / share.norm(dim=-1, keepdim=True).clamp(min=1)
    # The library measures by the farthest motion it is shown: a last one of length 1 makes all chunks of rays alike.
    unit = share.new_tensor([[1.0, 0.0]])
    colours = flow_to_image(torch.cat([share, unit]).T[:, None].contiguous())
    return colours[:, 0, :-1].T / 255
