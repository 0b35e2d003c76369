"""Where a photograph's file has no picture: aligned frames are transparent beyond what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Bool, Shaped

from neucam_nerfstudio.imaging.large_pictures import open_with_pillow
from neucam_nerfstudio.imaging.tiff_files import TIFF_SIGNATURES, read_tiff_opacity
from neucam_nerfstudio.photometry import WHITE_LEVEL

OPAQUE = 0.98
"""Opacity from which on a pixel shows what was photographed; below, its colour is mixed with that of nothing."""


def read_coverage(path: Path) -> Bool[np.ndarray, "height width"] | None:
    """Where a PNG, TIFF or other picture file is opaque, upright; None if it is everywhere, or has no transparency.

    A picture that is opaque nowhere has an alpha channel that means something else: it counts as covered everywhere.
    Only the header is read of files without alpha. What is no picture covers everything: reading its pixels tells.
    """
    try:
        with path.open("rb") as file:
            is_tiff = file.read(4) in TIFF_SIGNATURES
    except OSError:
        return None
    opacity = read_tiff_opacity(path) if is_tiff else _opacity_by_pillow(path)
    if opacity is None:
        return None
    covered = opacity >= OPAQUE * (WHITE_LEVEL.get(opacity.dtype) or np.iinfo(opacity.dtype).max)
    return covered if covered.any() and not covered.all() else None


def _opacity_by_pillow(path: Path) -> Shaped[np.ndarray, "height width"] | None:
    from PIL import ImageOps

    try:
        with open_with_pillow(path) as image:
            if not image.has_transparency_data:
                return None
            alpha = image if image.mode in ("RGBA", "LA") else image.convert("RGBA")
            return np.array(ImageOps.exif_transpose(alpha).getchannel("A"))
    except (OSError, ValueError, SyntaxError):
        return None


def filled_outward(
    pixels: Shaped[np.ndarray, "height width *channels"], covered: Bool[np.ndarray, "height width"]
) -> Shaped[np.ndarray, "height width *channels"]:
    """A picture in which the nearest covered pixel goes on where nothing is covered.

    Args:
        pixels: The picture.
        covered: Where it shows something; at least one pixel.
    """
    import cv2

    labels = cv2.distanceTransformWithLabels(
        (~covered).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    of_label = np.empty(int(labels.max()) + 1, np.int64)
    places = np.flatnonzero(covered)
    of_label[labels.ravel()[places]] = places
    filled = pixels.copy()
    filled[~covered] = pixels.reshape(-1, *pixels.shape[2:])[of_label[labels[~covered]]]
    return filled
