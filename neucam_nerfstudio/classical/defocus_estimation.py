"""Depth from defocus: at which focus setting each pixel is sharpest, and how fast blur grows away from it.

Tested by blurring again: where a sharp image, blurred as a focus setting `n` steps away should be, looks like the
photograph taken there, the pixel is `n` steps away from that setting (Pentland 1987; Favaro & Soatto 2005).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.pixel_values import Image
from neucam_nerfstudio.classical.tiles import row_blocks
from neucam_nerfstudio.classical.work_threads import in_threads, num_cores

FOCUS_STEP, FOCUS_STEP_PX = 0.25, 0.2
"""Spacing of the focus settings that are tried, in steps of the captured ones; twice or four times as wide where blur
grows by no more than so many pixels from one to the next."""

COARSE_FOCUS_STEP = 0.5
"""The same while the blur is not known yet."""

NEAREST_SETTINGS = 4
"""Only photographs of the nearest focus settings are compared: the others are too blurred to tell."""

TOLERATED_MISMATCH = 0.2
"""Squared difference of log luminance from which on two pixels just count as different."""

WINDOW_SHARES = ((1.0, 1.0), (3.0, 0.5), (9.0, 0.2))
"""Windows over which evidence is gathered, in units of the smallest, with weights; flat areas need the large ones."""

SMALLEST_WINDOW_PX = 2.0

LEAST_WINDOW_CELLS = 1.0
"""Evidence is gathered on pictures that are halved as long as the smallest window stays this wide, in their pixels."""

DETAIL_SIGMA_SHARE = 4.0
"""Of the smallest window, the Gaussian whose blur is no detail."""

LEAST_MISMATCH = 3e-5
"""Mismatches that differ by less tell nothing."""

LEAST_COMPARED = 0.1
"""Reliability of the compared settings, summed, below which they tell nothing."""

LEAST_EVIDENCE = 1e-6
"""Keeps divisions by it finite."""

NEAR_LEVELS = 3
"""Surroundings of 2 to the power of this, in pixels, are near."""

OUTLINE_PX = 11
"""Lines without evidence that are narrower than this are outlines of what has it."""

UNSURE_EVIDENCE = 0.3
"""Evidence that counts as much as what lies around."""

GUIDE_RADIUS_PX = 4
GUIDE_EDGE_VARIANCE = 0.01
"""Variance of log luminance above which an edge of the picture may be an edge of the focus map."""

BLUR_CANDIDATES_PX = tuple(0.25 * 2.0 ** (half / 2) for half in range(9))
"""Standard deviations of the blur, one focus setting out of focus, that are tried."""

OTHER_FOCUS_PRECISION = 20.0
"""Precision (1 / variance of log radiance) with which the other focus settings, blurred though they are, tell the light
of a pixel."""

LEAST_PRECISION = 0.1
"""Precision below which a pixel is taken to be as noisy as with this one."""

LEAST_REDUCED_SIGMA = 0.85
"""Wide blurs are computed on pictures that are halved as long as the blur stays this wide, in pixels."""

KERNEL_REACH = 2.5
"""Gaussian kernels end at so many standard deviations, where a hundredth of them is left."""

LEAST_REDUCED_SIDE = 8
"""Pictures are not halved below this side, in pixels."""


class LuminanceStack(NamedTuple):
    """The brightness of a view at each of its focus settings.

    Attributes:
        log_luminance: Natural log of the mean linear radiance of the channels.
        precision: 1 / variance of what the setting itself shows, of the least reliable channel.
        noise: Variance of the noise in the channels, on average.
        spread: How much its exposures disagree, see `SettingPicture`.
    """

    log_luminance: list[Image]
    precision: list[Image]
    noise: Sequence[Image] = ()
    spread: Sequence[Image] = ()


def reliability(precision: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Share of a setting's own light, [0, 1], beside what the other settings show in its place."""
    return precision / (precision + OTHER_FOCUS_PRECISION)


