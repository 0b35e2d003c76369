"""Scores of a fused picture without ground truth: how much of its photographs it keeps, and how sharp it is.

All take grey pictures, from `grey`. None of them knows what is right: a score for structure rewards noise that is kept
and halos that are sharp, so they are for a look beside the picture, and not in place of ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.capture.pixels.store import StoredFrame
from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.photometry import WHITE_LEVEL

MEF_WINDOW_PX = 11
MEF_WINDOW_SIGMA_PX = 1.5
MEF_WHOLE_WINDOWS = np.s_[MEF_WINDOW_PX // 2 : -(MEF_WINDOW_PX // 2), MEF_WINDOW_PX // 2 : -(MEF_WINDOW_PX // 2)]
"""Pixels of a picture around which a window lies inside it."""
MEF_CONSTANT = 0.03**2
"""(0.03 x 255)^2 in the authors' pixel values to 255."""
MEF_SMALLEST_CONTRAST = 0.001 / 255
"""Added to each patch's norm, so that flat ones can be divided by theirs."""
MEF_LARGEST_POWER = 10.0
"""Of contrast as a weight, where all photographs show the same structure: that is nearly the largest one alone."""
MEF_LEVEL_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Of the scales, from fine to coarse, before they are made to sum to 1."""
MEF_TILE_ROWS, MEF_TILE_COLUMNS = 32, 256
"""Of the tiles whose patches are compared at a time: those of dozens of photographs fit into a processor's cache."""
MEF_SMALLEST_SIDE_PX = MEF_WINDOW_PX * 2 ** (len(MEF_LEVEL_WEIGHTS) - 1)
"""Of pictures that have room for a patch on the coarsest scale."""

EDGE_STRENGTH_SIGMOID = (0.9994, -15.0, 0.5)
EDGE_ORIENTATION_SIGMOID = (0.9879, -22.0, 0.8)
"""Gamma, kappa and sigma of Q_AB/F: height, steepness and middle of the curve from agreement to quality."""

Grey = Float[np.ndarray, "height width"]


Photograph = StoredFrame | Shaped[np.ndarray, "_ _ 3"] | Float[np.ndarray, "_ _"]
"""R, G, B, white at the number type's full scale; or grey, in [0, 1]. Many large ones would fill the memory as grey
pictures, so these are made of the rows that are looked at."""


def grey(picture: Float[np.ndarray, "*batch height width 3"]) -> Float[np.ndarray, "*batch height width"]:
    """Luma of display values in [0, 1] (Rec. 601, as in the authors' evaluations)."""
    return picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def grey_rows(photograph: Photograph, rows: slice) -> Float[np.ndarray, "rows width"]:
    """Luma of some rows of a photograph, in [0, 1]."""
    part = photograph[rows]
    return part if part.ndim == 2 else grey(part / WHITE_LEVEL[part.dtype])


def mef_ssim(fused: Grey, photographs: Sequence[Photograph]) -> float:
    """Structural similarity of a fusion with its photographs, on three scales: at most 1.

    What each 11 x 11 patch should show is made of the photographs: the highest contrast any of them has, and the mean
    of their structures, weighted by their contrast the more, the more alike they are.

    Args:
        fused: Display values in [0, 1].
        photographs: The same view, pixel by pixel, in [0, 1].

    Raises:
        ValueError: If a picture is too small for three scales, or shapes differ.

    Source:
        Ma, Zeng & Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015,
        equations 4 to 15, with the constants and windows of the authors' code.
    """
    sizes = [photograph.shape[:2] for photograph in photographs]
    if any(size != fused.shape for size in sizes):
        raise ValueError(f"The fusion is {fused.shape}, the photographs {sizes}.")
    if min(fused.shape) < MEF_SMALLEST_SIDE_PX:
        raise ValueError(f"A picture of {fused.shape} is too small: three scales of 11 pixels take 44.")
    weights = np.array(MEF_LEVEL_WEIGHTS) / sum(MEF_LEVEL_WEIGHTS)
    score = 1.0
    for level, weight in enumerate(weights):
        if level > 0:
            fused = _halved(fused)
            photographs = [_halved(grey_rows(photograph, slice(None))) for photograph in photographs]
        # Below 0 the structure is inverted: no power of that is real.
        score *= max(float(mef_ssim_map(fused, photographs).mean()), 0.0) ** weight
    return score


