"""A page's camera where a frame of many views was taken from, and where in that photograph its rays look."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.capture.views.scene_depths import LEAST_POINTS, middle_disparities
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.scene.volume.plane_sweep import distorted
from neucam_nerfstudio.viewer.page_views import Standing, Standpoint

WORLD_UP = np.array([0.0, 0.0, 1.0])
"""nerfstudio's."""

LEAST_UPRIGHT = 0.05
"""Where the world's up is so nearly along a camera's axis or level with it, the camera's own is taken (viser does)."""

SAME_PLACE = 5e-4
"""World units between a ray's start and a frame's place within which the frame saw along the ray: pages report where
their cameras are in 64 bits, and rays have 32."""


def standing_at(capture: Capture, frame: int) -> Standing:
    """Where a frame was taken from, looking the same way, so that the whole photograph just fits into a page.

    The page orbits what the frame shows. Its axis is as upright as it can be while the photograph is level.

    Args:
        capture: Of many views.
        frame: Its index in the capture.
    """
    views = capture.views
    assert views is not None, "a capture of many views"
    right, up, backward = views.camera_to_world[frame, :, :3].T
    position = views.places[frame]
    upright = WORLD_UP - (WORLD_UP @ right) * right
    centre, size = views.centre_px[frame], np.array([capture.width, capture.height])
    half_width, half_height = np.maximum(centre, size - centre) / views.focal_px[frame]

    def standing(_vertical_fov: float, aspect: float) -> Standpoint:
        vertical_fov = 2 * math.atan(max(half_height, half_width / aspect))
        look_at = position - backward * depth_in_middle(views, frame)
        return Standpoint(position, look_at, upright if upright @ up > LEAST_UPRIGHT else up, vertical_fov)

    return standing


def depth_in_middle(views: Views, frame: int) -> float:
    """How far away, in world units, what a frame shows is, by and large: of points, else where optical axes meet."""
    if views.points is not None:
        depths = views.depths(frame, views.points)
        depths = depths[np.isfinite(depths)]
        if len(depths) >= LEAST_POINTS:
            return float(np.median(depths))
    return float(1 / middle_disparities(replace(views, points=None), [None] * len(views.places))[frame])


def seen_in_frame(
    rays: Rays, capture: Capture, frame: int
) -> tuple[Float[Tensor, "*batch 2"], Bool[Tensor, "*batch 1"]]:
    """Where in a photograph rays look, (u, v) in [0, 1], and which of them do: those from where it was taken.

    Args:
        rays: The rays.
        capture: Of many views.
        frame: Its index in the capture.
    """
    views = capture.views
    assert views is not None, "a capture of many views"

    def of_frame(values: np.ndarray) -> Tensor:
        return rays.directions.new_tensor(values[frame])

    pose, focal_px, centre_px = of_frame(views.camera_to_world), of_frame(views.focal_px), of_frame(views.centre_px)
    in_camera = rays.directions @ pose[:, :3]
    ahead = -in_camera[..., 2:]
    place = in_camera[..., :2] / ahead * pose.new_tensor([1.0, -1.0])
    if views.distortion is not None:
        place = distorted(place, of_frame(views.distortion))
    uv = (place * focal_px + centre_px) / pose.new_tensor([capture.width, capture.height])
    is_there = (rays.origins - pose[:, 3]).norm(dim=-1, keepdim=True) < SAME_PLACE
    is_inside = ((uv >= 0) & (uv <= 1)).all(-1, keepdim=True) & (ahead > 0)
    return uv.nan_to_num(0.5).clamp(0, 1), is_there & is_inside