def noise_variance(precision: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Variance of the log light that a setting shows."""
    return 1 / np.maximum(precision, LEAST_PRECISION)


def gaussian_blur(
    image: Float[np.ndarray, "height width *channels"], sigma_px: float
) -> Float[np.ndarray, "height width *channels"]:
    """Gaussian blur whose cost does not grow with its width: wide ones are computed on a reduced picture."""
    if sigma_px < 0.2:
        return image
    levels = _halvings(sigma_px / LEAST_REDUCED_SIGMA, image.shape)
    remaining_px = math.sqrt(sigma_px**2 - 2 * _halving_variance(levels)) / 2**levels
    side = 2 * math.ceil(KERNEL_REACH * remaining_px) + 1
    small = cv2.GaussianBlur(_reduced(image, levels), (side, side), remaining_px)
    return _enlarged(small, levels, image.shape)


def _halvings(ratio: float, shape: tuple[int, ...]) -> int:
    """How often a picture is halved to become at most `ratio` times smaller, and no smaller than it may be."""
    return max(0, int(math.log2(min(ratio, min(shape[:2]) / LEAST_REDUCED_SIDE))))


def _halving_variance(levels: int) -> float:
    """Variance, in squared pixels of the whole picture, of the blur by `levels` steps of `cv2.pyrDown` (or `pyrUp`)."""
    return (4**levels - 1) / 3  # each step's filter, [1, 4, 6, 4, 1] / 16, has 1 in pixels of the larger picture


def _reduced(
    image: Float[np.ndarray, "height width *channels"], levels: int
) -> Float[np.ndarray, "small_height small_width *channels"]:
    """A picture halved so many times."""
    for _ in range(levels):
        image = cv2.pyrDown(image)
    return image


def _enlarged(
    image: Float[np.ndarray, "small_height small_width *channels"], levels: int, shape: tuple[int, ...]
) -> Float[np.ndarray, "height width *channels"]:
    """A picture of what `_reduced` has made smaller, at its size before."""
    for level in reversed(range(levels)):
        height, width = (math.ceil(side / 2**level) for side in shape[:2])
        image = cv2.pyrUp(image, dstsize=(width, height))
    return image


def guided_filter(image: Image, guide: Image) -> Image:
    """Smooths an image except where the guide has edges (He et al. 2010)."""
    mean = partial(cv2.blur, ksize=(2 * GUIDE_RADIUS_PX + 1, 2 * GUIDE_RADIUS_PX + 1))
    # Counted from the means of the whole pictures, so that squares of small numbers are subtracted from one another.
    image_offset, guide_offset = image.mean(), guide.mean()
    image, guide = image - image_offset, guide - guide_offset
    mean_guide, mean_image = mean(guide), mean(image)
    variance = np.maximum(mean(guide**2) - mean_guide**2, 0)
    slope = (mean(guide * image) - mean_guide * mean_image) / (variance + GUIDE_EDGE_VARIANCE)
    offset = mean_image - slope * mean_guide
    return mean(slope) * guide + mean(offset) + image_offset


def _focus_step(sigma_per_setting_px: float) -> float:
    wider = [step for step in (4 * FOCUS_STEP, 2 * FOCUS_STEP) if step * sigma_per_setting_px <= FOCUS_STEP_PX]
    return wider[0] if wider else FOCUS_STEP


def focus_grid(settings: int, step: float = FOCUS_STEP) -> Float[np.ndarray, " positions"]:
    """Focus positions that are tried, in units of focus settings: half a setting beyond the first and the last too."""
    return np.arange(-0.5, settings - 0.5 + step / 2, step)


class SharpestFocus(NamedTuple):
    """Where each pixel is in focus.

    Attributes:
        focus: Focus setting, fractional, at which it is sharpest.
        evidence: How clearly detail tells that, [0, 1]: near 0 where nothing has detail, or where photographs differ by
            more than their focus explains.
        mismatch: What remains unexplained, [0, 1.7].
    """

    focus: Image
    evidence: Image
    mismatch: Image


def estimate_sharpest_focus(
    sharp_luminance: Image,
    stack: LuminanceStack,
    sigma_per_setting_px: float,
    focus_step: float | None = None,
    first_setting: Image | float = 0.0,
) -> SharpestFocus:
    """Focus setting, fractional, at which each pixel is sharpest.

    Only detail is compared: photographs differ in brightness, too, where light flickers, and where something far out of
    focus is blurred a little more, and that tells nothing of what is sharp.

    Args:
        sharp_luminance: Linear luminance of the scene, as sharp as it is known.
        stack: The photographed focus settings.
        sigma_per_setting_px: Standard deviation of the blur of a pixel that is one focus setting out of focus.
        focus_step: Spacing of the tried focus positions; None chooses it by the blur.
        first_setting: What the focus of the first setting is called, in each pixel.
    """
    num_settings = len(stack.log_luminance)
    window_px = max(SMALLEST_WINDOW_PX, 2 * sigma_per_setting_px)
    levels = _halvings(window_px / LEAST_WINDOW_CELLS, sharp_luminance.shape)
    window_variances = [(scale * window_px) ** 2 - _halving_variance(levels) for scale, _ in WINDOW_SHARES]
    comparison = _Comparison(sharp_luminance, stack, sigma_per_setting_px, DETAIL_SIGMA_SHARE * window_px)
    least = sharpest = np.array(np.inf, np.float32)
    total, num_tried = np.float32(0), 0
    for focus in focus_grid(num_settings, focus_step or _focus_step(sigma_per_setting_px)):
        nearest = np.sort(np.argsort(np.abs(focus - np.arange(num_settings)), kind="stable")[:NEAREST_SETTINGS])
        mismatch = _reduced(comparison.mismatch(float(focus), nearest.tolist()), levels)
        gathered = np.zeros_like(mismatch)
        for variance, (_, share) in zip(window_variances, WINDOW_SHARES, strict=True):
            gathered += share * gaussian_blur(mismatch, math.sqrt(variance) / 2**levels)
        sharpest = np.where(gathered < least, np.float32(focus), sharpest)
        least = np.minimum(gathered, least)
        total, num_tried = total + gathered, num_tried + 1
    told = total / num_tried - least
    told *= told
    evidence = told / (told + least * least + LEAST_MISMATCH**2)
    shape, step = sharp_luminance.shape, 2**levels
    sharpest = sharpest + (first_setting[::step, ::step] if isinstance(first_setting, np.ndarray) else first_setting)
    return SharpestFocus(*(_enlarged(plane, levels, shape) for plane in (sharpest, evidence, least)))


class _Comparison:
    """Photographs beside a sharp picture that is blurred as they should be, in ascending order of focus positions."""

    def __init__(
        self, sharp_luminance: Image, stack: LuminanceStack, sigma_per_setting_px: float, detail_sigma_px: float
    ) -> None:
        self._sharp_luminance, self._stack = sharp_luminance, stack
        self._sigma_per_setting_px, self._detail_sigma_px = sigma_per_setting_px, detail_sigma_px
        self._blurred: dict[float, Image] = {}
        self._photographed: dict[int, tuple[Image, Image]] = {}
        self._nearest: list[int] = []
        self._compared = np.empty(0, np.float32)

    def mismatch(self, focus: float, nearest: list[int]) -> Image:
        """How far the nearest settings are from what is predicted if all were sharpest at a position, [0, 1.7]."""
        if nearest != self._nearest:
            of_nearest = {index: self._photographed.get(index) or self._detail_and_share(index) for index in nearest}
            self._nearest, self._photographed = nearest, of_nearest
            self._compared = np.full_like(self._sharp_luminance, LEAST_COMPARED)
            for _, share in of_nearest.values():
                self._compared += share
        pairs = [(self._predicted(abs(focus - index)), *self._photographed[index]) for index in nearest]
        mismatch = np.empty_like(self._sharp_luminance)
        height, width = mismatch.shape
        for rows in row_blocks(height, width):
            summed = np.zeros_like(mismatch[rows])
            for predicted, photographed, share in pairs:
                squared = predicted[rows] - photographed[rows]
                squared *= squared
                squared /= squared + TOLERATED_MISMATCH
                squared *= share[rows]
                summed += squared
            # Else what one setting does not show would speak for its focus.
            np.divide(summed, self._compared[rows], out=mismatch[rows])
        return mismatch

    def _detail_and_share(self, index: int) -> tuple[Image, Image]:
        detail = _detail(self._stack.log_luminance[index], self._detail_sigma_px)
        return detail, reliability(self._stack.precision[index])

    def _predicted(self, distance: float) -> Image:
        if distance not in self._blurred:
            light = gaussian_blur(self._sharp_luminance, self._sigma_per_setting_px * distance)
            self._blurred[distance] = _detail(cv2.log(light), self._detail_sigma_px)
        return self._blurred[distance]


def _detail(log_luminance: Image, sigma_px: float) -> Image:
    return log_luminance - gaussian_blur(log_luminance, sigma_px)


def evidence_nearby(evidence: Image) -> Image:
    """How clearly detail tells the focus of a pixel or of both its sides, [0, 1].

    At an outline focus changes, and its own detail agrees with neither side; and a little evidence is much, beside what
    lies far out of focus and has none.
    """
    closed = cv2.morphologyEx(evidence, cv2.MORPH_CLOSE, np.ones((OUTLINE_PX, OUTLINE_PX), np.uint8))
    return gaussian_blur(1 - (1 - closed) ** 4, OUTLINE_PX / 4)


def completed_focus(told: SharpestFocus, far: Image | None = None, levels: int = NEAR_LEVELS) -> Image:
    """The focus of each pixel; smoothly that of what lies around it where its own is unsure.

    It is gathered from ever larger surroundings (Gortler et al. 1996, pull and push).

    Args:
        told: As found.
        far: What to take where nothing near a pixel tells either; None goes on to all of the picture.
        levels: How often the surroundings are doubled before that is taken.
    """
    height, width = told.focus.shape
    if far is not None and levels == 0:
        around = far
    elif min(height, width) > 2:
        sum_told, evidence = cv2.pyrDown(told.focus * told.evidence), cv2.pyrDown(told.evidence)
        reduced = SharpestFocus(sum_told / np.maximum(evidence, LEAST_EVIDENCE), evidence, evidence)
        reduced_far = None if far is None else cv2.pyrDown(far)
        around = cv2.pyrUp(completed_focus(reduced, reduced_far, levels - 1), dstsize=(width, height))
    else:
        return np.full_like(told.focus, np.average(told.focus, weights=told.evidence + LEAST_EVIDENCE))
    return (told.evidence * told.focus + UNSURE_EVIDENCE * around) / (told.evidence + UNSURE_EVIDENCE)


def estimate_blur(sharp_luminance: Image, stack: LuminanceStack) -> float:
    """The blur, one focus setting out of focus, that explains the photographs best: its standard deviation in pixels.

    Arguments as of `estimate_sharpest_focus`.
    """
    mismatches = [0.0] * len(BLUR_CANDIDATES_PX)

    def compare(number: int) -> None:
        told = estimate_sharpest_focus(sharp_luminance, stack, BLUR_CANDIDATES_PX[number], COARSE_FOCUS_STEP)
        mismatches[number] = float(told.mismatch.mean())

    in_threads(compare, len(mismatches), num_cores())
    best = int(np.clip(np.argmin(mismatches), 1, len(mismatches) - 2))
    before, least, after = mismatches[best - 1 : best + 2]
    vertex = 0.5 * (before - after) / max(before - 2 * least + after, 1e-12)
    return BLUR_CANDIDATES_PX[best] * 2.0 ** (float(np.clip(vertex, -1, 1)) / 2)