def mef_ssim_map(fused: Grey, photographs: Sequence[Photograph]) -> Float[np.ndarray, "height-10 width-10"]:
    """Similarity of each whole patch on one scale, in [-1, 1]; see `mef_ssim`.

    Tile by tile: time grows in proportion to the number of photographs, and memory hardly.
    """
    height, width = (side - MEF_WINDOW_PX + 1 for side in fused.shape)
    similarity = np.empty((height, width), np.float32)
    for top in range(0, height, MEF_TILE_ROWS):
        rows = slice(top, min(top + MEF_TILE_ROWS, height))
        seen_rows = slice(rows.start, rows.stop + MEF_WINDOW_PX - 1)
        strip = np.stack([grey_rows(photograph, seen_rows) for photograph in photographs])
        for left in range(0, width, MEF_TILE_COLUMNS):
            columns = slice(left, min(left + MEF_TILE_COLUMNS, width))
            seen_columns = slice(columns.start, columns.stop + MEF_WINDOW_PX - 1)
            similarity[rows, columns] = _patch_similarity(fused[seen_rows, seen_columns], strip[..., seen_columns])
    return similarity


def _patch_similarity(
    fused: Grey, photographs: Float[np.ndarray, "photographs height width"]
) -> Float[np.ndarray, "height-10 width-10"]:
    """Similarity of each patch of a tile.

    The structure that a patch should show is the sum of the photographs' patches, each with one weight all over the
    patch. Patches are never cut out: one place in all of them is summed after the other, and adds to the moments.
    """
    # Moments do not change, and are more exact, around the tile's means.
    fused = fused - fused.mean()
    photographs = photographs - photographs.mean((1, 2), keepdims=True)
    contrast = MEF_WINDOW_PX * np.sqrt([_variance(photograph, _box_mean) for photograph in photographs])
    contrast += MEF_SMALLEST_CONTRAST
    weights = _structure_weights(photographs.sum(0), contrast)
    mean = np.sum([weight * _box_mean(part) for weight, part in zip(weights, photographs, strict=True)], axis=0)
    parts, weights, mean, fused_part = (part.astype(np.float32) for part in (photographs, weights, mean, fused))
    gaussian = cv2.getGaussianKernel(MEF_WINDOW_PX, MEF_WINDOW_SIGMA_PX, cv2.CV_32F)[:, 0]
    box_square, gaussian_mean, square, product = np.zeros((4, *mean.shape), np.float32)
    for top, left in np.ndindex(MEF_WINDOW_PX, MEF_WINDOW_PX):
        place = (slice(top, top + mean.shape[0]), slice(left, left + mean.shape[1]))
        summed = np.einsum("nhw,nhw->hw", weights, parts[(slice(None), *place)]) - mean
        weighted = gaussian[top] * gaussian[left] * summed
        box_square += summed * summed
        gaussian_mean += weighted
        square += weighted * summed
        product += weighted * fused_part[place]
    norm = MEF_WINDOW_PX * np.sqrt(box_square / MEF_WINDOW_PX**2)
    gain = np.divide(np.max(contrast, axis=0), norm, out=np.zeros_like(norm), where=norm > 0)
    variance = np.maximum(square - gaussian_mean**2, 0)
    covariance = product - gaussian_mean * _gaussian_mean(fused_part)
    variances = gain**2 * variance + _variance(fused, _gaussian_mean)
    return (2 * gain * covariance + MEF_CONSTANT) / (variances + MEF_CONSTANT)


