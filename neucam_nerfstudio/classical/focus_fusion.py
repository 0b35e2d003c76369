"""Focus stack -> all-in-focus: fusion of Laplacian pyramids (Burt & Adelson 1983), and sharpening by blurring again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import starmap
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.defocus_estimation import LuminanceStack, gaussian_blur, noise_variance, reliability
from neucam_nerfstudio.classical.exposure_merge import in_channels
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.tiles import row_blocks

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

DISTANCE_STEP, BLUR_GRADES = 0.5, 6
"""Blur is graded in steps of so many focus settings, so often: photographs that are farther out of focus than the last
grade do not help to sharpen."""

LAST_GRADE = DISTANCE_STEP * (BLUR_GRADES - 1)
"""The largest blur that is graded, in focus settings; light is never taken to be blurred more."""

LEAST_VARIANCE, LEAST_LIGHT, LEAST_RETURNED_WEIGHT = 1e-9, 1e-9, 1e-3
"""Keep divisions and logarithms finite."""


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


def fuse_by_contrast(stack: Iterable[RgbImage], depth: int) -> RgbImage:
    """Fuses log radiances of several focus settings: in each band, the locally highest contrast counts most.

    Args:
        stack: Natural log radiance at each focus setting; gone through once.
        depth: Number of bands.
    """

    def weighted_bands(image: RgbImage) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        *bands, rest = laplacian_pyramid(image, depth)
        for band in bands:
            yield band, (_local_mean(channel_mean(band**2)) + LEAST_CONTRAST) ** SELECTIVITY
        yield rest, np.ones(rest.shape[:2], np.float32)

    return _fuse_bands(map(weighted_bands, stack), depth)


def fuse_by_focus(
    stack: Iterable[SettingPicture], sharpest_focus: Image, sigma_per_setting_px: float, depth: int
) -> RgbImage:
    """Fuses log radiances of several focus settings where it is known how blurred each is.

    Each band of the pyramid is averaged with the inverse of its error variance: noise, and the contrast that defocus
    has taken from it. So the sharpest setting counts alone where there is contrast, and all of them average noise away
    in flat areas; what is saturated or black there is taken from the next best.

    Args:
        stack: The focus settings; gone through twice.
        sharpest_focus: Focus setting at which a pixel is sharpest.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
        depth: Number of bands.
    """
    contrasts = [np.array(0, np.float32)] * depth + [np.array(BASE_CONTRAST, np.float32)]
    for picture in stack:
        bands, noise = laplacian_pyramid(picture.log_radiance, depth), _noise_pyramid(picture.precision, depth)
        for level in range(depth):
            contrasts[level] = np.maximum(contrasts[level], _contrast(bands[level], noise[level]))

    def weighted_bands(index: int, picture: SettingPicture) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        bands, noise = laplacian_pyramid(picture.log_radiance, depth), _noise_pyramid(picture.precision, depth)
        blur_variance = (sigma_per_setting_px * (sharpest_focus - index)) ** 2
        for level, band in enumerate(bands):
            lost = (1 - cv2.exp(-0.5 * (BAND_FREQUENCY / 2**level) ** 2 * blur_variance)) ** 2 * contrasts[level]
            yield band, 1 / (noise[level] + lost + LEAST_VARIANCE)
            blur_variance = cv2.pyrDown(blur_variance)

    return _fuse_bands(starmap(weighted_bands, enumerate(stack)), depth)


def sharpen_by_reblurring(
    log_luminance: Image, stack: LuminanceStack, sharpest_focus: Image, sigma_per_setting_px: float, num_steps: int = 1
) -> Image:
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
    """
    lost_detail = _lost_detail(stack, sharpest_focus, sigma_per_setting_px)
    sigmas_px = [sigma_per_setting_px * DISTANCE_STEP * grade for grade in range(BLUR_GRADES)]
    weight_planes = np.zeros((BLUR_GRADES, *log_luminance.shape), np.float32)
    in_reach: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for index, precision in enumerate(stack.precision):
        distance = np.abs(sharpest_focus - index)
        if distance.min() < BLUR_GRADES * DISTANCE_STEP:
            weight = reliability(precision)
            weight *= cv2.exp(-distance)
            in_reach[index] = weight, noise_variance(precision)
            _add_by_grade(weight_planes, distance, weight)
    step_length = lost_detail / (_blur_back(weight_planes, sigmas_px) + LEAST_RETURNED_WEIGHT)
    ratio_planes = weight_planes
    for _ in range(num_steps):
        light = cv2.exp(log_luminance)
        blurred = [gaussian_blur(light, sigma) for sigma in sigmas_px]
        ratio_planes[:] = 0
        for index, (weight, noise) in in_reach.items():
            distance = np.abs(sharpest_focus - index)
            ratio = _without_noise(_log_ratio(stack.log_luminance[index], blurred, distance), noise)
            ratio *= weight
            _add_by_grade(ratio_planes, distance, ratio)
        log_luminance = log_luminance + step_length * _blur_back(ratio_planes, sigmas_px)
    return log_luminance


