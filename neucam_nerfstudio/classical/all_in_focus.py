"""Merged exposures of all focus settings -> all-in-focus radiance, and the setting at which each pixel is sharpest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool

from neucam_nerfstudio.classical.area_brightness import area_gains, area_sigma_px, areas_of
from neucam_nerfstudio.classical.defocus_estimation import (
    OTHER_FOCUS_PRECISION,
    OUTLINE_PX,
    LuminanceStack,
    SharpestFocus,
    completed_focus,
    estimate_blur,
    estimate_sharpest_focus,
    evidence_nearby,
    gaussian_blur,
    guided_filter,
    noise_variance,
    reliability,
)
from neucam_nerfstudio.classical.exposure_merge import MergedExposures, brightest_channel, in_channels, least_channel
from neucam_nerfstudio.classical.focus_fusion import (
    SettingPicture,
    channel_mean,
    fuse_by_contrast,
    fuse_by_focus,
    largest_contrasts,
    sharpen_by_reblurring,
)
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.tiles import row_blocks

SHARPENING_STEPS = (2, 4)
"""Steps of sharpening each time that focus is found by blurring the picture again. Once does not do: what contrast has
fused is less sharp than the sharpest photograph, which then seems sharper than in focus."""
LARGEST_DEPTH = 6
"""Of pyramids."""
DISAGREEMENT_OF_EXPOSURES, DISAGREEMENT_OF_SETTINGS = 0.01, 0.03
"""Half of the trust is gone where exposures of one setting differ by this variance of log radiance, a tenth of the
light; and where this mismatch of focus settings remains, which is 1.7 for pictures that have nothing in common."""
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

    All settings are made equally bright over areas larger than the blur is, for blur moves light no farther: where
    light flickers, or a frame ends, the picture would show an outline of every place that is taken from another frame.

    Args:
        num_settings: Number of focus settings.
        merge: Gives the merged exposures of a setting, which may be changed.
        is_held: Whether settings, once merged, are held in memory; else each use merges them again.
        sigma_per_setting_px: Standard deviation of the blur one focus setting out of focus, where it is known.
        bounds: Of each setting, whether its white and its black limit its light; None for both of all. What is white in
            a setting with more exposure than others may be their blurred light.
        log_gain: Gives the natural log of what makes a setting as bright as the others; None finds it.

    Attributes:
        is_uncovered_somewhere: Whether some setting does not show all of the view.
    """

    def __init__(
        self,
        num_settings: int,
        merge: Callable[[int], MergedExposures],
        is_held: bool = True,
        sigma_per_setting_px: float = 0.0,
        bounds: Sequence[tuple[bool, bool]] | None = None,
        log_gain: Callable[[int], RgbImage] | None = None,
    ) -> None:
        self._num_settings, self._merge = num_settings, merge
        self._bounds = bounds or [(True, True)] * num_settings
        self.is_uncovered_somewhere = False
        areas = []
        held: list[MergedExposures] = []
        weighted_sum = precision_sum = num_covering = np.zeros((), np.float32)
        for setting in range(num_settings):
            merged = merge(setting)
            weighted = merged.log_radiance * merged.precision
            weighted += weighted_sum
            weighted_sum = weighted
            precision_sum = precision_sum + merged.precision
            is_covered = bool(merged.precision.min() > 0)
            num_covering = num_covering + (1 if is_covered else merged.precision > 0)
            self.is_uncovered_somewhere |= not is_covered
            if log_gain is None and num_settings > 1:
                areas.append(areas_of(merged))
            if is_held:
                held.append(merged)
        self._everywhere = _mean_where_covered(weighted_sum, precision_sum)
        self._areas = areas
        self._log_gain = log_gain or self._gain_of_areas(self.area_gains(sigma_per_setting_px))
        self._elsewhere: RgbImage | None = None
        if self.is_uncovered_somewhere:
            self._mean_precision = precision_sum / np.maximum(num_covering, 1)
            self._everywhere = self._mean_of_equally_bright(held)
        self._held = [self._complete(setting, merged) for setting, merged in enumerate(held)]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width, _ = self._everywhere.shape
        return height, width

    def __len__(self) -> int:
        return self._num_settings

    def __iter__(self) -> Iterator[SettingPicture]:
        """The focus settings in order."""
        settings = range(self._num_settings)
        return iter(self._held or (self._complete(setting, self._merge(setting)) for setting in settings))

    def fill_uncovered(self, sharp: RgbImage) -> None:
        """Has settings show a picture where no frame of theirs is covered, as if they had photographed it as well as
        the others: left out, they would be missed in the bands of the pyramid, which are wider than what is missing."""
        self._elsewhere = sharp
        for picture in self._held:
            self._fill(picture)

    def area_gains(self, sigma_per_setting_px: float) -> Sequence[RgbImage]:
        """What makes each setting as bright as the others over areas larger than blur: natural log, on their cells."""
        return area_gains(self._areas, area_sigma_px(sigma_per_setting_px)) if self._areas else []

    def _fill(self, picture: SettingPicture) -> None:
        if self._elsewhere is not None and self.is_uncovered_somewhere:
            uncovered = picture.precision <= 0
            np.copyto(picture.log_radiance, self._elsewhere, where=uncovered)
            np.copyto(picture.precision, self._mean_precision, where=uncovered)

    def _gain_of_areas(self, gains: Sequence[RgbImage]) -> Callable[[int], RgbImage]:
        height, width = self.shape
        return lambda setting: cv2.resize(gains[setting], (width, height), interpolation=cv2.INTER_LINEAR)

    def _mean_of_equally_bright(self, held: Sequence[MergedExposures]) -> RgbImage:
        weighted_sum, precision_sum = np.zeros((2, *self._everywhere.shape), np.float32)
        for setting in range(self._num_settings):
            merged = held[setting] if held else self._merge(setting)
            weighted_sum += (merged.log_radiance + self._log_gain(setting)) * merged.precision
            precision_sum += merged.precision
        return _mean_where_covered(weighted_sum, precision_sum)

    def _complete(self, setting: int, merged: MergedExposures) -> SettingPicture:
        """What a setting shows; where it shows nothing itself, what the others show. Changes what is merged."""
        height, width = self.shape
        log_gain = self._log_gain(setting) if self._num_settings > 1 else np.empty(0, np.float32)
        for rows in row_blocks(height, width):
            own, blown = merged.log_radiance[rows], merged.blown[rows]
            if self._num_settings > 1:
                own += log_gain[rows]
                self._complete_rows(setting, merged, rows)
            if blown.any():
                np.copyto(own, brightest_channel(own)[..., None], where=blown)
        picture = SettingPicture(merged.log_radiance, merged.precision, merged.spread)
        self._fill(picture)
        return picture

    def _complete_rows(self, setting: int, merged: MergedExposures, rows: slice) -> None:
        own, everywhere, precision = merged.log_radiance[rows], self._everywhere[rows], merged.precision[rows]
        least, greatest = _range_of(merged, rows, *self._bounds[setting])
        own -= everywhere
        own *= reliability(precision)
        own += everywhere
        at_its_bound = (own <= least) | (own > greatest)
        if at_its_bound.any():
            np.maximum(own, least, out=own)
            np.minimum(own, greatest, out=own)
            np.maximum(precision, OTHER_FOCUS_PRECISION, out=precision, where=at_its_bound)


