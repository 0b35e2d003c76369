"""How far away the scene of many views is: for the scale of its poses, and where untold focus starts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.capture.views.description import Description
from neucam_nerfstudio.capture.views.geometry import NumberPerFrame, Views
from neucam_nerfstudio.errors import NeucamError

LEAST_POINTS = 10
"""Fewer points in a view tell nothing of its depths."""
OUTLIERS_PERCENT = 2.0
"""Of the nearest and of the farthest points: structure from motion has some far off."""
LEAST_CONVERGENCE = 1e-3
"""Of the mean of 1 - a a^T over optical axes a: with a smaller eigenvalue they count as parallel, within 2 degrees."""

DepthRange = tuple[float, float]


def depth_ranges(views: Views, bounds: Sequence[DepthRange | None]) -> list[DepthRange | None]:
    """Nearest and farthest depth that each frame shows, in the unit of the poses: by points, else as a file says.

    Args:
        views: The frames.
        bounds: As the layout tells them.
    """
    ranges = list(bounds)
    if views.points is not None:
        for frame in range(len(ranges)):
            depths = views.depths(frame, views.points)
            depths = depths[np.isfinite(depths)]
            if len(depths) >= LEAST_POINTS:
                near, far = np.percentile(depths, (OUTLIERS_PERCENT, 100 - OUTLIERS_PERCENT))
                ranges[frame] = float(near), float(far)
    return ranges


def middle_disparities(views: Views, bounds: Sequence[DepthRange | None]) -> NumberPerFrame:
    """The middle of 1 / depth of what each frame shows, in 1 / unit of the poses.

    Where neither points nor a file tell depths, axes that converge tell one; and parallel ones are taken to show what
    all of them begin to share, and all beyond.
    """
    attention = _point_of_attention(views)
    spread = np.linalg.norm(np.ptp(views.places, axis=0))
    half_width = float(np.median(views.centre_px[:, 0] / views.focal_px[:, 0]))
    parallel = half_width / max(float(spread), 1e-9)  # 1 / (2 * depth from which the outermost views share something)
    middle = np.full(len(bounds), parallel)
    for frame, known in enumerate(depth_ranges(views, bounds)):
        if known is not None:
            middle[frame] = (1 / known[0] + 1 / known[1]) / 2
        elif attention is not None:
            depth = views.in_camera(frame, attention[None])[2, 0]
            middle[frame] = 1 / depth if depth > 0 else parallel
    return middle


def scene_scale(
    views: Views, told: Description, bounds: Sequence[DepthRange | None], metres_per_unit: float | None = None
) -> tuple[Views, str | None]:
    """The views with the scale of their poses, as told or as assumed; and what was assumed, in a sentence.

    Poses of structure from motion have no scale: focus distances in metres, if any, give them one, as photographers
    focus on what they photograph. Other poses are taken to be in metres.
    """
    if metres_per_unit is not None:
        if not (math.isfinite(metres_per_unit) and metres_per_unit > 0):
            raise NeucamError(f"--metres-per-unit {metres_per_unit:g}: expected a number above 0.")
        return replace(views, metres_per_unit=metres_per_unit, scale_evidence="--metres-per-unit"), None
    if told.metres_per_unit is not None:
        return replace(views, metres_per_unit=told.metres_per_unit, scale_evidence=told.scale_evidence), None
    finite = np.isfinite(views.focus_distance_m)
    advice = "Give --metres-per-unit if that is wrong."
    if told.is_reconstructed and finite.any():
        middle = middle_disparities(views, bounds)
        scale = float(np.median((views.focus_distance_m * middle)[finite]))
        evidence = "assumed: frames are focused, by and large, on the middle of what they show"
        note = f"The poses come from structure from motion, which knows no scale. Assumed is {scale:.3g} m a unit, for"
        return replace(views, metres_per_unit=scale, scale_evidence=evidence), (
            f"{note} then frames are focused, by and large, on the middle of what they show. {advice}"
        )
    needs_scale = bool(finite.any() or np.isfinite(views.aperture_radius_m).any())
    note = (
        f"No file tells the scale of the poses: one unit is assumed to be one metre. {advice}" if needs_scale else None
    )
    evidence = "assumed: one unit of the poses is one metre"
    return replace(views, metres_per_unit=1.0, scale_evidence=evidence), note


def focus_note(views: Views, bounds: Sequence[DepthRange | None], names: Sequence[str]) -> str | None:
    """Names frames that are focused behind all that they show, in a sentence; None if there is none."""
    behind = []
    for frame, known in enumerate(depth_ranges(views, bounds)):
        distance = views.focus_distance_m[frame]
        if known is not None and np.isfinite(distance) and distance > known[1] * views.metres_per_unit:
            behind.append(f"{names[frame]} ({distance:.3g} m, it shows up to {known[1] * views.metres_per_unit:.3g} m)")
    if not behind:
        return None
    return (
        f"Focused behind all that they show, so nothing is in focus: {listed(behind)}. See whether focus distances are"
        " in metres, and whether the scale of the poses is right."
    )


def _point_of_attention(views: Views) -> Float[np.ndarray, " xyz"] | None:
    """The point nearest to all optical axes (least squares); None where they are parallel."""
    across = np.eye(3) - views.axes[:, :, None] * views.axes[:, None, :]
    matrix = across.mean(axis=0)
    if np.linalg.eigvalsh(matrix)[0] < LEAST_CONVERGENCE:
        return None
    return np.linalg.solve(matrix, (across @ views.places[:, :, None]).mean(axis=0)[:, 0])
