"""Merged exposures of all focus settings -> all-in-focus radiance, and the setting at which each pixel is sharpest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool

from neucam_nerfstudio.classical.defocus_estimation import (
    OTHER_FOCUS_PRECISION,
    LuminanceStack,
    estimate_blur,
    estimate_sharpest_focus,
    gaussian_blur,
    reliability,
)
from neucam_nerfstudio.classical.exposure_merge import MergedExposures, brightest_channel, in_channels, least_channel
from neucam_nerfstudio.classical.focus_fusion import (
    SettingPicture,
    channel_mean,
    fuse_by_contrast,
    fuse_by_focus,
    sharpen_by_reblurring,
)
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.tiles import row_blocks

SHARPENING_STEPS = 12
FOCUS_ROUNDS = 2
"""How often focus is found by blurring the picture again: what contrast has fused is less sharp than the sharpest
photograph, which then seems sharper than in focus."""
LARGEST_DEPTH = 6
"""Of pyramids."""
LEAST_SHARE = 1e-6
"""Keeps divisions by the share of pixels that are covered finite."""

TOLERANCE = 2.0
"""Standard deviations by which what the other focus settings show may differ from what a setting shows itself."""

BLACK_DEVIATION = 1.0
"""Standard deviation of log radiance that black has at most: a few codes of an 8-bit photograph."""

LEAST_PRECISION = 1e-12
"""Keeps divisions finite."""


class FocusStack:
    """A view at each of its focus settings, all exposures merged. A setting is merged when it is asked for.

    What is black, saturated or not covered at one focus setting is filled with the light that the other settings show
    there, as far as it does not contradict the setting: black is at most so bright, white at least. Others show the
    light of an edge blurred, and so too bright beside it on the dark side and too dark on the bright one. A channel
    that is blown is at least as bright as the others: highlights are then white, and not of the colour of the channel
    that saturates last. What no setting covers is filled smoothly from around.

    Args:
        num_settings: Number of focus settings.
        merge: Gives the merged exposures of a setting, which may be changed.
        is_held: Whether settings, once merged, are held in memory; else each use merges them again.
    """

    def __init__(self, num_settings: int, merge: Callable[[int], MergedExposures], is_held: bool = True) -> None:
        self._num_settings, self._merge = num_settings, merge
        held: list[MergedExposures] = []
        weighted_sum = precision_sum = np.zeros((), np.float32)
        for setting in range(num_settings):
            merged = merge(setting)
            weighted_sum = weighted_sum + merged.log_radiance * merged.precision
            precision_sum = precision_sum + merged.precision
            if is_held:
                held.append(merged)
        self._everywhere = _mean_where_covered(weighted_sum, precision_sum)
        self._held = [self._complete(merged) for merged in held]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width, _ = self._everywhere.shape
        return height, width

    def __len__(self) -> int:
        return self._num_settings

    def __iter__(self) -> Iterator[SettingPicture]:
        """The focus settings in order."""
        return iter(self._held or (self._complete(self._merge(setting)) for setting in range(self._num_settings)))

    def _complete(self, merged: MergedExposures) -> SettingPicture:
        """What a setting shows; where it shows nothing itself, what the others show, and beyond where it is covered as
        much brighter or darker as it is where that ends. Changes what is merged."""
        height, width = self.shape
        covered = least_channel(merged.precision) > 0
        if not covered.all() and covered.any():
            merged.log_radiance[~covered] = 0
            departure = merged.log_radiance - self._everywhere
            fill_from_around(departure, covered)
            merged.log_radiance[~covered] = (self._everywhere + departure)[~covered]
        for rows in row_blocks(height, width):
            own, everywhere, precision = merged.log_radiance[rows], self._everywhere[rows], merged.precision[rows]
            least, greatest = _range_of(merged, rows)
            own -= everywhere
            own *= np.where(covered[rows, :, None], reliability(precision), np.float32(1))
            own += everywhere
            if self._num_settings > 1:
                at_its_bound = (own <= least) | (own > greatest)
                np.clip(own, least, greatest, out=own)
                np.maximum(precision, OTHER_FOCUS_PRECISION, out=precision, where=at_its_bound)
            np.copyto(own, brightest_channel(own)[..., None], where=merged.blown[rows])
        return SettingPicture(merged.log_radiance, merged.precision)


def _range_of(merged: MergedExposures, rows: slice) -> tuple[RgbImage, RgbImage]:
    """Between which log radiances the light of some rows lies, by what their setting shows itself."""
    shown, black, blown = merged.log_radiance[rows], merged.black[rows], merged.blown[rows]
    above = TOLERANCE / np.sqrt(np.maximum(merged.precision[rows], LEAST_PRECISION))
    np.minimum(above, TOLERANCE * BLACK_DEVIATION, out=above, where=black)
    below = above.copy()
    below[black], below[blown], above[blown] = np.inf, 0, np.inf
    return shown - below, shown + above


def _mean_where_covered(weighted_sum: RgbImage, weight_sum: RgbImage) -> RgbImage:
    """Weighted means; where nothing has any weight, those around it, smoothly."""
    covered = weight_sum > 0
    if covered.all():
        return weighted_sum / weight_sum
    mean = np.divide(weighted_sum, weight_sum, out=np.zeros_like(weighted_sum), where=covered)
    if covered.any():
        fill_from_around(mean, covered.all(-1))
    return mean


def fill_from_around(picture: RgbImage, covered: Bool[np.ndarray, "height width"]) -> None:
    """Fills, in place, what is not covered from ever smaller pictures (Gortler et al. 1996, push and pull)."""
    share = covered.astype(np.float32)
    levels: list[tuple[Any, Any]] = [(picture * share[..., None], share)]
    while levels[-1][1].min() == 0 and min(levels[-1][1].shape) > 1:
        levels.append((cv2.pyrDown(levels[-1][0]), cv2.pyrDown(levels[-1][1])))
    light, share = levels[-1]
    filled = light / np.maximum(share, LEAST_SHARE)[..., None]
    for light, share in reversed(levels[:-1]):
        coarser = cv2.pyrUp(filled, dstsize=share.shape[::-1])
        own = np.minimum(share, 1)[..., None]
        filled = light / np.maximum(share, LEAST_SHARE)[..., None] * own + coarser * (1 - own)
    picture[~covered] = filled[~covered]


def stack_blur(stack: FocusStack) -> float:
    """Standard deviation, in pixels, of the blur of a pixel that is one focus setting out of focus."""
    depth = pyramid_depth(*stack.shape, float(len(stack)))
    return estimate_blur(*_sharp_luminance(stack, depth))


def _sharp_luminance(stack: FocusStack, depth: int) -> tuple[Image, LuminanceStack]:
    """Brightness of the scene, sharp by contrast alone, and that of the focus settings.

    Fused logarithms are too bright or too dark around strong edges: the logarithm of a blurred edge has another mean
    than that of a sharp one. But defocus only moves light, so what is around a place is as bright at every setting.
    """
    luminances = luminance_stack(stack)
    light = luminance(fuse_by_contrast((picture.log_radiance for picture in stack), depth))
    seen = np.zeros_like(light)
    for log_luminance in luminances.log_luminance:
        seen += cv2.exp(log_luminance)
    around_px = float(2**depth)
    light *= gaussian_blur(seen, around_px) / gaussian_blur(light, around_px) / len(stack)
    return light, luminances


class FusedStack(NamedTuple):
    """All of a focus stack in one picture.

    Attributes:
        log_radiance: Natural log radiance, all in focus.
        sharpest_focus: The focus setting (fractional) at which each pixel is sharpest.
        precision: 1 / variance of what that setting shows, least of the channels.
    """

    log_radiance: RgbImage
    sharpest_focus: Image
    precision: Image


def fuse_stack(stack: FocusStack, sigma_per_setting_px: float) -> FusedStack:
    """Fuses the focus settings of a stack, each where it is sharpest."""
    if len(stack) == 1:
        (picture,) = stack
        return FusedStack(picture.log_radiance, np.zeros(stack.shape, np.float32), least_channel(picture.precision))
    depth = pyramid_depth(*stack.shape, len(stack) * sigma_per_setting_px)
    sharp_luminance, luminances = _sharp_luminance(stack, depth)
    for _ in range(FOCUS_ROUNDS):
        focus, _ = estimate_sharpest_focus(sharp_luminance, luminances, sigma_per_setting_px)
        sharp = fuse_by_focus(stack, focus, sigma_per_setting_px, depth)
        fused = cv2.log(luminance(sharp))
        sharpened = sharpen_by_reblurring(fused, luminances, focus, sigma_per_setting_px, SHARPENING_STEPS)
        sharp += in_channels(sharpened - fused)
        sharp_luminance = luminance(sharp)
    return FusedStack(sharp, focus, _precision_where_sharpest(luminances, focus))


def luminance_stack(stack: FocusStack) -> LuminanceStack:
    """Brightness alone of a focus stack, as reliable as its least reliable channel."""
    log_luminance, precision = [], []
    for picture in stack:
        log_luminance.append(cv2.log(luminance(picture.log_radiance)))
        precision.append(least_channel(picture.precision))
    return LuminanceStack(log_luminance, precision)


def luminance(log_radiance: RgbImage) -> Image:
    """Mean linear radiance of the channels."""
    height, width, _ = log_radiance.shape
    light = np.empty((height, width), np.float32)
    for rows in row_blocks(height, width):
        light[rows] = channel_mean(cv2.exp(log_radiance[rows]))
    return light


def pyramid_depth(height: int, width: int, largest_sigma_px: float) -> int:
    """Number of pyramid bands that blurs up to a width take part in, and that fit into the picture."""
    for_blur = 2 + int(np.ceil(np.log2(max(largest_sigma_px, 1.0))))
    for_size = int(np.log2(max(min(height, width) / 8, 1)))
    return min(for_blur, for_size, LARGEST_DEPTH)


def _precision_where_sharpest(stack: LuminanceStack, sharpest_focus: Image) -> Image:
    """Precision of the setting nearest to the sharpest focus of each pixel."""
    nearest_setting = np.rint(sharpest_focus).clip(0, len(stack.precision) - 1)
    precision = np.empty_like(sharpest_focus)
    for setting, own in enumerate(stack.precision):
        np.copyto(precision, own, where=nearest_setting == setting)
    return precision
