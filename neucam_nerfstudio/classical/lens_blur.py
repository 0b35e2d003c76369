"""Lens blur of a sharp picture whose defocus is known: each pixel's light goes to the disc that a lens makes of it."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.exposure_merge import in_channels
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.tiles import overlapping_tiles

SHARP_RADIUS_PX = 2.0
RELATIVE_STEP = 0.12
"""Discs are graded by radius in steps of this share of it and of the first: 0.24 pixels where it is sharp, some percent
of a large disc. A pixel's disc lies between two grades."""

LEAST_RADIUS_PX = 0.5
"""Smaller discs lie within a pixel."""

SUBPIXELS = 8
"""A disc's share of each pixel is counted on this many places a side."""

TILE_PIXELS = 2_000_000
LEAST_COVER = 1e-6


def blur_by_lens(radiance: RgbImage, radius_px: Image) -> RgbImage:
    """What a lens makes of a sharp picture.

    Where discs overlap, light is averaged: what is near hides what is behind it no more than in part, as one picture
    does not tell what is behind.

    Args:
        radiance: Linear light, all in focus.
        radius_px: Radius of each pixel's disc in pixels, >= 0.
    """
    blurred = np.empty_like(radiance)
    margin_px = math.ceil(float(radius_px.max(initial=0))) + 1
    height, width = radius_px.shape
    for tile in overlapping_tiles(height, width, TILE_PIXELS, margin_px):
        blurred[tile.part] = _blurred_tile(radiance[tile.with_margin], radius_px[tile.with_margin])[tile.inner]
    return blurred


def _blurred_tile(radiance: RgbImage, radius_px: Image) -> RgbImage:
    """The light that reaches each pixel, divided by how much reaches it of light that is 1 everywhere."""
    grade = np.log1p(radius_px / SHARP_RADIUS_PX) / RELATIVE_STEP
    light, cover = np.zeros_like(radiance), np.zeros_like(radius_px)
    for number in range(math.floor(grade.min()), math.ceil(grade.max()) + 1):
        share = np.maximum(0, 1 - np.abs(grade - np.float32(number)))
        if not share.any():
            continue
        disc = disc_kernel(SHARP_RADIUS_PX * math.expm1(RELATIVE_STEP * number))
        light += cv2.filter2D(radiance * in_channels(share), -1, disc, borderType=cv2.BORDER_REFLECT_101)
        cover += cv2.filter2D(share, -1, disc, borderType=cv2.BORDER_REFLECT_101)
    return light / in_channels(np.maximum(cover, LEAST_COVER))


def disc_kernel(radius_px: float) -> Float[np.ndarray, "side side"]:
    """Share of each pixel around the middle one in an even disc; sums to 1."""
    if radius_px < LEAST_RADIUS_PX:
        return np.ones((1, 1), np.float32)
    reach = math.ceil(radius_px)
    places = (np.arange((2 * reach + 1) * SUBPIXELS) + 0.5) / SUBPIXELS - reach - 0.5
    inside = places[:, None] ** 2 + places**2 <= radius_px**2
    side = 2 * reach + 1
    shares = inside.reshape(side, SUBPIXELS, side, SUBPIXELS).mean((1, 3))
    return (shares / shares.sum()).astype(np.float32)
