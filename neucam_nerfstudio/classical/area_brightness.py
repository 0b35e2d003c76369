"""Settings of a focus stack made equally bright over areas larger than their blur: what is none of the lens's doing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np

from neucam_nerfstudio.classical.defocus_estimation import gaussian_blur, reliability
from neucam_nerfstudio.classical.exposure_merge import MergedExposures, in_channels, least_channel
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage

AREA_CELL_PX = 4
"""Brightness of areas is compared on cells of so many pixels a side."""
LEAST_AREA_SIGMA_PX, AREA_OF_BLUR = 12.0, 6.0
"""An area is a Gaussian of this standard deviation, in pixels, or so many times that of the blur one setting out of
focus."""
REACH_CELLS = 2
"""Cells this near to one that a setting does not show are not compared: blur carries light from there, or there."""
DOUBT_PER_CONTRAST, LEAST_GAIN = 4.0, 0.02
"""Differences of brightness (natural log) that are doubted by half: so many times the standard deviation of log light
in the area, and in an even one. On rendered stacks, whose light does not flicker, less doubt costs up to a decibel."""
WHOLE_CELL_POWER = 24
"""Power of the share of a cell that all settings tell: sparkles that are white in the sharp setting alone make it
darker than the blurred ones, so cells with a tenth of white hardly count."""
TELLING_SHARE = 0.4
"""Share of an area that must be compared to tell all of its difference."""
LEAST_LIGHT = 1e-6
"""Keeps divisions and logarithms finite."""


class Areas(NamedTuple):
    """What a setting shows of each cell of `AREA_CELL_PX` a side.

    Attributes:
        light: Mean radiance of what it tells, linear.
        told: How much of it that is.
        covered: How much of it some frame covers.
    """

    light: RgbImage
    told: Image
    covered: Image


def areas_of(merged: MergedExposures) -> Areas:
    """The cells of a setting."""
    height, width, _ = merged.log_radiance.shape
    size = (math.ceil(width / AREA_CELL_PX), math.ceil(height / AREA_CELL_PX))
    precision = least_channel(merged.precision)
    weight = reliability(precision)
    light = cv2.exp(merged.log_radiance)
    light *= in_channels(weight)
    planes: list[Any] = [light, weight, (precision > 0).astype(np.float32)]
    light, told, covered = (cv2.resize(plane, size, interpolation=cv2.INTER_AREA) for plane in planes)
    return Areas(light / in_channels(np.maximum(told, LEAST_LIGHT)), told, covered)


def area_gains(areas: Sequence[Areas], sigma_px: float) -> list[RgbImage]:
    """What makes settings equally bright over areas: natural log of a factor for each of their cells.

    A lens out of focus moves light by no more than its blur, so that over larger areas settings differ by what is none
    of its doing: flicker, the vignette that focusing changes, a veil. Where contrast is high, light does leave the
    area, and hides behind what is near: there a difference counts the less the smaller it is. Where a setting is not
    covered nothing else tells how bright it would be, and all of the difference counts.

    Args:
        areas: Of each setting.
        sigma_px: Standard deviation of the Gaussian that is an area.
    """
    sigma_cells = sigma_px / AREA_CELL_PX
    # Where one setting tells nothing of a cell, or of one that blur reaches, all are compared without it.
    shared = np.minimum.reduce([of_setting.told for of_setting in areas])
    shared = (
        cv2.erode(shared, np.ones((2 * REACH_CELLS + 1, 2 * REACH_CELLS + 1), np.uint8)) ** WHOLE_CELL_POWER
        + LEAST_LIGHT
    )
    share_near = gaussian_blur(shared, sigma_cells)

    def mean_near(plane: RgbImage) -> RgbImage:
        return gaussian_blur(plane * in_channels(shared), sigma_cells) / in_channels(share_near)

    log_means = [cv2.log(np.maximum(mean_near(of_setting.light), LEAST_LIGHT)) for of_setting in areas]
    log_light = cv2.log(np.maximum(np.mean([of_setting.light for of_setting in areas], axis=0), LEAST_LIGHT))
    contrast = np.maximum(mean_near(log_light**2) - mean_near(log_light) ** 2, 0)
    uncovered = 1 - np.minimum.reduce([of_setting.covered for of_setting in areas])
    at_rim = in_channels(np.minimum(2 * gaussian_blur(uncovered, sigma_cells) + uncovered, 1))
    doubt = (DOUBT_PER_CONTRAST**2 * contrast + LEAST_GAIN**2) * (1 - at_rim)
    told = np.maximum(in_channels(np.minimum(share_near / TELLING_SHARE, 1)), at_rim)
    gains = np.mean(log_means, axis=0) - log_means
    return [(told * gain * (gain**2 / (gain**2 + doubt + LEAST_LIGHT))).astype(np.float32) for gain in gains]


def area_sigma_px(sigma_per_setting_px: float) -> float:
    """Standard deviation of the Gaussian over which all settings are equally bright."""
    return max(LEAST_AREA_SIGMA_PX, AREA_OF_BLUR * sigma_per_setting_px)
