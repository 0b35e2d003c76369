"""Focus stack -> all-in-focus: fusion of Laplacian pyramids (Burt & Adelson 1983)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.defocus_estimation import gaussian_blur
from neucam_nerfstudio.classical.exposure_merge import in_channels
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage

SELECTIVITY = 6.0
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

LEAST_BAND_CONTRAST = 1e-5
"""Variance of log radiance that a band has at least, so that of blurred settings the sharper counts more."""

LEAST_VARIANCE = 1e-9
"""Keeps divisions finite."""


class SettingPicture(NamedTuple):
    """What is seen at one focus setting.

    Attributes:
        log_radiance: Natural log radiance; where the setting shows nothing, what the others show.
        precision: 1 / variance of what the setting itself shows.
        spread: Variance of the log radiances of its exposures, beyond that of noise.
    """

    log_radiance: RgbImage
    precision: RgbImage
    spread: Image


def fuse_by_contrast(
    stack: Iterable[Float[np.ndarray, "height width *channels"]], depth: int
) -> Float[np.ndarray, "height width *channels"]:
    """Fuses log radiances of several focus settings: in each band, the locally highest contrast counts most.

    Args:
        stack: Natural log radiance at each focus setting; gone through once.
        depth: Number of bands.
    """

    def weighted_bands(image: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        *bands, rest = laplacian_pyramid(image, depth)
        for band in bands:
            contrast = local_mean(_mean_square(band))
            contrast += LEAST_CONTRAST
            yield band, cv2.pow(contrast, SELECTIVITY)
        yield rest, np.ones(rest.shape[:2], np.float32)

    return _fuse_bands(map(weighted_bands, stack), depth)


def largest_contrasts(
    log_luminance: Sequence[Image], noise: Sequence[Image], depth: int
) -> list[Float[np.ndarray, "_height _width"]]:
    """Local variance of the sharpest setting in each band of the Laplacian pyramid, and what is taken for it below.

    Args:
        log_luminance: Of each focus setting.
        noise: Variance of the noise in it.
        depth: Number of bands.
    """
    contrasts: list[Any] = [np.zeros(1, np.float32)] * depth
    for image, of_image in zip(log_luminance, noise, strict=True):
        bands, noises = laplacian_pyramid(image, depth), _noise_pyramid(of_image, depth)
        contrasts = [np.maximum(known, _contrast(*own)) for known, *own in zip(contrasts, bands, noises, strict=False)]
    return [*contrasts, np.full(bands[-1].shape, BASE_CONTRAST, np.float32)]


def fuse_by_focus(
    stack: Iterable[Float[np.ndarray, "height width *channels"]],
    noise: Sequence[Image],
    contrasts: Sequence[Float[np.ndarray, "_height _width"]],
    sharpest_focus: Image,
    sigma_per_setting_px: float,
) -> Float[np.ndarray, "height width *channels"]:
    """Fuses log radiances of several focus settings where it is known how blurred each is.

    Each band of the pyramid is averaged with the inverse of its error variance: noise, and the contrast that defocus
    has taken from it. So the sharpest setting counts alone where there is contrast, and all of them average noise away
    in flat areas; what is saturated or black there is taken from the next best.

    Args:
        stack: Natural log radiance at each focus setting; gone through once.
        noise: Variance of the noise in it.
        contrasts: Of the sharpest setting in each band, see `largest_contrasts`.
        sharpest_focus: Focus setting at which a pixel is sharpest.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
    """
    depth = len(contrasts) - 1

    def weighted_bands(index: int, image: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        bands, noises = laplacian_pyramid(image, depth), _noise_pyramid(noise[index], depth)
        blur_variance = np.abs(sharpest_focus - np.float32(index)) * np.float32(sigma_per_setting_px)
        blur_variance *= blur_variance
        for level, band in enumerate(bands):
            lost = cv2.exp(blur_variance * np.float32(-0.5 * (BAND_FREQUENCY / 2**level) ** 2))
            lost -= 1
            lost *= lost
            lost *= contrasts[level]
            lost += noises[level]
            lost += LEAST_VARIANCE
            yield band, np.divide(1, lost, out=lost)
            blur_variance = cv2.pyrDown(blur_variance)

    return _fuse_bands(starmap(weighted_bands, enumerate(stack)), depth)


def channel_mean(image: RgbImage) -> Image:
    """Mean of the channels."""
    return cv2.transform(image, np.full((1, 3), 1 / 3, np.float32))


def laplacian_pyramid(image: np.ndarray, depth: int) -> list[np.ndarray]:
    """`depth` bands, finest first, and what is left below them."""
    levels = []
    for _ in range(depth):
        smaller = cv2.pyrDown(image)
        larger = cv2.pyrUp(smaller, dstsize=image.shape[1::-1])
        levels.append(np.subtract(image, larger, out=larger))
        image = smaller
    return [*levels, image]


def collapse(pyramid: Sequence[np.ndarray]) -> np.ndarray:
    """The image of a Laplacian pyramid."""
    image: Any = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        height, width = band.shape[:2]
        image = cv2.pyrUp(image, dstsize=(width, height)) + band
    return image


def _noise_pyramid(noise: Image, depth: int) -> list[Float[np.ndarray, "_height _width"]]:
    """Variance of the noise in each band of a Laplacian pyramid, and in what is left below them."""
    levels = [noise]
    for _ in range(depth):
        levels.append(cv2.pyrDown(levels[-1]) * np.float32(NOISE_PASSED_ON))
    return levels


def _contrast(band: Image, noise: Image) -> Image:
    """Local variance of a band beyond its noise; where noise is strong there is no telling, and it counts for less."""
    variance = local_mean(band * band)
    variance -= noise
    variance = np.maximum(variance, 0)
    variance *= np.minimum(BASE_CONTRAST / (noise + LEAST_VARIANCE), 1)
    variance += LEAST_BAND_CONTRAST
    return variance


def _mean_square(band: Float[np.ndarray, "height width *channels"]) -> Image:
    return band * band if band.ndim == 2 else channel_mean(band * band)


def local_mean(values: Image) -> Image:
    """Mean over `CONTRAST_WINDOW_PX`."""
    return gaussian_blur(values, CONTRAST_WINDOW_PX)


def _fuse_bands(pyramids: Iterable[Iterable[tuple[np.ndarray, np.ndarray]]], depth: int) -> np.ndarray:
    """The image of the weighted mean of Laplacian pyramids, each a sequence of bands, which change, with weights."""
    sums: list[Any] = [0] * (depth + 1)
    weights = list(sums)
    for pyramid in pyramids:
        for level, (band, weight) in enumerate(pyramid):
            band *= weight if band.ndim == 2 else in_channels(weight)
            band += sums[level]
            sums[level] = band
            weights[level] = weights[level] + weight
    for total, weight in zip(sums, weights, strict=True):
        total /= weight if total.ndim == 2 else in_channels(weight)
    return collapse(sums)