def _range_of(
    merged: MergedExposures, rows: slice, white_limits: bool, black_limits: bool
) -> tuple[RgbImage, RgbImage]:
    """Between which log radiances the light of some rows lies, by what their setting shows itself, its white and its
    black only if they limit it."""
    shown, precision = merged.log_radiance[rows], merged.precision[rows]
    black, blown = merged.black[rows], merged.blown[rows]
    above = np.sqrt(np.maximum(precision, LEAST_PRECISION))
    np.divide(TOLERANCE, above, out=above)
    if black.any():
        np.minimum(above, TOLERANCE * BLACK_DEVIATION, out=above, where=black)
    below = above.copy()
    if black.any():
        below[black] = np.inf
    if blown.any():
        below[blown], above[blown] = (0 if white_limits else np.inf), np.inf
    if black.any() and not black_limits:
        above[black] = np.inf
    uncovered = precision <= 0
    if uncovered.any():
        below[uncovered] = above[uncovered] = np.inf
    return np.subtract(shown, below, out=below), np.add(shown, above, out=above)


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
    luminances = luminance_stack(stack)
    return estimate_blur(_sharp_by_contrast(luminances, _depth(stack, 1.0)), luminances)


def _sharp_by_contrast(luminances: LuminanceStack, depth: int) -> Image:
    """Brightness of the scene, linear, sharp by contrast alone.

    Fused logarithms are too bright or too dark around strong edges: the logarithm of a blurred edge has another mean
    than that of a sharp one. But defocus only moves light, so what is around a place is as bright at every setting.
    """
    light = cv2.exp(fuse_by_contrast(luminances.log_luminance, depth))
    seen = np.zeros_like(light)
    for log_luminance in luminances.log_luminance:
        seen += cv2.exp(log_luminance)
    around_px = float(2**depth)
    light *= gaussian_blur(seen, around_px) / (gaussian_blur(light, around_px) * len(luminances.log_luminance))
    return light


