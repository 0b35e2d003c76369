"""How long a unit of found poses is: structure from motion does not tell it, focus distances do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.exif import focus_dioptres
from neucam_nerfstudio.imaging.radiance_files import read_exr_channels
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses
from neucam_nerfstudio.scripts.prepare.viewpoints import Viewpoint

DISTANCE_CHANNEL = "Z"
"""Of a fused picture's EXR file: metres."""
LEAST_SETTINGS = 3
"""What is sharpest in the first or the last photograph may be anywhere before or beyond."""
LEAST_POINTS = 50
"""Distances of fewer points are no evidence: that of each is told to some tenths of the step between focus settings."""
MOST_SPREAD, MOST_SPREAD_OF_DISTANCES = 0.15, 0.6
"""Of the logarithms of what points tell, as the median deviation from their median: the first, or that share of the
spread of their distances, which focus then explains for the most part. Beyond both, points contradict each other."""


def metres_per_unit(viewpoints: Mapping[str, Viewpoint], poses: Poses) -> tuple[float | None, str]:
    """Compares how far points are in the poses' unit with the focus at which they are sharpest.

    Asked are points that are sharpest nearer to a focus setting between the others than to the first or last one.

    Args:
        viewpoints: By the name of their picture.
        poses: Of pictures.

    Returns:
        Metres; None where nothing tells. And what tells it, or what that means for the user, in a sentence.
    """
    logs: list[Float[np.ndarray, " points"]] = []
    distances: list[Float[np.ndarray, " points"]] = []
    for name, seen in poses.seen.items():
        file = viewpoints[name].radiance_file
        channels = {} if file is None else read_exr_channels(file)
        dioptres = sorted(set(focus_dioptres(viewpoints[name].exif) or ()))
        if DISTANCE_CHANNEL not in channels or len(dioptres) < LEAST_SETTINGS:
            continue
        distance = channels[DISTANCE_CHANNEL].astype(np.float64)
        height, width = distance.shape
        columns, rows = np.clip(seen.places_px.astype(int), 0, [width - 1, height - 1]).T
        metres, units = distance[rows, columns], seen.distances
        farthest, nearest = np.mean(dioptres[:2]), np.mean(dioptres[-2:])
        tells = (metres > 1 / nearest) & (metres < 1 / farthest) & (units > 0)
        logs.append(np.log(metres[tells] / units[tells]))
        distances.append(np.log(units[tells]))
    told = np.concatenate(logs) if logs else np.zeros(0)
    if len(told) >= LEAST_POINTS:
        middle = float(np.median(told))
        most = max(MOST_SPREAD, MOST_SPREAD_OF_DISTANCES * _spread(np.concatenate(distances)))
        if _spread(told) <= most:
            metres = float(np.exp(middle))
            return (
                metres,
                f"A unit of the poses is {metres:.3g} m, by the focus in which {len(told)} points are sharp.",
            )
    return None, (
        "Nothing tells how long a unit of the poses is, which focus distances in metres need: write metres_per_unit"
        " into transforms.json if you know it."
    )


def _spread(logs: Float[np.ndarray, " points"]) -> float:
    """Median deviation from the median."""
    return float(np.median(np.abs(logs - np.median(logs))))
