"""Poses and settings that cannot be, refused before anything is trained on them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from filecmp import cmp
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.capture.views.description import DescribedView, viewpoints_of
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.radiance_files import picture_size

MOST_SKEW = 1e-2
"""How far the axes of a rotation may be from unit length and right angles: files keep few digits."""
NUM_DEPTHS, NUM_ACROSS = 16, 5
"""How many depths, and places across and down a picture at each, are asked whether another view shows them."""


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
            value, told_by = getattr(view.settings, key), view.settings.told_by(key)
            if value is not None and not (value > 0 and (math.isfinite(value) or (may_be_infinite and value > 0))):
                raise NeucamError(
                    f"{told_by}: {key.removesuffix('_s')} of {view.path.name} is {value:g}. Expected"
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
    if max(viewpoints_of(views)) == 0:
        raise NeucamError(
            f"{told_by}: all {len(views)} views have one pose, so nothing tells depth. For photographs from one place"
            " there is `ns-train neucam`, which needs no poses."
        )


def check_files(views: Sequence[DescribedView], told_by: Path) -> None:
    """Raises `NeucamError` for views that have neither a photograph nor the radiance that it would show."""
    missing = [view.path for view in views if not view.path.is_file()]
    if missing:
        names = ", ".join(map(str, missing[:3])) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        raise NeucamError(
            f"{told_by}: {len(missing)} of {len(views)} photographs are not there: {names}. Put them where the file"
            " says, or take these frames out of it."
        )
    first: dict[Path, Path] = {}
    for path in (view.path for view in views):
        twin = first.setdefault(path.resolve(), path)
        if twin is not path:
            raise NeucamError(f"{told_by}: {path} belongs to two views. Expected a photograph of its own for each.")
    by_size: dict[int, list[Path]] = {}
    for path in first.values():
        others = by_size.setdefault(path.stat().st_size, [])
        twin = next((other for other in others if cmp(other, path, shallow=False)), None)
        if twin is not None:
            raise NeucamError(
                f"{told_by}: {path} and {twin.name} are the same picture twice. Take one of the two views out: a copy"
                " tells nothing new, and another pose for it is wrong."
            )
        others.append(path)


def check_sizes(views: Sequence[DescribedView], told_by: Path) -> None:
    """Raises `NeucamError` if pictures differ in size, as far as headers tell; decoding tells of the others."""
    sizes: dict[tuple[int, int], list[str]] = {}
    for view in views:
        with suppress(NeucamError):
            height, width = picture_size(view.path)
            sizes.setdefault((max(height, width), min(height, width)), []).append(view.path.name)  # EXIF may turn it
    if len(sizes) > 1:
        found = ", ".join(f"{len(names)} of {w}x{h} (as {names[0]})" for (w, h), names in sizes.items())
        raise NeucamError(
            f"{told_by}: pictures of {len(sizes)} sizes: {found}. Expected one size for all: crop or export them alike,"
            " or take the others out."
        )


def check_seen_in_common(geometry: Views, views: Sequence[DescribedView], train: Sequence[int], told_by: Path) -> None:
    """Raises `NeucamError` if a training view shows nothing that another one shows.

    By the points that structure from motion has seen, where views have them; else by whether frusta meet anywhere.
    """
    alone, viewpoints = [], viewpoints_of(views)
    for index in train:
        others = [other for other in train if viewpoints[other] != viewpoints[index]]
        seen = views[index].seen
        if seen:
            meets = any(seen & (views[other].seen or frozenset()) for other in others)
        else:
            meets = _frustum_meets(geometry, index, others)
        if not meets:
            alone.append(views[index].path.name)
    if alone:
        raise NeucamError(
            f"{told_by}: nothing that {listed(alone)} shows is seen by any other training view, so that nothing tells"
            " its depths. See whether the poses are right (camera to world, axes right, up, backward); else take the"
            " view out, or add views between."
        )


def _frustum_meets(geometry: Views, index: int, others: Sequence[int]) -> bool:
    """Whether one of a few hundred places that a view may show is in the picture of another one."""
    places, pose = geometry.places, geometry.camera_to_world[index]
    reach = max(float(np.linalg.norm(places[others] - places[index], axis=1).max()), 1e-9)
    depths = reach * np.geomspace(1e-2, 1e3, NUM_DEPTHS)
    across, down = np.meshgrid(*[np.linspace(-1, 1, NUM_ACROSS)] * 2)
    half_across, half_down = geometry.centre_px[index] / geometry.focal_px[index]
    rays = np.stack([across * half_across, -down * half_down, -np.ones_like(across)], axis=-1).reshape(-1, 3)
    points = (depths[:, None, None] * rays).reshape(-1, 3) @ pose[:, :3].T + pose[:, 3]
    return any(bool(np.isfinite(geometry.depths(other, points)).any()) for other in others)
