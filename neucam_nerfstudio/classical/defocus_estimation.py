"""Depth from defocus: at which focus setting each pixel is sharpest, and how fast blur grows away from it.

Tested by blurring again: where a sharp image, blurred as a focus setting `n` steps away should be, looks like the
photograph taken there, the pixel is `n` steps away from that setting (Pentland 1987; Favaro & Soatto 2005).
"""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

FOCUS_STEP = 0.25
"""Spacing of the focus settings that are tried, in steps of the captured ones."""

COARSE_FOCUS_STEP = 0.5
"""The same while the blur is not known yet."""

NEAREST_SETTINGS = 4
"""Only photographs of the nearest focus settings are compared: the others are too blurred to tell."""

TOLERATED_MISMATCH = 0.2
"""Squared difference of log luminance from which on two pixels just count as different."""

WINDOW_SHARES = ((1.0, 1.0), (3.0, 0.5), (9.0, 0.2))
"""Windows over which evidence is gathered, in units of the smallest, with weights; flat areas need the large ones."""

SMALLEST_WINDOW_PX = 2.0

GUIDE_RADIUS_PX = 4
GUIDE_EDGE_VARIANCE = 0.01
"""Variance of log luminance above which an edge of the picture may be an edge of the focus map."""

BLUR_CANDIDATES_PX = tuple(0.25 * 2.0 ** (half / 2) for half in range(9))
"""Standard deviations of the blur, one focus setting out of focus, that are tried."""


class LuminanceStack(NamedTuple):
    """The brightness of a view at each of its focus settings.

    Attributes:
        log_luminance: Natural log of the mean linear radiance of the channels.
        reliability: Share of the setting's own light in it, [0, 1]; what it cannot show is taken from the others.
        noise: Variance of the log luminance.
    """

    log_luminance: list[Float[np.ndarray, "height width"]]
    reliability: list[Float[np.ndarray, "height width"]]
    noise: list[Float[np.ndarray, "height width"]]


def gaussian_blur(image: np.ndarray, sigma_px: float) -> np.ndarray:
    """Gaussian blur whose cost does not grow with its width: wide ones are computed on a reduced image."""
    if sigma_px < 0.2:
        return image
    factor = int(sigma_px / 3)
    if factor < 2 or min(image.shape[:2]) < 8 * factor:
        return cv2.GaussianBlur(image, (0, 0), sigma_px)
    height, width = image.shape[:2]
    small = cv2.resize(image, (width // factor, height // factor), interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), sigma_px / factor)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR)


def guided_filter(image: np.ndarray, guide: np.ndarray) -> np.ndarray:
    """Smooths an image except where the guide has edges (He et al. 2010)."""

    def mean(values):
        return cv2.blur(values, (2 * GUIDE_RADIUS_PX + 1, 2 * GUIDE_RADIUS_PX + 1))

    mean_guide, mean_image = mean(guide), mean(image)
    slope = (mean(guide * image) - mean_guide * mean_image) / (mean(guide**2) - mean_guide**2 + GUIDE_EDGE_VARIANCE)
    offset = mean_image - slope * mean_guide
    return mean(slope) * guide + mean(offset)


def focus_grid(settings: int, step: float = FOCUS_STEP) -> Float[np.ndarray, " positions"]:
    """Focus positions that are tried, in units of focus settings: half a setting beyond the first and the last too."""
    return np.arange(-0.5, settings - 0.5 + step / 2, step)


def estimate_sharpest_focus(
    sharp_luminance: Float[np.ndarray, "height width"],
    stack: LuminanceStack,
    sigma_per_setting_px: float,
    focus_step: float = FOCUS_STEP,
) -> tuple[Float[np.ndarray, "height width"], float]:
    """Focus setting, fractional, at which each pixel is sharpest.

    Args:
        sharp_luminance: Linear luminance of the scene, as sharp as it is known.
        stack: The photographed focus settings.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
        focus_step: Spacing of the tried focus positions.

    Returns:
        The sharpest setting of each pixel, and the mean mismatch that remains.
    """
    settings = len(stack.log_luminance)
    blurred: dict[float, np.ndarray] = {}
    least = sharpest = None
    for focus in focus_grid(settings, focus_step):
        mismatch = np.zeros_like(sharp_luminance)
        for index in np.argsort(np.abs(focus - np.arange(settings)))[:NEAREST_SETTINGS]:
            distance = float(abs(focus - index))
            if distance not in blurred:
                blurred[distance] = cv2.log(gaussian_blur(sharp_luminance, sigma_per_setting_px * distance))
            squared = (blurred[distance] - stack.log_luminance[index]) ** 2
            mismatch += stack.reliability[index] * (squared / (squared + TOLERATED_MISMATCH))
        mismatch = _gathered(mismatch, max(SMALLEST_WINDOW_PX, 2 * sigma_per_setting_px))
        if least is None:
            least, sharpest = mismatch, np.full_like(mismatch, focus)
        better = mismatch < least
        least[better], sharpest[better] = mismatch[better], focus
    return guided_filter(sharpest, cv2.log(sharp_luminance)), float(least.mean())


def estimate_blur(
    sharp_luminance: Float[np.ndarray, "height width"],
    stack: LuminanceStack,
) -> float:
    """The blur, one focus setting out of focus, that explains the photographs best: its standard deviation in pixels.

    Arguments as of `estimate_sharpest_focus`.
    """
    mismatches = [
        estimate_sharpest_focus(sharp_luminance, stack, sigma, COARSE_FOCUS_STEP)[1] for sigma in BLUR_CANDIDATES_PX
    ]
    best = int(np.clip(np.argmin(mismatches), 1, len(mismatches) - 2))
    before, least, after = mismatches[best - 1 : best + 2]
    vertex = 0.5 * (before - after) / max(before - 2 * least + after, 1e-12)
    return BLUR_CANDIDATES_PX[best] * 2.0 ** (float(np.clip(vertex, -1, 1)) / 2)


def _gathered(mismatch, window_px):
    return sum(share * gaussian_blur(mismatch, scale * window_px) for scale, share in WINDOW_SHARES)
