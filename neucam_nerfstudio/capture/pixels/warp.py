"""A photograph seen through a map: interpolated as light, without ringing, and with what is saturated left so."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Int16, Shaped, UInt16

from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb, encode_srgb

SUBPIXELS = 32
"""OpenCV interpolates at places on a grid this fine (INTER_TAB_SIZE)."""
KERNEL_REACH_PX = 4
"""How far the larger kernel, Lanczos's, reaches."""
LANCZOS_PIXELS = 1 << 20
"""Pictures of at most so many pixels are interpolated by Lanczos's kernel of 8 x 8 pixels: they are often sharp to the
pixel, and it shows. Larger ones by a cubic one of 4 x 4, which costs a quarter."""
SHARPNESS = -0.75
"""Of OpenCV's cubic kernel: the slope at its first zero (Keys 1981)."""
MOST_ROOT = 1.5
"""The square root of more light than kernels make of white."""
ROOT_STEPS = (1 << 16) / MOST_ROOT
"""Pixel values are looked up by the square root of light, in steps this fine: it keeps 16 bits of an encoded value."""

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

    Light is interpolated and kept within the range of the four pixels around each place, so no edge rings. Beyond the
    photograph its border is repeated. Where the nearest pixel is white, it stays white: clipped light tells only that
    it is no less.

    Args:
        pixels: The photograph; white at its number type's full scale.
        view_map: Where it shows what is wanted at each pixel.
        is_linear: Whether pixel values are linear light; else they are taken to be encoded about as sRGB.
    """
    height, width, _ = pixels.shape
    cell = np.ones((2, 2), np.uint8)
    light_of, values_of = _light_of_values(pixels.dtype, is_linear), _values_of_light(pixels.dtype, is_linear)
    white = WHITE_LEVEL[pixels.dtype]
    kernel = cv2.INTER_LANCZOS4 if height * width <= LANCZOS_PIXELS else cv2.INTER_CUBIC
    has_white = bool(pixels.max() == white)
    below_white = float(np.nextafter(np.float32(1), np.float32(0))) if pixels.dtype == np.float32 else white - 1
    seen = np.empty_like(pixels)
    for rows in strips_of_rows(height, width):
        x, y = _places(view_map, rows, height, width)
        top = int(np.clip(np.floor(y.min()) - KERNEL_REACH_PX, 0, height - 1))
        bottom = int(np.clip(np.ceil(y.max()) + KERNEL_REACH_PX + 1, top + 1, height))
        source = pixels[top:bottom]
        least, most = cv2.erode(source, cell, anchor=(0, 0)), cv2.dilate(source, cell, anchor=(0, 0))
        corners, fractions = cv2.convertMaps(x, y - np.float32(top), cv2.CV_16SC2)
        if kernel == cv2.INTER_CUBIC:
            fractions = np.take(UNDISTORTED, np.asarray(fractions, np.uint16))
        light = cv2.remap(light_of(source), corners, fractions, kernel, borderMode=cv2.BORDER_REPLICATE)
        strip = cv2.max(_nearest(least, corners), cv2.min(_nearest(most, corners), values_of(light)))
        if has_white:
            nearest = (np.rint(x).astype(np.int16), np.rint(y - np.float32(top)).astype(np.int16))
            is_white = cv2.threshold(_nearest(source, np.stack(nearest, -1)), below_white, white, cv2.THRESH_BINARY)
            strip = cv2.max(strip, is_white[1])
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
        x, y = (np.rint(of) for of in places)
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
    plane, epipole = view_map.plane / view_map.plane[2, 2], np.zeros(3)
    nearness = np.float32(0)
    if view_map.epipole is not None and view_map.nearness is not None:
        nearness = nearness_of_rows(view_map.nearness, rows, height, width)[:, columns]
        epipole = (view_map.epipole / view_map.plane[2, 2]).astype(np.float32)

    def projected(row: int) -> Float32[np.ndarray, "r w"]:
        along, start = plane[row, 0] * across, plane[row, 1] * down + plane[row, 2]
        on_plane = along.astype(np.float32) + start.astype(np.float32)
        return on_plane + nearness * epipole[row] if epipole[row] else on_plane

    x, y = projected(0), projected(1)
    if plane[2, :2].any() or epipole[2]:
        third = projected(2)
        x, y = x / third, y / third
    for place in (x, y):
        np.rint(place * np.float32(SUBPIXELS), out=place)
        place /= np.float32(SUBPIXELS)
    return x, y


def nearness_of_rows(nearness: Nearness, rows: slice, height: int, width: int) -> Float32[np.ndarray, "r w"]:
    """Nearness of each pixel of some rows of a picture, interpolated."""
    small_height, small_width = nearness.shape
    across = (np.arange(width, dtype=np.float32) + 0.5) * (small_width / width) - 0.5
    down = (np.arange(rows.start, rows.stop, dtype=np.float32) + 0.5) * (small_height / height) - 0.5
    x, y = np.meshgrid(across.astype(np.float32), down.astype(np.float32))
    return cv2.remap(nearness, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _nearest(pixels: Pixels, corners: Int16[np.ndarray, "r w 2"]) -> Shaped[np.ndarray, "r w 3"]:
    """Pixels at whole places (x, y); the border is repeated."""
    return cv2.remap(pixels, corners, np.empty(0), cv2.INTER_NEAREST, borderMode=cv2.BORDER_REPLICATE)


def _undistorted_fractions() -> UInt16[np.ndarray, " fractions"]:
    """For each of OpenCV's fractions of a place (32 x 32), the one at which its cubic kernel shows that place.

    That kernel does not keep even a ramp: what it shows at a quarter of a pixel lies 0.05 px farther.
    """
    offsets = np.arange(SUBPIXELS) / SUBPIXELS
    taps = np.abs(np.arange(-1, 3)[:, None] - offsets)
    near = ((SHARPNESS + 2) * taps - (SHARPNESS + 3)) * taps**2 + 1
    far = SHARPNESS * (((taps - 5) * taps + 8) * taps - 4)
    shown = np.sum(np.arange(-1, 3)[:, None] * np.where(taps < 1, near, far), 0)
    right = np.rint(np.interp(offsets, shown, offsets) * SUBPIXELS).clip(0, SUBPIXELS - 1).astype(np.uint16)
    return (right[:, None] * np.uint16(SUBPIXELS) + right).ravel()


UNDISTORTED = _undistorted_fractions()


def _light_of_values(number_type: np.dtype, is_linear: bool) -> Callable[[Pixels], Float32[np.ndarray, "h w 3"]]:
    """What takes pixel values to linear light in [0, 1]."""
    if number_type == np.float32:
        return (lambda pixels: pixels) if is_linear else (lambda pixels: decode_srgb(pixels).astype(np.float32))
    white = WHITE_LEVEL[number_type]
    shares = np.arange(white + 1) / white
    light = (shares if is_linear else decode_srgb(shares)).astype(np.float32)
    return (lambda pixels: cv2.LUT(pixels, light)) if number_type == np.uint8 else (lambda pixels: light[pixels])


def _values_of_light(number_type: np.dtype, is_linear: bool) -> Callable[[Float32[np.ndarray, "r w 3"]], Pixels]:
    """What takes light, of which kernels with negative weights may make less than 0 or more than 1, to pixel values."""
    if number_type == np.float32:
        return lambda light: np.clip(light, 0, 1) if is_linear else encode_srgb(np.clip(light, 0, 1)).astype(np.float32)
    light_of_steps = np.minimum((np.arange(1 << 16) / ROOT_STEPS) ** 2, 1)
    values = light_of_steps if is_linear else encode_srgb(light_of_steps)
    table = np.rint(values * WHITE_LEVEL[number_type]).astype(number_type)

    def looked_up(light: Float32[np.ndarray, "r w 3"]) -> Pixels:
        roots = cv2.sqrt(cv2.threshold(light, 0, 0, cv2.THRESH_TOZERO)[1])
        return table[(roots * np.float32(ROOT_STEPS)).astype(np.uint16)]

    return looked_up
