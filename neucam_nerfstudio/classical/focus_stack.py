"""A view at each of its focus settings, exposures merged, and what a setting does not show filled from the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from jaxtyping import Bool

from neucam_nerfstudio.classical.area_brightness import area_gains, area_sigma_px, areas_of
from neucam_nerfstudio.classical.defocus_estimation import OTHER_FOCUS_PRECISION, reliability
from neucam_nerfstudio.classical.exposure_merge import MergedExposures, brightest_channel
from neucam_nerfstudio.classical.focus_fusion import SettingPicture
from neucam_nerfstudio.classical.pixel_values import RgbImage
from neucam_nerfstudio.classical.tiles import row_blocks

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
        elsewhere: What is seen where no setting shows anything, natural log radiance; None fills it from around.

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
        elsewhere: RgbImage | None = None,
    ) -> None:
        self._num_settings, self._merge = num_settings, merge
        self._bounds = bounds or [(True, True)] * num_settings
        self.is_uncovered_somewhere, self._beyond = False, elsewhere
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
        self._everywhere = _mean_where_covered(weighted_sum, precision_sum, self._beyond)
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
        return _mean_where_covered(weighted_sum, precision_sum, self._beyond)

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


def _mean_where_covered(weighted_sum: RgbImage, weight_sum: RgbImage, beyond: RgbImage | None) -> RgbImage:
    """Weighted means; where nothing has any weight, what is known of it, or smoothly what lies around."""
    covered = weight_sum > 0
    if covered.all():
        return weighted_sum / weight_sum
    mean = np.divide(weighted_sum, weight_sum, out=np.zeros_like(weighted_sum), where=covered)
    if beyond is not None:
        np.copyto(mean, beyond, where=~covered)
    elif covered.any():
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
