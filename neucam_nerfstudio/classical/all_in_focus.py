"""Merged exposures of all focus settings -> all-in-focus radiance, and the setting at which each pixel is sharpest."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float

from neucam_nerfstudio.classical.defocus_estimation import LuminanceStack, estimate_blur, estimate_sharpest_focus
from neucam_nerfstudio.classical.exposure_merge import brightest_channel
from neucam_nerfstudio.classical.focus_fusion import (
    channel_mean,
    fuse_by_contrast,
    fuse_by_focus,
    sharpen_by_reblurring,
)

OTHER_FOCUS_PRECISION = 20.0
"""Precision with which the other focus settings, blurred though they are, tell the log radiance of a pixel."""

LEAST_PRECISION = 0.1
SHARPENING_STEPS = 12
LARGEST_DEPTH = 6
"""Of pyramids."""


class FocusStack(NamedTuple):
    """One picture a focus setting, all exposures merged.

    Attributes:
        log_radiance: Natural log radiance; where a setting shows nothing, what the others show.
        precision: 1 / variance of what the setting itself shows.
    """

    log_radiance: Float[np.ndarray, "settings height width 3"]
    precision: Float[np.ndarray, "settings height width 3"]


def complete_stack(
    log_radiance: Float[np.ndarray, "settings height width 3"],
    precision: Float[np.ndarray, "settings height width 3"],
    blown: Bool[np.ndarray, "settings height width 3"],
) -> FocusStack:
    """Fills what is black or saturated at one focus setting with the light that the other settings show there.

    A channel that is blown is at least as bright as the others: highlights are then white, and not of the colour of the
    channel that saturates last.
    """
    everywhere = (log_radiance * precision).sum(0) / precision.sum(0)
    completed = np.empty_like(log_radiance)
    for setting, own, own_precision, own_blown in zip(completed, log_radiance, precision, blown, strict=True):
        setting[:] = everywhere + _reliability(own_precision) * (own - everywhere)
        np.copyto(setting, brightest_channel(setting)[..., None], where=own_blown)
    return FocusStack(completed, precision)


def stack_blur(stack: FocusStack) -> float:
    """Standard deviation, in pixels, of the blur of a pixel that is one focus setting out of focus."""
    settings, height, width, _ = stack.log_radiance.shape
    sharp = fuse_by_contrast(stack.log_radiance, pyramid_depth(height, width, settings))
    return estimate_blur(luminance(sharp), luminance_stack(stack))


class FusedStack(NamedTuple):
    """All of a focus stack in one picture.

    Attributes:
        log_radiance: Natural log radiance, all in focus.
        sharpest_focus: The focus setting (fractional) at which each pixel is sharpest.
        precision: 1 / variance of what that setting shows, least of the channels.
    """

    log_radiance: Float[np.ndarray, "height width 3"]
    sharpest_focus: Float[np.ndarray, "height width"]
    precision: Float[np.ndarray, "height width"]


def fuse_stack(stack: FocusStack, sigma_per_setting_px: float) -> FusedStack:
    """Fuses the focus settings of a stack, each where it is sharpest."""
    settings, height, width, _ = stack.log_radiance.shape
    depth = pyramid_depth(height, width, settings * sigma_per_setting_px)
    luminances = luminance_stack(stack)
    noise = [channel_mean(1 / np.maximum(precision, LEAST_PRECISION)) for precision in stack.precision]
    sharp = fuse_by_contrast(stack.log_radiance, depth)
    focus, _ = estimate_sharpest_focus(luminance(sharp), luminances, sigma_per_setting_px)
    sharp = fuse_by_focus(stack.log_radiance, noise, focus, sigma_per_setting_px, depth)
    fused = cv2.log(luminance(sharp))
    sharpened = sharpen_by_reblurring(fused, luminances, focus, sigma_per_setting_px, SHARPENING_STEPS)
    nearest_setting = np.rint(focus).clip(0, len(stack.precision) - 1).astype(np.intp)[None]
    precision = np.take_along_axis(stack.precision.min(-1), nearest_setting, axis=0)[0]
    return FusedStack(sharp + (sharpened - fused)[..., None], focus, precision)


def luminance_stack(stack: FocusStack) -> LuminanceStack:
    """Brightness alone of a focus stack, as reliable as its least reliable channel."""
    least = [precision.min(axis=-1) for precision in stack.precision]
    return LuminanceStack(
        log_luminance=[cv2.log(luminance(image)) for image in stack.log_radiance],
        reliability=[_reliability(precision) for precision in least],
        noise=[1 / np.maximum(precision, LEAST_PRECISION) for precision in least],
    )


def luminance(log_radiance: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
    """Mean linear radiance of the channels."""
    return channel_mean(cv2.exp(log_radiance))


def pyramid_depth(height: int, width: int, largest_sigma_px: float) -> int:
    """Number of pyramid bands that blurs up to a width take part in, and that fit into the picture."""
    for_blur = 2 + int(np.ceil(np.log2(max(largest_sigma_px, 1.0))))
    for_size = int(np.log2(max(min(height, width) / 8, 1)))
    return min(for_blur, for_size, LARGEST_DEPTH)


def _reliability(precision):
    return precision / (precision + OTHER_FOCUS_PRECISION)