def _grade_shares(distance: Float[np.ndarray, "rows width"]) -> Iterator[Float[np.ndarray, "rows width"]]:
    """Share of each grade of blur in that of pixels so many settings out of focus, in the memory of the one before."""
    in_grades, share, nothing = distance / DISTANCE_STEP, np.empty_like(distance), np.zeros_like(distance)
    for grade in range(BLUR_GRADES):
        np.subtract(in_grades, grade, out=share)
        np.abs(share, out=share)
        np.subtract(1, share, out=share)
        yield np.maximum(share, nothing, out=share)  # with an array, as numpy takes four times as long with a number


def _add_by_grade(planes: Float[np.ndarray, "grades height width"], distance: Image, values: Image) -> None:
    """Deals values out, in place, to the planes of the grades of blur that pixels have."""
    height, width = distance.shape
    for rows in row_blocks(height, width):
        for plane, share in zip(planes, _grade_shares(distance[rows]), strict=True):
            share *= values[rows]
            plane[rows] += share


def _blur_back(planes: Float[np.ndarray, "grades height width"], sigmas_px: Sequence[float]) -> Image:
    """What is on the planes of all grades of blur, brought back to where it came from."""
    returned = np.zeros_like(planes[0])
    for plane, sigma in zip(planes, sigmas_px, strict=True):
        returned += gaussian_blur(plane, sigma)
    return returned


def _log_ratio(log_photographed: Image, blurred: Sequence[Image], distance: Image) -> Image:
    """Log of what was photographed over what light, blurred in each grade, gives at these distances; bounded."""
    ratio = np.empty_like(log_photographed)
    height, width = ratio.shape
    for rows in row_blocks(height, width):
        predicted = np.zeros_like(ratio[rows])
        graded = np.minimum(distance[rows], np.float32(LAST_GRADE))  # all of the light, whatever has no grade
        for image, share in zip(blurred, _grade_shares(graded), strict=True):
            share *= image[rows]
            predicted += share
        predicted += LEAST_LIGHT
        np.subtract(log_photographed[rows], cv2.log(predicted, predicted), out=ratio[rows])
    bound = np.full_like(ratio[:1], LARGEST_CORRECTION)  # bounds in an array, as for `_grade_shares`
    np.minimum(ratio, bound, out=ratio)
    return np.maximum(ratio, -bound, out=ratio)


def _without_noise(log_ratio: Image, noise: Image) -> Image:
    """Log ratios, less where they vary no more than noise does."""
    variance = _local_mean(log_ratio**2)
    variance += LEAST_VARIANCE
    kept = 1 - noise / variance
    np.maximum(kept, np.zeros_like(kept[:1]), out=kept)
    kept *= log_ratio
    return kept


def _lost_detail(stack: LuminanceStack, sharpest_focus: Image, sigma_per_setting_px: float) -> Image:
    """Share of fine detail that no photograph shows: even the best is blurred, saturated or black."""
    shown = np.zeros_like(sharpest_focus)
    for index, precision in enumerate(stack.precision):
        variance = (sigma_per_setting_px * (sharpest_focus - index)) ** 2
        shown = np.maximum(shown, reliability(precision) * np.exp(-0.5 * variance * BAND_FREQUENCY**2))
    return 1 - shown


def channel_mean(image: RgbImage) -> Image:
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
    image: Any = pyramid[-1]
    for band in reversed(pyramid[:-1]):
        height, width = band.shape[:2]
        image = cv2.pyrUp(image, dstsize=(width, height)) + band
    return image


def _noise_pyramid(precision: RgbImage, depth: int) -> list[Float[np.ndarray, "_height _width"]]:
    """Variance of the noise in each band of a Laplacian pyramid, and in what is left below them."""
    levels = [channel_mean(noise_variance(precision))]
    for _ in range(depth):
        levels.append(cv2.pyrDown(levels[-1]) * NOISE_PASSED_ON)
    return levels


def _contrast(band: RgbImage, noise: Image) -> Image:
    """Local variance of a band beyond its noise; where noise is strong there is no telling, and it counts for less."""
    variance = _local_mean(channel_mean(band**2))
    return np.maximum(variance - noise, 0) * np.minimum(1, BASE_CONTRAST / (noise + LEAST_VARIANCE)) + 1e-5


def _local_mean(values: Image) -> Image:
    return cv2.GaussianBlur(values, (0, 0), CONTRAST_WINDOW_PX)


def _fuse_bands(pyramids: Iterable[Iterable[tuple[np.ndarray, np.ndarray]]], depth: int) -> RgbImage:
    """The image of the weighted mean of Laplacian pyramids, each a sequence of bands with their weights."""
    sums: list[Any] = [np.float32(0)] * (depth + 1)
    weights = list(sums)
    for pyramid in pyramids:
        for level, (band, weight) in enumerate(pyramid):
            sums[level] = sums[level] + band * in_channels(weight)
            weights[level] = weights[level] + weight
    return collapse([total / in_channels(weight) for total, weight in zip(sums, weights, strict=True)])
