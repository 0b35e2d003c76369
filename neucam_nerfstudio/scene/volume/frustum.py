"""The frustum that cameras which look one way share: straight lines in it are straight in (u, v, 1/depth), too."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.capture.views.scene_depths import middle_disparities
from neucam_nerfstudio.scene.scene import Rays

WIDEST_TURN_DEG = 50.0
"""Cameras look one way if none looks farther than this from the mean of their axes."""

STEP_PX = 1.3
"""How far what lies on one plane moves against the next, in pixels, between the middle and the outermost camera."""

LEAST_PLANES, MOST_PLANES = 24, 160

POINTS_PERCENT = 0.5
"""Of the points of structure from motion, so many on either end are taken for outliers."""

NEARER, FARTHER = 0.6, 1.5
"""How much nearer and farther things may be than what cameras were focused on, or than the nearest and the farthest
point."""

NEAREST_DISPARITY, FARTHEST_DISPARITY = 3.0, 0.12
"""And where only the middle of what cameras look at is known: 1/depth of nearest and farthest beside its own."""

LEAST_SLANT = 1e-3
"""Rays that run across the planes, or backwards, are taken to run forwards by this much: they show nothing anyway."""


@dataclass(frozen=True, eq=False)
class Frustum:
    """A pyramid in front of cameras that look one way, cut by planes that are evenly spaced in 1/depth.

    Attributes:
        pose: Of its apex: right, up, backward, place; world units.
        near: Depth of the first plane, world units.
        far: Depth of the last plane.
        corner: Tangents to the right and down where cells begin.
        cell: Side of a cell as a tangent.
        shape: Planes, rows, columns.
    """

    pose: Float[np.ndarray, "3 4"]
    near: float
    far: float
    corner: tuple[float, float]
    cell: float
    shape: tuple[int, int, int]

    @property
    def disparities(self) -> Float[np.ndarray, " planes"]:
        """Inverse depth of each plane, the nearest first."""
        return np.linspace(1 / self.near, 1 / self.far, self.shape[0])


class Lines(NamedTuple):
    """Rays as a frustum has them: cells (column, row) = start + slope * disparity.

    Attributes:
        start: Where they lead in the infinite.
        slope: Times the inverse depth.
        depth: Of where they start: the distance along them at a depth z is (z - depth) / forward.
        forward: Depth that they gain on the way of one world unit.
    """

    start: Float[Tensor, "rays 2"]
    slope: Float[Tensor, "rays 2"]
    depth: Float[Tensor, "rays 1"]
    forward: Float[Tensor, "rays 1"]


def lines_of(
    origins: Float[Tensor, "rays 3"],
    directions: Float[Tensor, "rays 3"],
    pose: Float[Tensor, "3 4"],
    corner: Float[Tensor, " 2"],
    cell: float,
) -> Lines:
    """Rays in the terms of a frustum, see `Frustum`."""
    right, up, back = ((origins - pose[:, 3]) @ pose[:, :3]).split(1, -1)
    across, upward, backward = (directions @ pose[:, :3]).split(1, -1)
    forward = (-backward).clamp(min=LEAST_SLANT)
    tangent = torch.cat([across, -upward], -1) / forward
    at_apex = torch.cat([right, -up], -1) + tangent * back
    return Lines((tangent - corner) / cell, at_apex / cell, -back, forward)


def lines_of_rays(rays: Rays, pose: Float[Tensor, "3 4"], corner: Float[Tensor, " 2"], cell: float) -> Lines:
    """The same of rays of any shape, one after the other."""
    return lines_of(rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3), pose, corner, cell)


def shared_frustum(
    capture: Capture, near: float | None = None, far: float | None = None, most_cells: int = 8_000_000
) -> Frustum | None:
    """The frustum of the training cameras of a capture; None where these do not look one way.

    Its planes are as far apart as the cameras can tell, and its cells as large as pixels, unless that made too many.

    Args:
        capture: Of many views.
        near: Depth of the first plane, world units; None finds it.
        far: Of the last plane.
        most_cells: Of all planes together.
    """
    views, trained = capture.views, np.array(capture.train_indices)
    assert views is not None
    pose = mean_pose(views.camera_to_world[trained])
    if (views.axes[trained] @ -pose[:, 2]).min() < math.cos(math.radians(WIDEST_TURN_DEG)):
        return None
    found_near, found_far = depth_range(views, trained, pose)
    near, far = near or found_near, far or found_far
    apart = views.places[trained] - pose[:, 3]
    if (apart @ -pose[:, 2]).max() >= near:
        return None
    ends = np.concatenate([_corners(views, trained, capture, pose, 1 / depth) for depth in (near, far)])
    low, high = ends.min(0), ends.max(0)
    focal_px = float(np.median(views.focal_px[trained]))
    moves_px = np.linalg.norm(apart @ pose[:, :2], axis=1).max() * focal_px * (1 / near - 1 / far)
    planes = int(np.clip(math.ceil(moves_px / STEP_PX) + 1, LEAST_PLANES, MOST_PLANES))
    cell = max(1 / focal_px, math.sqrt(float(np.prod(high - low)) * planes / most_cells))
    columns, rows = (np.ceil((high - low) / cell).astype(int) + 1).tolist()
    return Frustum(pose, near, far, (float(low[0]), float(low[1])), cell, (planes, rows, columns))


def mean_pose(poses: Float[np.ndarray, "frames 3 4"]) -> Float[np.ndarray, "3 4"]:
    """The mean place, and the rotation nearest to the mean of the rotations."""
    left, _, right = np.linalg.svd(poses[:, :, :3].mean(0))
    turn = left @ np.diag([1.0, 1.0, np.linalg.det(left @ right)]) @ right
    return np.concatenate([turn, poses[:, :, 3].mean(0)[:, None]], axis=1)


def depth_range(views: Views, trained: np.ndarray, pose: Float[np.ndarray, "3 4"]) -> tuple[float, float]:
    """Depth of the nearest and of the farthest thing, world units: by points of structure from motion, else by what
    cameras were focused on, else by where their axes meet."""
    if views.points is not None:
        depths = [views.depths(frame, views.points) for frame in trained]
        seen = (views.points - pose[:, 3]) @ -pose[:, 2]
        seen = seen[np.isfinite(np.array(depths)).any(0) & (seen > 0)]
        if len(seen) > 1 / POINTS_PERCENT:
            nearest, farthest = np.percentile(seen, (POINTS_PERCENT, 100 - POINTS_PERCENT))
            return NEARER * float(nearest), FARTHER * float(farthest)
    distances = views.focus_distance_m[trained] / views.metres_per_unit
    distances = distances[np.isfinite(distances)]
    if len(distances) and np.ptp(distances) > 0:
        return NEARER * float(distances.min()), FARTHER * float(distances.max())
    middle = float(np.median(middle_disparities(views, [None] * len(views.places))[trained]))
    if len(distances):
        middle = 1 / float(distances[0])
    return 1 / (NEAREST_DISPARITY * middle), 1 / (FARTHEST_DISPARITY * middle)


def _corners(
    views: Views, trained: np.ndarray, capture: Capture, pose: Float[np.ndarray, "3 4"], disparity: float
) -> Float[np.ndarray, "corners 2"]:
    """Tangents at which the corners of pictures cross a plane."""
    tangents = []
    for frame in trained:
        x, y = np.meshgrid([0, capture.width], [0, capture.height])
        right = (x.ravel() - views.centre_px[frame, 0]) / views.focal_px[frame, 0]
        up = (views.centre_px[frame, 1] - y.ravel()) / views.focal_px[frame, 1]
        turn = views.camera_to_world[frame, :, :3]
        directions = np.stack([right, up, -np.ones(4)], -1) @ turn.T
        origins = np.broadcast_to(views.places[frame], directions.shape)
        rays = torch.from_numpy(origins.copy()), torch.from_numpy(directions)
        lines = lines_of(*rays, torch.from_numpy(pose), torch.zeros(2), 1.0)
        tangents.append((lines.start + lines.slope * disparity).numpy())
    return np.concatenate(tangents)
