"""A photograph seen through a map: interpolated as light, without ringing, and with what is saturated left so."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped

from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.photometry import WHITE_LEVEL, decode_srgb, encode_srgb

SUBPIXELS = 32
"""OpenCV interpolates at places on a grid this fine (INTER_TAB_SIZE)."""
KERNEL_REACH_PX = 4
"""How far the Lanczos kernel of 8 x 8 pixels reaches."""

PixelMap = Float[np.ndarray, "3 3"]
"""Takes (x, y, 1) of one picture, in pixels, pixel centres at whole numbers, to where the other shows the same."""
Pixels = Shaped[np.ndarray, "height width 3"]


def aligned(pixels: Pixels, pixel_map: PixelMap, beyond: Pixels | None, is_linear: bool) -> Pixels:
    """A photograph seen through a map: a picture of the same size and number type.

    Light is interpolated (Lanczos, 8 x 8 pixels) and kept within the range of the four pixels around each place, so no
    edge rings. Where the nearest pixel is white, it stays white: clipped light tells only that it is no less.

    Args:
        pixels: The photograph; white at its number type's full scale.
        pixel_map: Where it shows what is wanted at each pixel.
        beyond: What to show beyond its border; None repeats the border.
        is_linear: Whether pixel values are linear light; else they are taken to be encoded about as sRGB.
    """
    height, width, _ = pixels.shape
    cell = np.ones((2, 2), np.uint8)
    least = cv2.erode(pixels, cell, anchor=(0, 0))
    most = cv2.dilate(pixels, cell, anchor=(0, 0))
    curve, white = _light_of_values(pixels.dtype, is_linear), WHITE_LEVEL[pixels.dtype]
    seen = np.empty_like(pixels)
    for rows in strips_of_rows(height, width):
        x, y = _places(pixel_map, rows, width)
        top = int(np.clip(np.floor(y.min()) - KERNEL_REACH_PX, 0, height - 1))
        bottom = int(np.clip(np.ceil(y.max()) + KERNEL_REACH_PX + 1, 1, height))
        light = curve(pixels[top:bottom])
        strip = _from_light(_sample(light, x, y - top, cv2.INTER_LANCZOS4), pixels.dtype, is_linear)
        corner = (np.floor(x), np.floor(y))
        strip = np.clip(strip, _sample(least, *corner), _sample(most, *corner))
        column, row = np.rint(x), np.rint(y)
        strip[_sample(pixels, column, row) == white] = white
        if beyond is not None:
            outside = (column < 0) | (column > width - 1) | (row < 0) | (row > height - 1)
            strip[outside] = beyond[rows][outside]
        seen[rows] = strip
    return seen


def coverage_seen(
    covered: Bool[np.ndarray, "height width"] | None, pixel_map: PixelMap, height: int, width: int
) -> Bool[np.ndarray, "height width"] | None:
    """Which pixels of a photograph that is seen through a map show something.

    Args:
        covered: Of the photograph itself; None if all of them do.
        pixel_map: As of `aligned`.
        height: Of the photograph.
        width: Of the photograph.

    Returns:
        None if all of them do.
    """
    source = np.ones((height, width), np.uint8) if covered is None else covered.astype(np.uint8)
    source = cv2.erode(source, np.ones((3, 3), np.uint8))  # interpolation mixes in neighbours; the border stays
    seen = np.empty((height, width), bool)
    for rows in strips_of_rows(height, width):
        x, y = (np.rint(places).astype(np.float32) for places in _places(pixel_map, rows, width))
        seen[rows] = cv2.remap(source, x, y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT) > 0
    return None if seen.all() else seen


def _places(pixel_map: PixelMap, rows: slice, width: int) -> tuple[Float[np.ndarray, "r w"], Float[np.ndarray, "r w"]]:
    """Where the photograph shows what is wanted at each pixel of some rows: x and y, on OpenCV's fine grid."""
    across, down = np.arange(width, dtype=np.float64), np.arange(rows.start, rows.stop, dtype=np.float64)[:, None]
    x, y = (pixel_map[axis, 0] * across + pixel_map[axis, 1] * down + pixel_map[axis, 2] for axis in (0, 1))
    return np.rint(x * SUBPIXELS) / SUBPIXELS, np.rint(y * SUBPIXELS) / SUBPIXELS


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
