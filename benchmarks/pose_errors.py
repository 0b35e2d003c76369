"""How far poses are from true ones, after the similarity that brings camera places together (Umeyama 1991)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Pose = Float[np.ndarray, "3 4"]


class PoseErrors(NamedTuple):
    """Of the pictures that have a pose.

    Attributes:
        num_placed: How many have one.
        num_given: Of how many.
        rotation_deg: Median and largest angle to the true rotation, after the best common one.
        place_percent: Median and largest distance to the true place, of the largest distance between two places.
        focal_percent: By how much the focal length is too long.
    """

    num_placed: int
    num_given: int
    rotation_deg: tuple[float, float]
    place_percent: tuple[float, float]
    focal_percent: float

    def __str__(self) -> str:
        rotation, place = (f"{median:.2f} / {worst:.2f}" for median, worst in (self.rotation_deg, self.place_percent))
        return f"{self.num_placed}/{self.num_given} | {rotation} | {place} | {self.focal_percent:+.1f}"


def pose_errors(
    found: Mapping[str, Pose], true: Mapping[str, Pose], focal_px: float, true_focal_px: float
) -> PoseErrors:
    """Errors of camera-to-world poses with the same names; worlds may differ by a similarity."""
    names = [name for name in true if name in found]
    here, there = (np.stack([poses[name] for name in names]) for poses in (found, true))
    turn, scale, shift = similarity(here[:, :, 3], there[:, :, 3], here[:, :, :3], there[:, :, :3])
    places = scale * here[:, :, 3] @ turn.T + shift
    all_places = np.stack([pose[:, 3] for pose in true.values()])
    extent = np.linalg.norm(all_places[:, None] - all_places, axis=-1).max()
    distances = 100 * np.linalg.norm(places - there[:, :, 3], axis=-1) / extent
    between = np.einsum("nji,njk->nik", there[:, :, :3], turn @ here[:, :, :3])
    cosines = (np.trace(between, axis1=1, axis2=2) - 1) / 2
    angles = np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))
    return PoseErrors(
        len(names),
        len(true),
        (float(np.median(angles)), float(angles.max())),
        (float(np.median(distances)), float(distances.max())),
        100 * (focal_px / true_focal_px - 1),
    )


def similarity(
    places: Float[np.ndarray, "poses 3"],
    others: Float[np.ndarray, "poses 3"],
    rotations: Float[np.ndarray, "poses 3 3"],
    other_rotations: Float[np.ndarray, "poses 3 3"],
) -> tuple[Float[np.ndarray, "3 3"], float, Float[np.ndarray, 3]]:
    """Turn, scale and shift from one world to the other: the turn that rotations agree on, for places may lie on a
    line, then scale and shift by least squares."""
    u, _, vt = np.linalg.svd(np.einsum("nij,nkj->ik", other_rotations, rotations))
    turn = u @ np.diag([1, 1, np.linalg.det(u @ vt)]) @ vt
    turned = places @ turn.T
    centred, target = turned - turned.mean(0), others - others.mean(0)
    scale = float(np.sum(centred * target) / max(np.sum(centred**2), 1e-12))
    return turn, scale, others.mean(0) - scale * turned.mean(0)


def read_poses(transforms: Path) -> tuple[dict[str, Pose], float]:
    """Camera-to-world poses by the names of frames' viewpoints (or files), and the focal length in pixels."""
    content = json.loads(transforms.read_text())
    poses = {
        frame.get("viewpoint", Path(frame["file_path"]).stem): np.array(frame["transform_matrix"])[:3]
        for frame in content["frames"]
    }
    return poses, content["fl_x"]