def edge_preservation(fused: Grey, photographs: Sequence[Photograph]) -> float:
    """Q_AB/F: how much of the photographs' edges, in strength and orientation, a fusion keeps; from 0 to 0.975.

    The mean over all photographs and pixels, weighted by the strength of the photograph's edge there.

    Args:
        fused: Display values.
        photographs: The same view, pixel by pixel.

    Raises:
        ValueError: If no photograph has an edge.

    Source:
        Xydeas & Petrovic, "Objective image fusion performance measure", Electronics Letters 36(4), 2000, for any
        number of photographs and with L = 1. Orientations differ by at most 90 degrees: the paper's formula
        takes the two ends of its range, which are one orientation, for opposites.
    """
    kept, total = 0.0, 0.0
    for rows in strips_of_rows(*fused.shape):
        fused_strength, fused_orientation = _edges(fused, rows)
        for photograph in photographs:
            strength, orientation = _edges(photograph, rows)
            larger, smaller = np.maximum(strength, fused_strength), np.minimum(strength, fused_strength)
            agreement = np.divide(smaller, larger, out=np.zeros_like(larger), where=larger > 0)
            alignment = np.abs(1 - np.abs(orientation - fused_orientation) / (math.pi / 2))
            quality = _sigmoid(agreement, *EDGE_STRENGTH_SIGMOID) * _sigmoid(alignment, *EDGE_ORIENTATION_SIGMOID)
            kept += float((quality * strength).sum())
            total += float(strength.sum())
    if total == 0:
        raise ValueError("The photographs have no edges that a fusion could keep.")
    return kept / total


def tenengrad(picture: Grey) -> float:
    """Mean squared length of the Sobel gradient: sharpness, and noise as well.

    Source:
        Krotkov, "Focusing", International Journal of Computer Vision 1, 1988, without his threshold.
    """
    return float(np.mean(_sobel(picture, 1, 0) ** 2 + _sobel(picture, 0, 1) ** 2))


def _structure_weights(
    total: Grey, contrast: Float[np.ndarray, "photographs height-10 width-10"]
) -> Float[np.ndarray, "photographs height-10 width-10"]:
    """Weight of each photograph's patch in the sum that has the wanted structure; `total` is the photographs' sum."""
    smallest = np.finfo(float).eps
    norm_of_sum = MEF_WINDOW_PX * np.sqrt(_variance(total, _box_mean))
    consistency = np.clip((norm_of_sum + smallest) / (contrast.sum(0) + smallest), 0, 1 - smallest)
    power = np.minimum(np.tan(math.pi / 2 * consistency), MEF_LARGEST_POWER)
    # In the authors' pixel values, to 255: else powers of faint contrasts would drown in what keeps the sum above 0.
    weights = (255 * contrast / MEF_WINDOW_PX) ** power + smallest
    return weights / weights.sum(0) / contrast


def _variance(image: Grey, mean: Callable[[Grey], np.ndarray]) -> np.ndarray:
    """Variance within each window; at least 0."""
    return np.maximum(mean(image * image) - mean(image) ** 2, 0)


def _box_mean(image: Grey) -> np.ndarray:
    return cv2.blur(image, (MEF_WINDOW_PX, MEF_WINDOW_PX))[MEF_WHOLE_WINDOWS]


def _gaussian_mean(image: Grey) -> np.ndarray:
    return cv2.GaussianBlur(image, (MEF_WINDOW_PX, MEF_WINDOW_PX), MEF_WINDOW_SIGMA_PX)[MEF_WHOLE_WINDOWS]


def _halved(image: Grey) -> Float[np.ndarray, "half_height half_width"]:
    """Means of 2 x 2 pixels; an odd last row or column is doubled."""
    even = np.pad(image, [(0, size % 2) for size in image.shape], mode="edge")
    return cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _edges(picture: Photograph, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Of each pixel in some rows of a picture: strength of its edge, and orientation from -pi/2 to pi/2."""
    above = min(rows.start, 1)
    part = grey_rows(picture, slice(rows.start - above, rows.stop + 1))
    inner = slice(above, above + rows.stop - rows.start)
    horizontal, vertical = _sobel(part, 1, 0)[inner], _sobel(part, 0, 1)[inner]
    # Not arctan2: an edge and its negative have one orientation.
    slope = np.divide(vertical, horizontal, out=np.full_like(vertical, np.inf), where=horizontal != 0)
    return np.hypot(horizontal, vertical), np.arctan(slope)


def _sobel(image: Grey, dx: int, dy: int) -> np.ndarray:
    return cv2.Sobel(image, cv2.CV_64F, dx, dy, borderType=cv2.BORDER_REPLICATE)


def _sigmoid(value: np.ndarray, height: float, steepness: float, middle: float) -> np.ndarray:
    return height / (1 + np.exp(steepness * (value - middle)))
