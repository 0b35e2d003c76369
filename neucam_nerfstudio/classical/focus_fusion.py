"""Focus stack -> all-in-focus: fusion of Laplacian pyramids (Burt & Adelson 1983), and sharpening by blurring again."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.defocus_estimation import LuminanceStack, gaussian_blur

SELECTIVITY = 4.0
"""Power of local contrast by which focus settings are weighted where their blur is not known yet."""

CONTRAST_WINDOW_PX = 1.5
LEAST_CONTRAST = 1e-4
"""Variance of log radiance below which contrast is no sign of sharpness."""

BASE_CONTRAST = 0.02
"""Assumed variance of log radiance between places as far apart as the coarsest pyramid level resolves."""

NOISE_PASSED_ON = 0.075
"""Share of the variance of white noise that a pyramid step leaves: the sum of the squared weights of its filter."""

BAND_FREQUENCY = 2.0
"""Angular frequency, radians a pixel of its own level, that stands for a band of the Laplacian pyramid."""

LARGEST_CORRECTION = 0.5
"""Of log luminance, in one step of sharpening."""

DISTANCE_STEP = 0.5
FARTHEST_SETTING = 2.5
"""Blur is graded in steps of this many focus settings, and photographs farther out of focus do not help to sharpen."""


def fuse_by_contrast(
    stack: Sequence[Float[np.ndarray, "height width 3"]], depth: int
) -> Float[np.ndarray, "height width 3"]:
    """Fuses log radiances of several focus settings: in each band, the locally highest contrast counts most."""
    pyramids = [laplacian_pyramid(image, depth) for image in stack]
    fused = []
    for bands in zip(*pyramids, strict=True):
        if len(fused) == depth:
            weights = [np.ones_like(bands[0][..., :1])] * len(bands)
        else:
            contrasts = [cv2.GaussianBlur(channel_mean(band**2), (0, 0), CONTRAST_WINDOW_PX) for band in bands]
            weights = [((contrast + LEAST_CONTRAST) ** SELECTIVITY)[..., None] for contrast in contrasts]
        fused.append(_weighted_mean(bands, weights))
    return collapse(fused)


def fuse_by_focus(
    stack: Sequence[Float[np.ndarray, "height width 3"]],
    noise: Sequence[Float[np.ndarray, "height width"]],
    sharpest_focus: Float[np.ndarray, "height width"],
    sigma_per_setting_px: float,
    depth: int,
) -> Float[np.ndarray, "height width 3"]:
    """Fuses log radiances of several focus settings where it is known how blurred each is.

    Each band of the pyramid is averaged with the inverse of its error variance: noise, and the contrast that defocus
    has taken from it. So the sharpest setting counts alone where there is contrast, and all of them average noise away
    in flat areas; what is saturated or black there is taken from the next best.

    Args:
        stack: Log radiance at each focus setting.
        noise: Variance of it, without defocus.
        sharpest_focus: Focus setting at which a pixel is sharpest.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
        depth: Number of bands.
    """
    noise = list(noise)
    variance = [(sigma_per_setting_px * (sharpest_focus - index)) ** 2 for index in range(len(stack))]
    images = list(stack)
    fused = []
    for level in range(depth + 1):
        if level == depth:
            bands, contrast = images, np.float32(BASE_CONTRAST)
        else:
            smaller = [cv2.pyrDown(image) for image in images]
            bands = [i - cv2.pyrUp(s, dstsize=i.shape[1::-1]) for i, s in zip(images, smaller, strict=True)]
            contrast = np.maximum.reduce([_contrast(b, n) for b, n in zip(bands, noise, strict=True)])
        frequency = BAND_FREQUENCY / 2**level
        lost = [(1 - np.exp(-0.5 * v * frequency**2)) ** 2 * contrast for v in variance]
        weights = [(1 / (n + loss + 1e-9))[..., None] for n, loss in zip(noise, lost, strict=True)]
        fused.append(_weighted_mean(bands, weights))
        if level < depth:
            images = smaller
            noise = [cv2.pyrDown(n) * NOISE_PASSED_ON for n in noise]
            variance = [cv2.pyrDown(v) for v in variance]
    return collapse(fused)


def sharpen_by_reblurring(
    log_luminance: Float[np.ndarray, "height width"],
    stack: LuminanceStack,
    sharpest_focus: Float[np.ndarray, "height width"],
    sigma_per_setting_px: float,
    num_steps: int = 1,
) -> Float[np.ndarray, "height width"]:
    """Steps of damped Richardson-Lucy deconvolution (Richardson 1972; White 1994) against all focus settings.

    Light is blurred as at each focus setting; the ratio of what was photographed to that, as far as it is no noise,
    goes back to where it came from. Where one photograph shows a pixel both sharp and unsaturated there is nothing to
    bring back, and the step is left out.

    Args:
        log_luminance: All-in-focus estimate.
        stack: The photographed focus settings.
        sharpest_focus: Focus setting at which a pixel is sharpest.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
        num_steps: Steps to take.

    Returns:
        A better estimate.
    """
    lost_detail = _lost_detail(stack, sharpest_focus, sigma_per_setting_px)
    for _ in range(num_steps):
        correction = _reblurring_correction(log_luminance, stack, sharpest_focus, sigma_per_setting_px)
        log_luminance = log_luminance + lost_detail * correction
    return log_luminance


def _reblurring_correction(log_luminance, stack, sharpest_focus, sigma_per_setting_px):
    """What photographs ask of an estimate: the log ratio between them and it, brought back to where it came from."""
    distances = np.arange(0, FARTHEST_SETTING + DISTANCE_STEP, DISTANCE_STEP)
    sigmas_px = [sigma_per_setting_px * distance for distance in distances]
    luminance = cv2.exp(log_luminance)
    blurred = [gaussian_blur(luminance, sigma) for sigma in sigmas_px]
    ratios = [np.zeros_like(luminance) for _ in distances]
    weights = [np.zeros_like(luminance) for _ in distances]
    for index, (photographed, reliability, noise) in enumerate(zip(*stack, strict=True)):
        distance = np.abs(sharpest_focus - index)
        shares = [np.maximum(0, 1 - np.abs(distance - d) / DISTANCE_STEP) for d in distances]
        predicted = sum(share * image for share, image in zip(shares, blurred, strict=True))
        ratio = _without_noise(photographed - cv2.log(np.maximum(predicted, 1e-9)), noise)
        weight = reliability * np.exp(-distance)
        for k, share in enumerate(shares):
            weights[k] += share * weight
            ratios[k] += share * weight * ratio
    returned = sum(gaussian_blur(ratio, sigma) for ratio, sigma in zip(ratios, sigmas_px, strict=True))
    weight = sum(gaussian_blur(weight, sigma) for weight, sigma in zip(weights, sigmas_px, strict=True))
    return returned / (weight + 1e-3)


def _lost_detail(stack, sharpest_focus, sigma_per_setting_px):
    """Share of fine detail that no photograph shows: even the best is blurred, saturated or black."""
    shown = np.zeros_like(sharpest_focus)
    for index, reliability in enumerate(stack.reliability):
        variance = (sigma_per_setting_px * (sharpest_focus - index)) ** 2
        shown = np.maximum(shown, reliability * np.exp(-0.5 * variance * BAND_FREQUENCY**2))
    return 1 - shown


def _without_noise(log_ratio, noise):
    """Log ratios, less where they vary no more than noise does, and bounded."""
    bounded = np.clip(log_ratio, -LARGEST_CORRECTION, LARGEST_CORRECTION)
    variance = cv2.GaussianBlur(bounded**2, (0, 0), CONTRAST_WINDOW_PX)
    return bounded * np.maximum(0, 1 - noise / (variance + 1e-9))


def channel_mean(image: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Mean of the channels."""
    return cv2.transform(image, np.full((1, 3), 1 / 3, np.float32))


def laplacian_pyramid(image: np.ndarray, depth: int) -> list[np.ndarray]:
    """`depth` bands, finest first, and what is left below them."""
    levels = []
    for _ in range(depth):
        smaller = cv2.pyrDown(image)
        levels.append(image - cv2.pyrUp(smaller, dstsize=image.shape[1::-1]))
        image = smaller
    return [*levels, image]


def collapse(pyramid: Sequence[np.ndarray]) -> np.ndarray:
    """The image of a Laplacian pyramid."""
    image = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        image = cv2.pyrUp(image, dstsize=band.shape[1::-1]) + band
    return image


def _contrast(band, noise):
    """Local variance of a band beyond its noise; where noise is strong there is no telling, and it counts for less."""
    variance = cv2.GaussianBlur(channel_mean(band**2), (0, 0), CONTRAST_WINDOW_PX)
    return np.maximum(variance - noise, 0) * np.minimum(1, BASE_CONTRAST / (noise + 1e-9)) + 1e-5


def _weighted_mean(images, weights):
    total = sum(weights)
    return sum(image * weight for image, weight in zip(images, weights, strict=True)) / total
