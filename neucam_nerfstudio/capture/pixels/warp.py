"""A photograph seen through a map: interpolated as light, without ringing, and with what is saturated left so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Shaped

from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb, encode_srgb

SUBPIXELS = 32
"""OpenCV interpolates at places on a grid this fine (INTER_TAB_SIZE)."""
KERNEL_REACH_PX = 2
"""How far the bicubic kernel of 4 x 4 pixels reaches."""
LARGEST_PLACE = 2**15 - 1
"""OpenCV's pictures end here."""
LIGHT_STEPS = 2**16
"""Of linear light, in the table that encodes it in 8 bits: the steps are a twentieth of a value where it is darkest."""

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

    Light is interpolated (bicubic, 4 x 4 pixels: a quarter of what Lanczos costs) and kept within the range of the four
    pixels around each place, so no edge rings. Beyond the photograph its border is repeated. Where the nearest pixel is
    white, it stays white: clipped light tells only that it is no less.

    Args:
        pixels: The photograph; white at its number type's full scale.
        view_map: Where it shows what is wanted at each pixel.
        is_linear: Whether pixel values are linear light; else they are taken to be encoded about as sRGB.
    """
    height, width, _ = pixels.shape
    to_light, to_values, white = *_curves(pixels.dtype, is_linear), WHITE_LEVEL[pixels.dtype]
    cell = np.ones((2, 2), np.uint8)
    seen = np.empty_like(pixels)
    for rows in strips_of_rows(height, width):
        x, y = _places(view_map, rows, height, width)
        top = int(np.clip(np.floor(y.min()) - KERNEL_REACH_PX, 0, height - 1))
        bottom = int(np.clip(np.ceil(y.max()) + KERNEL_REACH_PX + 1, 1, height))
        source, y = pixels[top:bottom], y - np.float32(top)
        strip = to_values(cv2.remap(to_light(source), x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))
        least, most = cv2.erode(source, cell, anchor=(0, 0)), cv2.dilate(source, cell, anchor=(0, 0))
        corner = _whole_places(np.floor(x), np.floor(y))
        strip = np.minimum(np.maximum(strip, _nearest(least, corner)), _nearest(most, corner))
        strip[_nearest(source, _whole_places(np.rint(x), np.rint(y))) == white] = white
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
) -> tuple[Float32[np.ndarray, "r w"], Float32[np.ndarray, "r w"]]:
    """Where the photograph shows what is wanted at each pixel of some rows: x and y, on OpenCV's fine grid."""
    across = np.arange(width, dtype=np.float64)[columns]
    down = np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    to_grid = np.diag([SUBPIXELS, SUBPIXELS, 1.0])
    first, second, third = to_grid @ view_map.plane
    x, y = (row[0] * across + (row[1] * down + row[2]) for row in (first, second))
    if view_map.epipole is not None and view_map.nearness is not None:
        nearness = nearness_of_rows(view_map.nearness, rows, height, width)[:, columns]
        step_x, step_y, step = to_grid @ view_map.epipole
        depth = third[0] * across + (third[1] * down + third[2]) + nearness * step
        x, y = (x + nearness * step_x) / depth, (y + nearness * step_y) / depth
    elif not np.array_equal(third, (0, 0, 1)):
        depth = third[0] * across + (third[1] * down + third[2])
        x, y = x / depth, y / depth
    return tuple(np.rint(on_grid, out=on_grid).astype(np.float32) / np.float32(SUBPIXELS) for on_grid in (x, y))


def nearness_of_rows(nearness: Nearness, rows: slice, height: int, width: int) -> Float32[np.ndarray, "r w"]:
    """Nearness of each pixel of some rows of a picture, interpolated."""
    small_height, small_width = nearness.shape
    across = (np.arange(width, dtype=np.float32) + 0.5) * (small_width / width) - 0.5
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * (small_height / height) - 0.5
    x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    return cv2.remap(nearness, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _whole_places(x: Float32[np.ndarray, "r w"], y: Float32[np.ndarray, "r w"]) -> Int16[np.ndarray, "r w 2"]:
    """Places that are whole numbers, as OpenCV takes them soonest; those far outside are as far outside as it goes."""
    return cv2.merge([np.clip(of, -LARGEST_PLACE, LARGEST_PLACE).astype(np.int16) for of in (x, y)])


def _nearest(pixels: Pixels, places: Int16[np.ndarray, "r w 2"]) -> Shaped[np.ndarray, "r w 3"]:
    """Pixels at places; the border is repeated."""
    return cv2.remap(pixels, places, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _curves(
    number_type: np.dtype, is_linear: bool
) -> tuple[Callable[[Pixels], Float32[np.ndarray, "h w 3"]], Callable[[Float32[np.ndarray, "r w 3"]], Pixels]]:
    """What takes pixel values to linear light in [0, 1], and what takes such light, of which kernels with negative
    weights may make less than 0 or more than 1, to pixel values again."""
    white = WHITE_LEVEL[number_type]
    if number_type == np.float32:
        encode = encode_srgb if not is_linear else lambda light: np.clip(light, 0, 1)
        decode = decode_srgb if not is_linear else lambda pixels: pixels
        return (lambda pixels: decode(pixels).astype(np.float32)), lambda light: encode(light).astype(np.float32)
    shares = np.arange(white + 1) / white
    light_of = (shares if is_linear else decode_srgb(shares)).astype(np.float32)
    if number_type == np.uint16:
        encode = (lambda light: np.clip(light, 0, 1)) if is_linear else encode_srgb
        return (lambda pixels: light_of[pixels]), lambda light: np.rint(encode(light) * white).astype(np.uint16)
    steps = np.arange(LIGHT_STEPS) / (LIGHT_STEPS - 1)
    value_of = np.rint((steps if is_linear else encode_srgb(steps)) * white).astype(np.uint8)

    def to_values(light: Float32[np.ndarray, "r w 3"]) -> Pixels:
        step = light * np.float32(LIGHT_STEPS - 1)
        step += np.float32(0.5)
        return value_of[np.clip(step, 0, LIGHT_STEPS - 1, out=step).astype(np.uint16)]

    return (lambda pixels: cv2.LUT(pixels, light_of)), to_values
