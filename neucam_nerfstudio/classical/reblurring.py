"""All-in-focus light made sharper: blurred again as at each focus setting, and compared with what was photographed."""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.classical.defocus_estimation import LuminanceStack, gaussian_blur, noise_variance, reliability
from neucam_nerfstudio.classical.focus_fusion import BAND_FREQUENCY, LEAST_VARIANCE, local_mean
from neucam_nerfstudio.classical.pixel_values import Image
from neucam_nerfstudio.classical.tiles import row_blocks

LARGEST_CORRECTION = 0.5
"""Of log luminance, in one step of sharpening."""

MIDDLE_GRADE, FAR_GRADE, GRADE_POWER = 0.8, 2.0, 1.4
"""Light is blurred in three grades: not, and as so many focus settings out of focus; between them it is a mixture of
two, with shares that are linear in this power of the distance. On rendered stacks six grades are no better."""

REACH = 2.5
"""Photographs that are so many focus settings out of focus, or more, do not help to sharpen."""

LENGTHENED = 2.0
"""Steps of sharpening are so many times as long as those of Richardson and Lucy, and each goes on a little where the
one before went (Nesterov 1983): four so reach what twelve without reach."""

LEAST_LOST = 0.01
"""Share of fine detail that no photograph shows from which on it is brought back: noise takes as much."""

LEAST_LIGHT, LEAST_RETURNED_WEIGHT = 1e-9, 1e-3
"""Keep divisions and logarithms finite."""


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
    sigmas_px = sigma_per_setting_px * MIDDLE_GRADE, sigma_per_setting_px * FAR_GRADE
    is_lost = cv2.dilate((lost_detail > 0).astype(np.uint8), np.ones((2 * math.ceil(3 * sigmas_px[1]) + 1,) * 2))
    compared = [
        photograph
        for index in range(len(stack.precision))
        if (photograph := _Photograph.of(stack, index, sharpest_focus, is_lost)) is not None
    ]
    if not compared:
        return log_luminance
    height, width = log_luminance.shape
    returned = _ReturnedLight((height, width), sigmas_px)
    for photograph in compared:
        returned.add(photograph, photograph.weight)
    step_length = LENGTHENED * lost_detail / (returned.light() + LEAST_RETURNED_WEIGHT)
    before = sharper = log_luminance
    for step in range(num_steps):
        light = cv2.exp(sharper)
        changes = [gaussian_blur(light, sigma) - light for sigma in sigmas_px]
        returned.clear()
        for photograph in compared:
            returned.add(photograph, photograph.unexplained(light, *changes))
        found = sharper + step_length * returned.light()
        sharper = found + (step + 1) / (step + 4) * (found - before)
        before = found
    return before


class _Photograph(NamedTuple):
    """What one focus setting shows, within the part of the picture where that helps to sharpen.

    Attributes:
        place: Rows and columns of the part.
        log_luminance: Photographed there.
        middle_share: Share of the middle grade of blur in each pixel's.
        far_share: That of the far one.
        weight: Of what is seen there.
        noise: Variance of it.
    """

    place: tuple[slice, slice]
    log_luminance: Image
    middle_share: Image
    far_share: Image
    weight: Image
    noise: Image

    @classmethod
    def of(
        cls, stack: LuminanceStack, index: int, sharpest_focus: Image, is_lost: UInt8[np.ndarray, "height width"]
    ) -> _Photograph | None:
        """A setting's part near its focus in which detail is lost; None if there is none."""
        distance = np.abs(sharpest_focus - np.float32(index))
        left, top, width, height = cv2.boundingRect((distance < REACH) * is_lost)
        if width == 0:
            return None
        place = slice(top, top + height), slice(left, left + width)
        distance, precision = distance[place], stack.precision[index][place]
        weight = reliability(precision)
        weight *= cv2.exp(-distance)
        weight *= np.minimum(2 * np.maximum(REACH - distance, 0), 1)
        middle, far = MIDDLE_GRADE**GRADE_POWER, FAR_GRADE**GRADE_POWER
        powered = cv2.pow(distance, GRADE_POWER)
        far_share = np.minimum(np.maximum((powered - middle) / (far - middle), 0), 1)
        middle_share = np.minimum(powered / middle, 1) - far_share
        noise = noise_variance(precision)
        return cls(place, stack.log_luminance[index][place], middle_share, far_share, weight, noise)

    def unexplained(
        self, light: Image, middle_change: Image, far_change: Image
    ) -> Float[np.ndarray, "part_height part_width"]:
        """Weighted log of what was photographed over what light gives that each grade of blur changes so; bounded, and
        less where that varies no more than noise does."""
        ratio = np.empty_like(self.weight)
        height, width = ratio.shape
        seen = [plane[self.place] for plane in (light, middle_change, far_change)]
        for rows in row_blocks(height, width):
            predicted = self.middle_share[rows] * seen[1][rows]
            predicted += self.far_share[rows] * seen[2][rows]
            predicted += seen[0][rows]
            predicted = cv2.log(np.maximum(predicted, LEAST_LIGHT))
            np.subtract(self.log_luminance[rows], predicted, out=predicted)
            ratio[rows] = np.maximum(np.minimum(predicted, LARGEST_CORRECTION), -LARGEST_CORRECTION)
        variance = local_mean(ratio * ratio)
        for rows in row_blocks(height, width):
            kept = self.noise[rows] / (variance[rows] + LEAST_VARIANCE)
            kept = np.maximum(np.subtract(1, kept, out=kept), 0)
            kept *= self.weight[rows]
            ratio[rows] *= kept
        return ratio


class _ReturnedLight:
    """What photographs send back to where their light came from, by the grade of blur that it came through."""

    def __init__(self, shape: tuple[int, int], sigmas_px: tuple[float, float]) -> None:
        self._all, self._middle, self._far = np.zeros((3, *shape), np.float32)
        self._sigmas_px = sigmas_px

    def clear(self) -> None:
        """Forgets what has been added."""
        for plane in (self._all, self._middle, self._far):
            plane[:] = 0

    def add(self, photograph: _Photograph, values: Image) -> None:
        """Adds what a photograph sends back."""
        place = photograph.place
        self._all[place] += values
        self._middle[place] += values * photograph.middle_share
        self._far[place] += values * photograph.far_share

    def light(self) -> Image:
        """All of it, where it came from."""
        blurred = [gaussian_blur(p, s) - p for p, s in zip((self._middle, self._far), self._sigmas_px, strict=True)]
        return self._all + blurred[0] + blurred[1]


def _lost_detail(stack: LuminanceStack, sharpest_focus: Image, sigma_per_setting_px: float) -> Image:
    """Share of fine detail that no photograph shows: even the best is blurred, saturated or black."""
    shown = np.zeros_like(sharpest_focus)
    for index, precision in enumerate(stack.precision):
        blur = np.abs(sharpest_focus - np.float32(index))
        blur *= blur
        blur *= -0.5 * (sigma_per_setting_px * BAND_FREQUENCY) ** 2
        np.maximum(shown, reliability(precision) * cv2.exp(blur), out=shown)
    return np.maximum(1 - shown - LEAST_LOST, 0)
