"""What a map of nearness adds to a picture: a relief to turn about, and what two eyes see. NumPy and OpenCV alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int32

from neucam_nerfstudio.imaging.large_pictures import strips_of_rows

MOST_TRIANGLES = 500_000
"""Of a relief: what phones turn smoothly, and what is left of a map that is no sharper than a lens's blur."""
SPECKLE_PX = 5
"""Side of the median that takes lone places out of a relief, in places of its grid."""
LEAST_WEIGHT = 1e-6
"""Of a place that is not sure at all, where all around it are as little."""
CONFIDENCE_OF_FILLING = 0.01
"""Of what a map has around a place, beside the place's own: of photographs, a twentieth are less sure than 0.04."""
FILLING_REACHES = (0.16, 0.04, 0.01)
"""Standard deviations of the surroundings that fill, in longer sides of the picture: the wider ones where the narrower
ones tell nothing either."""
FILLING_TRIANGLES = 100_000
"""Of the grid on which surroundings are averaged: fine enough for their reach."""

Nearness = Float[np.ndarray, "height width"]
"""How near each place is: 0 is the farthest focus setting, 1 the nearest."""


class Relief(NamedTuple):
    """A surface of triangles, as glTF has it: x to the right, y up, z towards who looks; the longer side is 1.

    Attributes:
        places: Of the corners.
        normals: At the corners, of length 1.
        uv: Where each corner is on the picture, [0, 1], v down.
        triangles: Three corners each, counterclockwise from the front.
    """

    places: Float[np.ndarray, "corners 3"]
    normals: Float[np.ndarray, "corners 3"]
    uv: Float[np.ndarray, "corners 2"]
    triangles: Int32[np.ndarray, "triangles 3"]


def grid_size(height: int, width: int, most_triangles: int) -> tuple[int, int]:
    """Rows and columns of corners over a picture, of no more than so many triangles and no finer than its pixels."""
    reduction = max(1.0, math.sqrt(2 * height * width / most_triangles))
    return max(2, int(height / reduction)), max(2, int(width / reduction))


def filled_by_confidence(
    values: Float[np.ndarray, "height width"], confidence: Float[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width"]:
    """A map in which places that are hardly sure follow the sure ones around them, smoothly.

    Args:
        values: The map.
        confidence: How sure it is of each pixel, [0, 1].
    """
    import cv2

    height, width = values.shape
    rows, columns = grid_size(height, width, FILLING_TRIANGLES)
    weight = np.maximum(confidence, np.float32(LEAST_WEIGHT), dtype=np.float32)
    told = np.multiply(weight, values, dtype=np.float32)
    coarse = [cv2.resize(each, (columns, rows), interpolation=cv2.INTER_AREA) for each in (told, weight)]
    around = np.full((rows, columns), told.mean() / weight.mean(), np.float32)
    for reach in FILLING_REACHES:
        told_around, weight_around = (
            cv2.GaussianBlur(each, (0, 0), reach * max(rows, columns), borderType=cv2.BORDER_REFLECT) for each in coarse
        )
        around = (told_around + CONFIDENCE_OF_FILLING * around) / (weight_around + CONFIDENCE_OF_FILLING)
    filled = cv2.resize(around, (width, height), interpolation=cv2.INTER_LINEAR)
    filled *= CONFIDENCE_OF_FILLING
    filled += told
    weight += CONFIDENCE_OF_FILLING
    return np.divide(filled, weight, out=filled)


def relief_of(nearness: Nearness, size: tuple[int, int], depth_scale: float) -> Relief:
    """A picture as a relief, whole: it is stretched, not cut, where near things hide what is behind them.

    Args:
        nearness: At each corner of the relief.
        size: Height and width of the picture, in pixels.
        depth_scale: How deep the relief is from the farthest to the nearest setting, in longer sides of the picture.
    """
    import cv2

    rows, columns = nearness.shape
    smooth = nearness.astype(np.float32)
    if min(rows, columns) > SPECKLE_PX:
        smooth = cv2.medianBlur(smooth, SPECKLE_PX)
    z = depth_scale * (smooth - 0.5)
    u, v = (np.arange(columns) + 0.5) / columns, (np.arange(rows) + 0.5) / rows
    x, y = (u - 0.5) * (size[1] / max(size)), (0.5 - v) * (size[0] / max(size))
    down, right = np.gradient(z, y, x)
    normals = np.stack([-right, -down, np.ones_like(z)], -1).astype(np.float32)
    normals /= np.linalg.norm(normals, axis=-1, keepdims=True)
    corner = np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    upper_left, upper_right, lower_left, lower_right = (
        corner[r, c].ravel() for r in (slice(-1), slice(1, None)) for c in (slice(-1), slice(1, None))
    )
    halves = (upper_left, lower_left, upper_right), (upper_right, lower_left, lower_right)
    return Relief(
        np.stack(np.broadcast_arrays(x, y[:, None], z), -1).reshape(-1, 3).astype(np.float32),
        normals.reshape(-1, 3),
        np.stack(np.broadcast_arrays(u, v[:, None]), -1).reshape(-1, 2).astype(np.float32),
        np.concatenate([np.stack(three, -1) for three in halves]),
    )


def stereo_pair(
    picture: Float[np.ndarray, "height width 3"], nearness: Nearness, disparity_px: float
) -> tuple[Float[np.ndarray, "height narrower_width 3"], Float[np.ndarray, "height narrower_width 3"]]:
    """What a left and a right eye see, made of one picture: near things stand before the paper, far ones behind it.

    Nothing is invented: what an eye would see behind a near thing's edge is what lies beside it, stretched, and where
    one of the eyes sees beyond the picture's border, both are cut off.

    Args:
        picture: Display values.
        nearness: Of each pixel.
        disparity_px: By how much the places of the nearest thing differ between the two, beyond those of the farthest.
    """
    shift = (np.clip(nearness, 0, 1) - 0.5) * (disparity_px / 2)
    beyond = math.ceil(abs(disparity_px) / 4)
    seen = slice(beyond, picture.shape[1] - beyond)
    left, right = _seen_aside(picture, shift), _seen_aside(picture[:, ::-1], shift[:, ::-1])[:, ::-1]
    return left[:, seen], right[:, seen]


def _seen_aside(
    picture: Float[np.ndarray, "height width 3"], shift: Float[np.ndarray, "height width"]
) -> Float[np.ndarray, "height width 3"]:
    """The picture with each pixel moved to the right by its shift; what goes over others to the right hides them."""
    import cv2

    height, width = shift.shape
    columns, seen = np.arange(width, dtype=np.float64), np.empty_like(picture)
    for rows in strips_of_rows(height, width):
        # Where each pixel goes, made rising along the row: pixels that a nearer one on their left passes are hidden.
        goes_to = np.maximum.accumulate(columns + shift[rows], axis=1)
        goes_to += columns * 1e-6  # no two to one place
        # All rows at once: row after row on one long axis, each in a stretch of its own.
        start = 2.0 * width * np.arange(len(goes_to))[:, None]
        wanted = np.clip(columns, goes_to[:, :1], goes_to[:, -1:])
        comes_from = np.interp((start + wanted).ravel(), (start + goes_to).ravel(), np.tile(columns, len(goes_to)))
        map_x = comes_from.reshape(goes_to.shape).astype(np.float32)
        map_y = np.broadcast_to(np.arange(len(goes_to), dtype=np.float32)[:, None], map_x.shape)
        strip = np.ascontiguousarray(picture[rows])
        seen[rows] = cv2.remap(strip, map_x, np.ascontiguousarray(map_y), cv2.INTER_LINEAR)
    return seen
