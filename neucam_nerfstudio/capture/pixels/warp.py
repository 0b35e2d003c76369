"""A photograph seen through a map: interpolated as light, without ringing, and with what is saturated left so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped

from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb, encode_srgb

SUBPIXELS = 32
"""OpenCV interpolates at places on a grid this fine (INTER_TAB_SIZE)."""
KERNEL_REACH_PX = 4
"""How far the Lanczos kernel of 8 x 8 pixels reaches."""

LEAST_PART_PX = 64
"""Parts of this side are looked at pixel by pixel where some of them may lie outside."""

PixelMap = Float[np.ndarray, "3 3"]
"""Takes (x, y, 1) of one picture, in pixels, pixel centres at whole numbers, to where the other shows the same."""
Nearness = Float32[np.ndarray, "small_height small_width"]
"""How much nearer than a plane things are that a picture shows: inverse distance, in a unit of its own. The map may be
smaller than the picture."""
Epipole = Float[np.ndarray, " 3"]
"""What a unit of nearness adds to the place (x, y, 1) that a map has found: more where the camera has moved farther."""
Pixels = Shaped[np.ndarray, "height width 3"]


class ViewMap(NamedTuple):
    """Where a photograph shows what another shows at (x, y): `plane @ (x, y, 1) + nearness(x, y) * epipole`.

    Attributes:
        plane: The map of what lies on a plane.
        epipole: Which way, and how far, nearer things lie from there; None where both were taken from one place.
        nearness: Of what the other shows; None without an epipole.
    """

    plane: PixelMap
    epipole: Epipole | None = None
    nearness: Nearness | None = None


def aligned(pixels: Pixels, view_map: ViewMap, is_linear: bool) -> Pixels:
    """A photograph seen through a map: a picture of the same size and number type.

    Light is interpolated (Lanczos, 8 x 8 pixels) and kept within the range of the four pixels around each place, so no
    edge rings. Beyond the photograph its border is repeated. Where the nearest pixel is white, it stays white: clipped
    light tells only that it is no less.

    Args:
        pixels: The photograph; white at its number type's full scale.
        view_map: Where it shows what is wanted at each pixel.
        is_linear: Whether pixel values are linear light; else they are taken to be encoded about as sRGB.
    """
    height, width, _ = pixels.shape
    cell = np.ones((2, 2), np.uint8)
    least = cv2.erode(pixels, cell, anchor=(0, 0))
    most = cv2.dilate(pixels, cell, anchor=(0, 0))
    curve, white = _light_of_values(pixels.dtype, is_linear), WHITE_LEVEL[pixels.dtype]
    seen = np.empty_like(pixels)
    for rows in strips_of_rows(height, width):
        x, y = _places(view_map, rows, height, width)
        top = int(np.clip(np.floor(y.min()) - KERNEL_REACH_PX, 0, height - 1))
        bottom = int(np.clip(np.ceil(y.max()) + KERNEL_REACH_PX + 1, 1, height))
        light = curve(pixels[top:bottom])
        strip = _from_light(_sample(light, x, y - top, cv2.INTER_LANCZOS4), pixels.dtype, is_linear)
        corner = (np.floor(x), np.floor(y))
        strip = np.clip(strip, _sample(least, *corner), _sample(most, *corner))
        column, row = np.rint(x), np.rint(y)
        strip[_sample(pixels, column, row) == white] = white
        seen[rows] = strip
    return seen


def coverage_seen(
    covered: Bool[np.ndarray, "height width"] | None,
    view_map: ViewMap,
    height: int,
    width: int,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Bool[np.ndarray, "rows columns"]:
    """Which pixels of some rows and columns of a photograph that is seen through a map show something.

    Args:
        covered: Of the photograph itself; None if all of them do.
        view_map: As of `aligned`.
        height: Of the photograph.
        width: Of the photograph.
        rows: Of what is seen.
        columns: Of what is seen.
    """
    top, bottom, _ = rows.indices(height)
    left, right, _ = columns.indices(width)
    seen = np.empty((bottom - top, right - left), bool)
    if covered is None:
        _mark_inside(seen, view_map, height, width, top, left)
        return seen
    source = cv2.erode(covered.astype(np.uint8), np.ones((3, 3), np.uint8))  # interpolation mixes in neighbours
    for strip in strips_of_rows(bottom - top, right - left):
        part = slice(top + strip.start, top + strip.stop)
        x, y = (np.rint(of).astype(np.float32) for of in _places(view_map, part, height, width, slice(left, right)))
        seen[strip] = cv2.remap(source, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT) > 0
    return seen


def _mark_inside(
    seen: Bool[np.ndarray, "rows columns"], view_map: ViewMap, height: int, width: int, top: int, left: int
) -> None:
    """Marks what lies inside a photograph, from a row and a column on: part by part, for nearly all lies well inside,
    which the corners of a part tell."""
    rows, columns = seen.shape
    if not seen.size:
        return
    if _corners_lie_inside(view_map, height, width, (top, top + rows - 1), (left, left + columns - 1)):
        seen[:] = True
    elif max(rows, columns) <= LEAST_PART_PX:
        places = _places(view_map, slice(top, top + rows), height, width, slice(left, left + columns))
        x, y = map(np.rint, places)
        seen[:] = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    else:
        middle_row, middle_column = (rows + 1) // 2, (columns + 1) // 2
        for part_rows in (slice(0, middle_row), slice(middle_row, rows)):
            for part_columns in (slice(0, middle_column), slice(middle_column, columns)):
                corner = top + part_rows.start, left + part_columns.start
                _mark_inside(seen[part_rows, part_columns], view_map, height, width, *corner)


def _corners_lie_inside(
    view_map: ViewMap, height: int, width: int, rows: tuple[int, int], columns: tuple[int, int]
) -> bool:
    """Whether the corners of a part are seen inside a photograph, however near what they show may be; then all of it
    is, for maps of planes take straight lines to straight lines."""
    corners = np.array([(x, y, 1.0) for x in columns for y in rows]) @ view_map.plane.T
    if view_map.epipole is not None and view_map.nearness is not None:
        ends = float(view_map.nearness.min()), float(view_map.nearness.max())
        corners = np.concatenate([corners + nearness * view_map.epipole for nearness in ends])
    if (corners[:, 2] <= 0).any():
        return False
    x, y = corners[:, 0] / corners[:, 2], corners[:, 1] / corners[:, 2]
    return bool((x > 0).all() and (x < width - 1).all() and (y > 0).all() and (y < height - 1).all())


def _places(
    view_map: ViewMap, rows: slice, height: int, width: int, columns: slice = slice(None)
) -> tuple[Float[np.ndarray, "r w"], Float[np.ndarray, "r w"]]:
    """Where the photograph shows what is wanted at each pixel of some rows: x and y, on OpenCV's fine grid."""
    across = np.arange(width, dtype=np.float64)[columns]
    down = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    x, y, third = (row[0] * across + row[1] * down + row[2] for row in view_map.plane)
    if view_map.epipole is not None and view_map.nearness is not None:
        nearness = nearness_of_rows(view_map.nearness, rows, height, width)[:, columns]
        x, y, third = (place + nearness * step for place, step in zip((x, y, third), view_map.epipole, strict=True))
    return np.rint(x / third * SUBPIXELS) / SUBPIXELS, np.rint(y / third * SUBPIXELS) / SUBPIXELS


