"""The estimate from which the model starts: response, exposures, all-in-focus radiance and focus, without training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int

from neucam_nerfstudio.classical.all_in_focus import FocusStack, FusedStack, complete_stack, fuse_stack, stack_blur
from neucam_nerfstudio.classical.camera_estimate import CameraEstimate
from neucam_nerfstudio.classical.exposure_estimation import estimate_exposure_stops
from neucam_nerfstudio.classical.exposure_merge import DecodingTable, decoding_table, merge_exposures
from neucam_nerfstudio.classical.pixel_values import estimate_pixel_noise, half_step, to_codes
from neucam_nerfstudio.classical.response_estimation import estimate_response
from neucam_nerfstudio.classical.response_samples import reduce_frames, sample_frames
from neucam_nerfstudio.classical.response_table import ResponseTable, srgb_response

LEAST_STOPS_FOR_RESPONSE = 0.3
"""Exposures that differ by less tell nothing of the response."""

STRIP_PIXELS = 2_000_000
STRIP_MARGIN_ROWS = 128
"""Large pictures are fused in strips of about this many pixels, which overlap by this margin."""

STRIP_ALIGNMENT_ROWS = 64
"""Strips begin at multiples of this: the coarsest pyramid pixels of neighbouring strips then coincide."""

BLUR_SEARCH_SIDE = 1024
"""The blur is estimated on pictures of at most this longer side, reduced at least to half."""

LEAST_BLUR_PX = 0.5
"""Less blur than this, in pixels of a reduced picture, cannot be told from none."""


@dataclass(frozen=True)
class WarmStart(CameraEstimate):
    """What photographs tell of scene and camera before any training. All log radiances and exposures share one zero.

    Attributes:
        log_radiance: All-in-focus radiance, natural log, median 0.
        sharpest_focus: At which focus setting a pixel is sharpest: 0 is the lowest focus index, 1 the next; fractional.
        squared_slope: How strongly a photograph in which a pixel is sharpest tells its light, on average over its focus
            setting: squared change of pixel value a unit of log radiance, the least of the channels.
        blur_per_setting_px: Standard deviation of the blur of a pixel one focus setting out of focus (half the radius
            of the disc that a lens makes); 0 with one setting.
    """

    log_radiance: Float[np.ndarray, "height width 3"]
    sharpest_focus: Float[np.ndarray, "height width"]
    squared_slope: Float[np.ndarray, "height width"]
    blur_per_setting_px: float


def classical_estimate(
    frames: Sequence[np.ndarray],
    focus_index: Sequence[int],
    exposure_stops: Sequence[float] | None,
    exposure_index: Sequence[int] | None = None,
    response: ResponseTable | None = None,
) -> WarmStart:
    """Estimates response and exposures, merges the frames of each focus setting, and fuses the focus settings.

    An unknown response cannot be told without two different exposures: that of the sRGB standard is taken then.

    Args:
        frames: Aligned photographs [height, width, 3], RGB, 8 or 16 bit or floating point in [0, 1].
        focus_index: Focus setting of each frame.
        exposure_stops: Exposure of each frame, or None to estimate it.
        exposure_index: Exposure setting of each frame where known; ties exposures that are estimated.
        response: Of the camera, if known.
    """
    focus_index = np.asarray(focus_index)
    small_ldr = reduce_frames(frames)
    if exposure_stops is None:
        stops = estimate_exposure_stops(small_ldr, focus_index, exposure_index, response)
    else:
        stops = np.asarray(exposure_stops, np.float64)
    if response is None:
        response = response_of_frames(small_ldr, focus_index, stops, frames[0].dtype)
    noise = estimate_pixel_noise(frames)
    tables = [decoding_table(frame.dtype, stop, response, noise) for frame, stop in zip(frames, stops, strict=True)]
    merger = _StackMerger(frames, focus_index, tables)
    (log_radiance, sharpest_focus, precision), blur = _fuse(merger)
    median = np.median(log_radiance)
    log_radiance -= median
    response = response.shifted(-median)
    return WarmStart(
        log_radiance=log_radiance,
        log_exposure_knots=response.log_exposure,
        response_values=response.ldr,
        exposure_stops=stops.astype(np.float32),
        sharpest_focus=sharpest_focus,
        squared_slope=noise**2 * precision * len(np.unique(focus_index)) / len(frames),
        blur_per_setting_px=blur,
    )


def overlapping_strips(height: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Cuts a picture into strips: the rows of each, and the same with a margin."""
    alignment = STRIP_ALIGNMENT_ROWS
    rows = max(1, round(STRIP_PIXELS / width / alignment)) * alignment
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        yield slice(top, bottom), slice(max(0, top - STRIP_MARGIN_ROWS), min(height, bottom + STRIP_MARGIN_ROWS))


