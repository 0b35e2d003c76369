"""Merged exposures of all focus settings -> all-in-focus radiance, and the setting at which each pixel is sharpest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from neucam_nerfstudio.classical.defocus_estimation import (
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
from neucam_nerfstudio.classical.exposure_merge import in_channels, least_channel
from neucam_nerfstudio.classical.focus_fusion import (
    channel_mean,
    fuse_by_contrast,
    fuse_by_focus,
    largest_contrasts,
)
from neucam_nerfstudio.classical.focus_stack import FocusStack
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.reblurring import sharpen_by_reblurring
from neucam_nerfstudio.classical.tiles import row_blocks

SHARPENING_STEPS = (2, 4)
"""Steps of sharpening each time that focus is found by blurring the picture again. Once does not do: what contrast has
fused is less sharp than the sharpest photograph, which then seems sharper than in focus."""
LARGEST_DEPTH = 6
"""Of pyramids."""
DISAGREEMENT_OF_EXPOSURES, DISAGREEMENT_OF_SETTINGS = 0.01, 0.03
"""Half of the trust is gone where exposures of one setting differ by this variance of log radiance, a tenth of the
light; and where this mismatch of focus settings remains, which is 1.7 for pictures that have nothing in common."""


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
    first_setting: Image | float = 0.0,
    depth: int | None = None,
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
        first_setting: Which focus setting of the whole picture is the first of the stack, in each pixel; all focus is
            counted in settings of the whole picture.
        depth: Number of pyramid bands; None for what blurs up to that of the farthest setting need.
    """
    if len(stack) == 1:
        (picture,) = stack
        nowhere, everywhere = np.zeros(stack.shape, np.float32), np.ones(stack.shape, np.float32)
        precision = least_channel(picture.precision)
        confidence = reliability(precision) * agreement(picture.spread, DISAGREEMENT_OF_EXPOSURES)
        return FusedStack(picture.log_radiance, nowhere, precision, everywhere, confidence)
    depth = depth or _depth(stack, sigma_per_setting_px)
    luminances = luminance_stack(stack)
    light = _sharp_by_contrast(luminances, depth)
    is_covered = np.minimum.reduce(luminances.precision) > 0
    if stack.is_uncovered_somewhere:
        stack.fill_uncovered(fuse_by_contrast((picture.log_radiance for picture in stack), depth))
        filled = luminance_stack(stack)
        luminances = luminances._replace(log_luminance=filled.log_luminance, noise=filled.noise)
    contrasts = largest_contrasts(luminances.log_luminance, luminances.noise, depth)
    for number, num_steps in enumerate(SHARPENING_STEPS, 1):
        told = estimate_sharpest_focus(light, luminances, sigma_per_setting_px, first_setting=first_setting)
        focus = known_focus
        if focus is None:
            focus = guided_filter(completed_focus(told, coarse_focus), cv2.log(light))
        own_focus = np.subtract(focus, first_setting, dtype=np.float32)
        evidence = evidence_nearby(told.evidence)
        if not is_covered.all():  # the end of a frame is no detail
            inside = cv2.erode(is_covered.astype(np.float32), np.ones((OUTLINE_PX, OUTLINE_PX), np.uint8))
            evidence = evidence * gaussian_blur(inside, OUTLINE_PX / 4)
        is_last = number == len(SHARPENING_STEPS)  # until then, brightness does
        shown = (picture.log_radiance for picture in stack) if is_last else luminances.log_luminance
        sharp = fuse_by_focus(shown, luminances.noise, contrasts, own_focus, sigma_per_setting_px)
        fused = cv2.log(luminance(sharp)) if is_last else sharp
        gain = sharpen_by_reblurring(fused, luminances, own_focus, sigma_per_setting_px, num_steps) - fused
        gain *= evidence
        light = cv2.exp(fused + gain)
    sharp += in_channels(gain)
    precision = _where_sharpest(luminances.precision, own_focus)
    confidence = reliability(precision) * evidence
    confidence *= agreement(told.mismatch, DISAGREEMENT_OF_SETTINGS)
    confidence *= agreement(_where_sharpest(luminances.spread, own_focus), DISAGREEMENT_OF_EXPOSURES)
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
