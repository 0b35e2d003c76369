"""Poses and settings that cannot be, refused before anything is trained on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.capture.views.description import DescribedView
from neucam_nerfstudio.errors import NeucamError

MOST_SKEW = 1e-2
"""How far the axes of a rotation may be from unit length and right angles: files keep few digits."""


def check_pose(pose: Float[np.ndarray, "3 4"], name: str, told_by: Path) -> Float[np.ndarray, "3 4"]:
    """The pose, with the rotation nearest to its own (files keep few digits).

    Raises:
        NeucamError: It has values that are not finite, or its first three columns are no rotation.
    """
    if not np.isfinite(pose).all():
        raise NeucamError(
            f"{told_by}: the pose of {name} holds NaN or infinite values. Take the frame out, or find its pose again."
        )
    turn = pose[:, :3]
    skew = np.abs(turn.T @ turn - np.eye(3)).max()
    if skew > MOST_SKEW or np.linalg.det(turn) < 0:
        what = f"are not at right angles and of unit length (off by {skew:.2g})"
        what = what if skew > MOST_SKEW else "are mirrored (a left-handed frame)"
        raise NeucamError(
            f"{told_by}: the axes of {name}'s pose {what}. Expected a rotation, camera to world, with axes right, up,"
            " backward: write the matrix without scale and shear."
        )
    left, _, right = np.linalg.svd(turn)
    return np.concatenate([left @ right, pose[:, 3:]], axis=1)


def check_settings(views: Sequence[DescribedView]) -> None:
    """Raises `NeucamError` for numbers that no lens and shutter has."""
    ranges = {
        "f_number": ("an f-number", "such as 2.8", False),
        "focus_distance_m": ("a distance in metres", "such as 1.5; Infinity is allowed", True),
        "focal_length_mm": ("a focal length in millimetres", "such as 50", False),
        "exposure_time_s": ("a time in seconds", "such as 0.008", False),
        "iso": ("a sensitivity", "such as 100", False),
    }
    for view in views:
        for key, (what, example, may_be_infinite) in ranges.items():
            value = getattr(view.settings, key)
            if value is not None and not (value > 0 and (math.isfinite(value) or (may_be_infinite and value > 0))):
                raise NeucamError(
                    f"{view.settings.evidence}: {key.removesuffix('_s')} of {view.path.name} is {value:g}. Expected"
                    f" {what} above 0, {example}, or nothing where it is not known."
                )
        stops = view.settings.exposure_stops
        if stops is not None and not math.isfinite(stops):
            raise NeucamError(
                f"{view.settings.evidence}: exposure_stops of {view.path.name} is {stops:g}. Expected stops, +1 is"
                " twice the light, or nothing where it is not known."
            )


def check_count(views: Sequence[DescribedView], told_by: Path) -> None:
    """Raises `NeucamError` if there is only one view, or all of them are one."""
    if len(views) < 2:
        raise NeucamError(
            f"{told_by}: {len(views)} view with a pose. A scene in space needs views from several places, some ten at"
            " least. For photographs of one view there is `ns-train neucam`, which needs no poses."
        )
    poses = np.stack([view.camera_to_world for view in views])
    if np.ptp(poses, axis=0).max() < 1e-9:
        raise NeucamError(
            f"{told_by}: all {len(views)} views have one pose, so nothing tells depth. For photographs from one place"
            " there is `ns-train neucam`, which needs no poses."
        )


def check_files(views: Sequence[DescribedView], told_by: Path) -> None:
    """Raises `NeucamError` for views that have neither a photograph nor the radiance that it would show."""
    missing = [view.path for view in views if view.truth is None and not view.path.is_file()]
    if missing:
        names = listed(map(str, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise NeucamError(
            f"{told_by}: {len(missing)} of {len(views)} photographs are not there: {names}. Put them where the file"
            " says, or take these frames out of it."
        )
