"""How long a unit of found poses is: structure from motion does not tell it, focus distances do."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.radiance_files import read_exr_channels
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses
from neucam_nerfstudio.scripts.prepare.viewpoints import Viewpoint

DISTANCE_CHANNEL, CONFIDENCE_CHANNEL = "Z", "confidence"
"""Of a fused picture's EXR file: metres, and how sure the picture is."""
LEAST_CONFIDENCE = 0.5
LEAST_POINTS = 50
"""Distances of fewer points are no evidence: that of each is told to some tenths of the step between focus settings."""
MOST_SPREAD, MOST_SPREAD_OF_DISTANCES = 0.15, 0.6
"""Of the logarithms of what points tell, as the median deviation from their median: the first, or that share of the
spread of their distances, which focus then explains for the most part. Beyond both, points contradict each other."""


def metres_per_unit(viewpoints: Mapping[str, Viewpoint], poses: Poses) -> tuple[float | None, str]:
    """Compares how far points are in the poses' unit with the focus at which they are sharpest.

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
        if DISTANCE_CHANNEL not in channels:
            continue
        distance = channels[DISTANCE_CHANNEL].astype(np.float64)
        height, width = distance.shape
        columns, rows = np.clip(seen.places_px.astype(int), 0, [width - 1, height - 1]).T
        metres, units = distance[rows, columns], seen.distances
        # what is nearer or farther than all focus settings is told to be at the nearest or farthest
        tells = (metres > 1.01 * distance.min()) & (metres < 0.99 * distance.max()) & (units > 0)
        if CONFIDENCE_CHANNEL in channels:
            tells &= channels[CONFIDENCE_CHANNEL][rows, columns] > LEAST_CONFIDENCE
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