def focus_of(stack: FocusStack, sigma_per_setting_px: float) -> SharpestFocus:
    """At which setting each pixel is sharpest, the blur one focus setting out of focus being known."""
    luminances = luminance_stack(stack)
    light = _sharp_by_contrast(luminances, _depth(stack, sigma_per_setting_px))
    return estimate_sharpest_focus(light, luminances, sigma_per_setting_px)


def _depth(stack: FocusStack, sigma_per_setting_px: float) -> int:
    return pyramid_depth(*stack.shape, len(stack) * sigma_per_setting_px)


class FusedStack(NamedTuple):
    """All of a focus stack in one picture.

    Attributes:
        log_radiance: Natural log radiance, all in focus.
        sharpest_focus: The focus setting (fractional) at which each pixel is sharpest.
        precision: 1 / variance of what that setting shows, least of the channels.
        evidence: How clearly detail tells the sharpest focus, [0, 1].
        confidence: How sure the picture is, [0, 1], see `fuse_stack`.
    """

    log_radiance: RgbImage
    sharpest_focus: Image
    precision: Image
    evidence: Image
    confidence: Image


class KnownFocus(NamedTuple):
    """Where each focus setting is sharp, found before: of photographs of the same view under another light.

    Attributes:
        sharpest_focus: At which focus setting each pixel is sharpest, fractional.
        blur_per_setting_px: Standard deviation of the blur of a pixel one focus setting out of focus.
    """

    sharpest_focus: Image
    blur_per_setting_px: float