def response_of_frames(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: Int[np.ndarray, " frames"],
    stops: Float[np.ndarray, " frames"],
    dtype: np.dtype,
    near: int | None = None,
) -> ResponseTable:
    """The response that aligned photographs tell; that of the sRGB standard if their exposures do not differ.

    Args:
        small_ldr: Small copies of the photographs, pixel values in [0, 1].
        focus_index: Focus setting of each.
        stops: Exposure of each.
        dtype: Number type of the photographs themselves.
        near: The photograph around which some are taken where there are many; None for the middle one.
    """
    if np.ptp(stops) < LEAST_STOPS_FOR_RESPONSE:
        return srgb_response(half_step(dtype))
    samples = sample_frames(small_ldr, focus_index, stops, near)
    told_stops = stops[samples.frames]
    return estimate_response(samples.ldr, samples.comparable, told_stops, half_step=half_step(dtype))[0]


@dataclass(frozen=True)
class _StackMerger:
    """Frames and how to decode them."""

    frames: Sequence[np.ndarray]
    focus_index: np.ndarray
    tables: Sequence[DecodingTable]

    @property
    def shape(self) -> tuple[int, int, int]:
        return (len(np.unique(self.focus_index)), *self.frames[0].shape[:2])

    def rows(self, rows: slice) -> FocusStack:
        """The focus stack within some rows."""
        return self._merge([frame[rows] for frame in self.frames])

    def reduced(self, factor: float, rows: slice = slice(None), columns: slice = slice(None)) -> FocusStack:
        """The focus stack, within some rows and columns, from photographs that were made so many times smaller."""

        def small(frame: np.ndarray) -> np.ndarray:
            part = to_codes(frame[rows, columns])
            size = [max(1, round(side / factor)) for side in part.shape[1::-1]]
            return cv2.resize(part, size, interpolation=cv2.INTER_AREA)

        return self._merge([small(frame) for frame in self.frames])

    def _merge(self, frames) -> FocusStack:
        settings = [np.flatnonzero(self.focus_index == index) for index in np.unique(self.focus_index)]
        merged = [merge_exposures([frames[i] for i in s], [self.tables[i] for i in s]) for s in settings]
        return complete_stack(*(np.stack(part) for part in zip(*merged, strict=True)))


def _fuse(merger: _StackMerger):
    """The picture of all focus settings, and the blur; strip by strip."""
    settings, height, width = merger.shape
    focus, precision = np.zeros((2, height, width), np.float32)
    whole = FusedStack(np.empty((height, width, 3), np.float32), focus, precision)
    if settings == 1:
        for rows, _ in overlapping_strips(height, width):
            stack = merger.rows(rows)
            whole.log_radiance[rows], precision[rows] = stack.log_radiance[0], stack.precision[0].min(-1)
        return whole, 0.0
    blur = _stack_blur_px(merger)
    for rows, with_margin in overlapping_strips(height, width):
        inner = slice(rows.start - with_margin.start, rows.stop - with_margin.start)
        for part, fused in zip(whole, fuse_stack(merger.rows(with_margin), blur), strict=True):
            part[rows] = fused[inner]
    return whole, blur


def _stack_blur_px(merger: _StackMerger) -> float:
    """Blur of a pixel one focus setting out of focus, in pixels of the photographs.

    It is looked for on the whole picture made small; if it is too small to be told there, again on the part with the
    most detail, made less small.
    """
    _, height, width = merger.shape
    factor = max(2.0, max(height, width) / BLUR_SEARCH_SIDE)
    whole, whole_factor = merger.reduced(factor), factor
    blur_px = stack_blur(whole)
    while blur_px < LEAST_BLUR_PX and factor > 2:
        factor = max(2.0, factor / 2)
        part = _part_with_detail(whole, factor / whole_factor)
        rows, columns = (slice(round(side.start * whole_factor), round(side.stop * whole_factor)) for side in part)
        blur_px = stack_blur(merger.reduced(factor, rows, columns))
    return blur_px * factor


def _part_with_detail(stack: FocusStack, share: float) -> tuple[slice, slice]:
    """Rows and columns of the part with the most detail; its sides are this share of the picture's."""
    detail = np.max([np.abs(cv2.Laplacian(image, cv2.CV_32F)).mean(-1) for image in stack.log_radiance], axis=0)
    height, width = (max(1, round(side * share)) for side in detail.shape)
    sums = cv2.integral(detail)
    in_part = sums[height:, width:] - sums[height:, :-width] - sums[:-height, width:] + sums[:-height, :-width]
    top, left = map(int, np.unravel_index(in_part.argmax(), in_part.shape))
    return slice(top, top + height), slice(left, left + width)