def nearness_of_rows(nearness: Nearness, rows: slice, height: int, width: int) -> Float32[np.ndarray, "r w"]:
    """Nearness of each pixel of some rows of a picture, interpolated."""
    small_height, small_width = nearness.shape
    across = (np.arange(width, dtype=np.float32) + 0.5) * (small_width / width) - 0.5
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * (small_height / height) - 0.5
    x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    return cv2.remap(nearness, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _sample(
    pixels: Pixels, x: Float[np.ndarray, "r w"], y: Float[np.ndarray, "r w"], interpolation: int = cv2.INTER_NEAREST
) -> Shaped[np.ndarray, "r w 3"]:
    """Pixels at places; the border is repeated."""
    maps = (x.astype(np.float32), y.astype(np.float32))
    return cv2.remap(pixels, *maps, interpolation, borderMode=cv2.BORDER_REPLICATE)


def _light_of_values(number_type: np.dtype, is_linear: bool) -> Callable[[Pixels], Float[np.ndarray, "h w 3"]]:
    """What takes pixel values to linear light in [0, 1], float32."""
    if number_type == np.float32:
        return (lambda pixels: pixels) if is_linear else (lambda pixels: decode_srgb(pixels).astype(np.float32))
    white = WHITE_LEVEL[number_type]
    shares = np.arange(white + 1) / white
    light = (shares if is_linear else decode_srgb(shares)).astype(np.float32)
    return lambda pixels: light[pixels]


def _from_light(
    light: Float[np.ndarray, "r w 3"], number_type: np.dtype, is_linear: bool
) -> Shaped[np.ndarray, "r w 3"]:
    """Pixel values of linear light, of which kernels with negative weights may make less than 0 or more than 1."""
    share = np.clip(light, 0, 1)
    share = share if is_linear else encode_srgb(share).astype(np.float32)
    return share if number_type == np.float32 else np.rint(share * WHITE_LEVEL[number_type]).astype(number_type)