def fuse_stack(
    stack: FocusStack,
    sigma_per_setting_px: float,
    coarse_focus: Image | None = None,
    known_focus: Image | None = None,
) -> FusedStack:
    """Fuses the focus settings of a stack, each where it is sharpest.

    What is sure of it is the product of four shares: how reliable the light is that the sharpest setting shows there (0
    where no frame is covered, and where all are black or white), how clearly detail tells that it is sharp, how well
    the focus settings agree once their focus is accounted for, and how well the exposures of each setting agree. With
    one focus setting the second and third are 1.

    Args:
        stack: The settings.
        sigma_per_setting_px: Standard deviation of the blur of a pixel one focus setting out of focus.
        coarse_focus: The sharpest focus where nothing near a pixel tells; None gathers it from this stack.
        known_focus: At which focus setting each pixel is sharpest, where that is known; None finds it.
    """
    if len(stack) == 1:
        (picture,) = stack
        nowhere, everywhere = np.zeros(stack.shape, np.float32), np.ones(stack.shape, np.float32)
        precision = least_channel(picture.precision)
        confidence = reliability(precision) * agreement(picture.spread, DISAGREEMENT_OF_EXPOSURES)
        return FusedStack(picture.log_radiance, nowhere, precision, everywhere, confidence)
    depth = _depth(stack, sigma_per_setting_px)
    luminances = luminance_stack(stack)
    light = _sharp_by_contrast(luminances, depth)
    is_covered = np.minimum.reduce(luminances.precision) > 0
    if stack.is_uncovered_somewhere:
        stack.fill_uncovered(fuse_by_contrast((picture.log_radiance for picture in stack), depth))
        filled = luminance_stack(stack)
        luminances = luminances._replace(log_luminance=filled.log_luminance, noise=filled.noise)
    contrasts = largest_contrasts(luminances.log_luminance, luminances.noise, depth)
    for number, num_steps in enumerate(SHARPENING_STEPS, 1):
        told = estimate_sharpest_focus(light, luminances, sigma_per_setting_px)
        focus = known_focus
        if focus is None:
            focus = guided_filter(completed_focus(told, coarse_focus), cv2.log(light))
        evidence = evidence_nearby(told.evidence)
        if not is_covered.all():  # the end of a frame is no detail
            inside = cv2.erode(is_covered.astype(np.float32), np.ones((OUTLINE_PX, OUTLINE_PX), np.uint8))
            evidence = evidence * gaussian_blur(inside, OUTLINE_PX / 4)
        is_last = number == len(SHARPENING_STEPS)  # until then, brightness does
        shown = (picture.log_radiance for picture in stack) if is_last else luminances.log_luminance
        sharp = fuse_by_focus(shown, luminances.noise, contrasts, focus, sigma_per_setting_px)
        fused = cv2.log(luminance(sharp)) if is_last else sharp
        gain = sharpen_by_reblurring(fused, luminances, focus, sigma_per_setting_px, num_steps) - fused
        gain *= evidence
        light = cv2.exp(fused + gain)
    sharp += in_channels(gain)
    precision = _where_sharpest(luminances.precision, focus)
    confidence = reliability(precision) * evidence
    confidence *= agreement(told.mismatch, DISAGREEMENT_OF_SETTINGS)
    confidence *= agreement(_where_sharpest(luminances.spread, focus), DISAGREEMENT_OF_EXPOSURES)
    # Where the sharpest setting shows nothing, the surest of the others does.
    precision = np.where(precision > 0, precision, np.maximum.reduce(luminances.precision))
    return FusedStack(sharp, focus, precision, evidence, confidence)


def agreement(disagreement: Image, half_at: float) -> Image:
    """Share of trust, [0, 1], in what disagrees so much; a half where that is `half_at`."""
    return half_at / (half_at + disagreement)


def luminance_stack(stack: FocusStack) -> LuminanceStack:
    """Brightness alone of a focus stack, as reliable as its least reliable channel."""
    log_luminance, precision, noise, spread = [], [], [], []
    for picture in stack:
        log_luminance.append(cv2.log(luminance(picture.log_radiance)))
        precision.append(least_channel(picture.precision))
        noise.append(channel_mean(noise_variance(picture.precision)))
        spread.append(picture.spread)
    return LuminanceStack(log_luminance, precision, noise, spread)


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


def _where_sharpest(of_settings: Sequence[Image], sharpest_focus: Image) -> Image:
    """What is said of the setting nearest to the sharpest focus of each pixel."""
    nearest_setting = np.rint(sharpest_focus).clip(0, len(of_settings) - 1)
    chosen = np.empty_like(sharpest_focus)
    for setting, own in enumerate(of_settings):
        np.copyto(chosen, own, where=nearest_setting == setting)
    return chosen
