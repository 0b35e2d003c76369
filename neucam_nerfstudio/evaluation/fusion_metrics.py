"""Scores of a fused picture without ground truth: how much of its photographs it keeps, and how sharp it is.

All take grey pictures, from `grey`. None of them knows what is right: a score for structure rewards noise that is kept
and halos that are sharp, so they are for a look beside the picture, and not in place of ground truth.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float

MEF_WINDOW_PX = 11
MEF_WINDOW_SIGMA_PX = 1.5
MEF_CONSTANT = 0.03**2
"""(0.03 x 255)^2 in the authors' pixel values to 255."""
MEF_SMALLEST_CONTRAST = 0.001 / 255
"""Added to each patch's norm, so that flat ones can be divided by theirs."""
MEF_LARGEST_POWER = 10.0
"""Of contrast as a weight, where all photographs show the same structure: that is nearly the largest one alone."""
MEF_LEVEL_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Of the scales, from fine to coarse, before they are made to sum to 1."""
MEF_SMALLEST_SIDE_PX = MEF_WINDOW_PX * 2 ** (len(MEF_LEVEL_WEIGHTS) - 1)
"""Of pictures that have room for a patch on the coarsest scale."""

EDGE_STRENGTH_SIGMOID = (0.9994, -15.0, 0.5)
EDGE_ORIENTATION_SIGMOID = (0.9879, -22.0, 0.8)
"""Gamma, kappa and sigma of Q_AB/F: height, steepness and middle of the curve from agreement to quality."""

Grey = Float[np.ndarray, "height width"]


def grey(picture: Float[np.ndarray, "*batch height width 3"]) -> Float[np.ndarray, "*batch height width"]:
    """Luma of display values in [0, 1] (Rec. 601, as in the authors' evaluations)."""
    return picture.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def mef_ssim(fused: Grey, photographs: Sequence[Grey]) -> float:
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
    if any(photograph.shape != fused.shape for photograph in photographs):
        raise ValueError(f"The fusion is {fused.shape}, the photographs {[p.shape for p in photographs]}.")
    if min(fused.shape) < MEF_SMALLEST_SIDE_PX:
        raise ValueError(f"A picture of {fused.shape} is too small: three scales of 11 pixels take 44.")
    weights = np.array(MEF_LEVEL_WEIGHTS) / sum(MEF_LEVEL_WEIGHTS)
    score = 1.0
    for weight in weights:
        # Below 0 the structure is inverted: no power of that is real.
        score *= max(float(mef_ssim_map(fused, photographs).mean()), 0.0) ** weight
        fused, photographs = _halved(fused), [_halved(photograph) for photograph in photographs]
    return score


def mef_ssim_map(fused: Grey, photographs: Sequence[Grey]) -> Float[np.ndarray, "height-10 width-10"]:
    """Similarity of each whole patch on one scale, in [-1, 1]; see `mef_ssim`.

    Patches are never cut out: what should be there is a sum of the photographs' patches with weights that are the same
    all over a patch, so that its statistics follow from the photographs' own.
    """
    contrast = [
        MEF_WINDOW_PX * np.sqrt(_variance([1.0], [photograph], _box_mean)) + MEF_SMALLEST_CONTRAST
        for photograph in photographs
    ]
    structure = _structure_weights(photographs, contrast)
    norm = MEF_WINDOW_PX * np.sqrt(_variance(structure, photographs, _box_mean))
    gain = np.divide(np.max(contrast, axis=0), norm, out=np.zeros_like(norm), where=norm > 0)

    variance_wanted = gain**2 * _variance(structure, photographs, _gaussian_mean)
    variance_found = _variance([1.0], [fused], _gaussian_mean)
    shared = gain * sum(w * _covariance(p, fused, _gaussian_mean) for w, p in zip(structure, photographs, strict=True))
    return (2 * shared + MEF_CONSTANT) / (variance_wanted + variance_found + MEF_CONSTANT)


def edge_preservation(fused: Grey, photographs: Sequence[Grey]) -> float:
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
    fused_strength, fused_orientation = _edges(fused)
    kept, total = 0.0, 0.0
    for strength, orientation in map(_edges, photographs):
        larger = np.maximum(strength, fused_strength)
        agreement = np.divide(np.minimum(strength, fused_strength), larger, out=np.zeros_like(larger), where=larger > 0)
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


def _structure_weights(photographs: Sequence[Grey], contrast: list[np.ndarray]) -> list[np.ndarray]:
    """Weight of each photograph's patch, whose mean is taken off, in the sum that has the wanted structure."""
    smallest = np.finfo(float).eps
    norm_of_sum = MEF_WINDOW_PX * np.sqrt(_variance([1.0], [sum(photographs)], _box_mean))
    consistency = np.clip((norm_of_sum + smallest) / (sum(contrast) + smallest), 0, 1 - smallest)
    power = np.minimum(np.tan(math.pi / 2 * consistency), MEF_LARGEST_POWER)
    # In the authors' pixel values, to 255: else powers of faint contrasts would drown in what keeps the sum above 0.
    weights = [(255 * c / MEF_WINDOW_PX) ** power + smallest for c in contrast]
    return [weight / sum(weights) / c for weight, c in zip(weights, contrast, strict=True)]


def _variance(
    weights: Sequence[float | np.ndarray], images: Sequence[Grey], mean: Callable[[Grey], np.ndarray]
) -> np.ndarray:
    """Variance, in each window, of the weighted sum of images whose weights are those of the window; at least 0."""
    total = 0.0
    for i, weight in enumerate(weights):
        total = total + weight**2 * _covariance(images[i], images[i], mean)
        for j in range(i):
            total = total + 2 * weight * weights[j] * _covariance(images[i], images[j], mean)
    return np.maximum(total, 0)


def _covariance(a: Grey, b: Grey, mean: Callable[[Grey], np.ndarray]) -> np.ndarray:
    return mean(a * b) - mean(a) * mean(b)


def _box_mean(image: Grey) -> np.ndarray:
    return _whole_windows(cv2.blur(image, (MEF_WINDOW_PX, MEF_WINDOW_PX)))


def _gaussian_mean(image: Grey) -> np.ndarray:
    return _whole_windows(cv2.GaussianBlur(image, (MEF_WINDOW_PX, MEF_WINDOW_PX), MEF_WINDOW_SIGMA_PX))


def _whole_windows(image: np.ndarray) -> np.ndarray:
    border = MEF_WINDOW_PX // 2
    return image[border:-border, border:-border]


def _halved(image: Grey) -> Grey:
    """Means of 2 x 2 pixels; an odd last row or column is doubled."""
    even = np.pad(image, [(0, size % 2) for size in image.shape], mode="edge")
    return cv2.resize(even, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def _edges(image: Grey) -> tuple[np.ndarray, np.ndarray]:
    """Strength of each pixel's edge, and its orientation from -pi/2 to pi/2."""
    horizontal, vertical = _sobel(image, 1, 0), _sobel(image, 0, 1)
    # Not arctan2: an edge and its negative have one orientation.
    slope = np.divide(vertical, horizontal, out=np.full_like(vertical, np.inf), where=horizontal != 0)
    return np.hypot(horizontal, vertical), np.arctan(slope)


def _sobel(image: Grey, dx: int, dy: int) -> np.ndarray:
    return cv2.Sobel(image, cv2.CV_64F, dx, dy, borderType=cv2.BORDER_REPLICATE)


def _sigmoid(value: np.ndarray, height: float, steepness: float, middle: float) -> np.ndarray:
    return height / (1 + np.exp(steepness * (value - middle)))
