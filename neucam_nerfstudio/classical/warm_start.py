"""The estimate from which the model starts: response, exposures, all-in-focus radiance and focus, without training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.classical.all_in_focus import (
    FocusStack,
    FusedStack,
    focus_of,
    fuse_stack,
    pyramid_depth,
    stack_blur,
)
from neucam_nerfstudio.classical.area_brightness import area_sigma_px
from neucam_nerfstudio.classical.defocus_estimation import completed_focus
from neucam_nerfstudio.classical.exposure_estimation import estimate_exposure_stops
from neucam_nerfstudio.classical.exposure_merge import (
    DecodingTable,
    MergedExposures,
    decoding_table,
    merge_bracket,
    rim_weight,
)
from neucam_nerfstudio.classical.pixel_values import Coverage, Photograph, estimate_pixel_noise, half_step, to_codes
from neucam_nerfstudio.classical.response_estimation import solve_response
from neucam_nerfstudio.classical.response_samples import reduce_coverage, reduce_frames, sample_frames
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable, srgb_response
from neucam_nerfstudio.classical.tiles import overlapping_tiles

LEAST_STOPS_FOR_RESPONSE = 0.3
"""Exposures that differ by less tell nothing of the response."""

TILE_BYTES = 768 * 2**20
"""Memory that the fusion of a tile takes at most, as far as `LEAST_TILE_PIXELS` allows."""

FIXED_PIXEL_BYTES, HELD_PIXEL_BYTES, LUMINANCE_PIXEL_BYTES = 150, 40, 20
"""Memory that a pixel of a tile takes: for pyramids and blurred pictures, and for each focus setting, if its merged
exposures are held or if only its brightness is."""

LEAST_TILE_PIXELS, LEAST_HELD_TILE_PIXELS, MOST_TILE_PIXELS = 400_000, 1_000_000, 2_000_000
"""Tiles smaller than the first would be mostly margin, larger ones than the last save nothing more. Rather than have
tiles smaller than the second, settings are not held."""

LARGEST_MARGIN_PX, MARGIN_OF_COARSEST = 128, 4
"""Tiles overlap by a margin of so many pixels of the coarsest pyramid level, and at most of so many pixels."""

WHOLE = slice(None), slice(None)

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
        focus_evidence: How clearly detail tells the sharpest focus, [0, 1]: where it does not, nothing tells more of
            the scene than the start does. 1 with one setting.
        confidence: How sure the picture is, [0, 1]: near 0 where no frame is sharp, covered or exposed, or where they
            disagree, see `fuse_stack`.
    """

    log_radiance: Float[np.ndarray, "height width 3"]
    sharpest_focus: Float[np.ndarray, "height width"]
    squared_slope: Float[np.ndarray, "height width"]
    blur_per_setting_px: float
    focus_evidence: Float[np.ndarray, "height width"] | None = None
    confidence: Float[np.ndarray, "height width"] | None = None


class KnownFocus(NamedTuple):
    """Where each focus setting is sharp, found before: of photographs of the same view under another light.

    Attributes:
        sharpest_focus: As of `WarmStart`.
        blur_per_setting_px: As of `WarmStart`.
    """

    sharpest_focus: Float[np.ndarray, "height width"]
    blur_per_setting_px: float


def classical_estimate(
    frames: Sequence[Photograph],
    focus_index: Sequence[int] | Int[np.ndarray, " frames"],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None = None,
    response: ResponseTable | None = None,
    report: Callable[[float], None] = lambda share_done: None,
    coverage: Sequence[Coverage | None] | None = None,
    known_focus: KnownFocus | None = None,
) -> WarmStart:
    """Estimates response and exposures, merges the frames of each focus setting, and fuses the focus settings.

    An unknown response cannot be told without two different exposures: that of the sRGB standard is taken then.

    Args:
        frames: Aligned photographs [height, width, 3], RGB, 8 or 16 bit or floating point in [0, 1].
        focus_index: Focus setting of each frame.
        exposure_stops: Exposure of each frame, or None to estimate it.
        exposure_index: Exposure setting of each frame where known; ties exposures that are estimated.
        response: Of the camera, if known.
        report: Called with the share that is done, (0, 1], from time to time.
        coverage: Which pixels of each frame show something; None where all do. No light is taken from the others.
        known_focus: Where each focus setting is sharp, if that is known.
    """
    focus_number = np.asarray(focus_index)
    coverage = coverage or [None] * len(frames)
    response, stops = estimate_camera(frames, focus_number, exposure_stops, exposure_index, response, coverage=coverage)
    noise = estimate_pixel_noise(frames)
    tables = [decoding_table(frame.dtype, stop, response, noise) for frame, stop in zip(frames, stops, strict=True)]
    settings = [np.flatnonzero(focus_number == number) for number in np.unique(focus_number)]
    (log_radiance, sharpest_focus, precision, evidence, confidence), blur = _fuse(
        _StackMerger(frames, settings, tables, coverage), report, known_focus
    )
    median = float(np.median(log_radiance))
    log_radiance -= median
    return WarmStart(
        log_radiance=log_radiance,
        response=response.shifted(-median),
        exposure_stops=stops.astype(np.float32),
        sharpest_focus=sharpest_focus,
        squared_slope=noise**2 * precision * len(settings) / len(frames),
        blur_per_setting_px=blur,
        focus_evidence=evidence,
        confidence=confidence,
    )


def estimate_camera(
    frames: Sequence[Photograph],
    focus_index: Int[np.ndarray, " frames"],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None,
    response: ResponseTable | None,
    near: int | None = None,
    coverage: Sequence[Coverage | None] = (),
) -> tuple[ResponseTable, Float[np.ndarray, " frames"]]:
    """Response and exposures of aligned photographs: as given, or estimated where they are None.

    Arguments as of `classical_estimate` and `response_of_frames`.
    """
    small_ldr, covered = reduce_frames(frames), reduce_coverage(frames, coverage)
    if exposure_stops is None:
        stops = estimate_exposure_stops(small_ldr, exposure_index, response, covered)
    else:
        stops = np.asarray(exposure_stops, np.float64)
    return response or response_of_frames(small_ldr, focus_index, stops, frames[0].dtype, near, covered), stops


def response_of_frames(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: Int[np.ndarray, " frames"],
    stops: Float[np.ndarray, " frames"],
    dtype: np.dtype,
    near: int | None = None,
    covered: Bool[np.ndarray, "frames height width"] | None = None,
) -> ResponseTable:
    """The response that aligned photographs tell; that of the sRGB standard if their exposures do not differ.

    Args:
        small_ldr: Small copies of the photographs, pixel values in [0, 1].
        focus_index: Focus setting of each.
        stops: Exposure of each.
        dtype: Number type of the photographs themselves.
        near: The photograph around which some are taken where there are many; None for the middle one.
        covered: Which pixels of the small copies show something; None where all do.
    """
    if np.ptp(stops) < LEAST_STOPS_FOR_RESPONSE:
        return srgb_response(half_step(dtype))
    samples = sample_frames(small_ldr, focus_index, stops, near, covered)
    told_stops = stops[samples.frames]
    return solve_response(samples.ldr, samples.comparable, told_stops, half_step=half_step(dtype))[0]


@dataclass(frozen=True)
class _StackMerger:
    """Photographs, the frames of each focus setting in ascending order, how each is decoded, and what it covers."""

    frames: Sequence[Photograph]
    settings: Sequence[Int[np.ndarray, " _members"]]
    tables: Sequence[DecodingTable]
    coverage: Sequence[Coverage | None]

    def stack(self, part: tuple[slice, slice], is_held: bool, factor: float = 1.0, blur_px: float = 0.0) -> FocusStack:
        """The focus stack within some rows and columns, of photographs that are made so many times smaller."""

        def reduced(plane: np.ndarray) -> np.ndarray:
            if factor == 1:
                return plane
            size = [max(1, round(side / factor)) for side in plane.shape[1::-1]]
            return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)

        def pixels(frame: Photograph) -> np.ndarray:
            plane = np.asarray(frame[part])
            return plane if factor == 1 else reduced(to_codes(plane))

        def merge(setting: int) -> MergedExposures:
            members = self.settings[setting]
            height, width, _ = self.frames[0].shape
            rims = [rim_weight(self.coverage[i], part, height, width) for i in members]
            weights = [None if rim is None else reduced(rim) for rim in rims]
            tables = [self.tables[i] for i in members]
            return merge_bracket([pixels(self.frames[i]) for i in members], tables, weights)

        stops = [[float(self.tables[i].exposure_stops) for i in members] for members in self.settings]
        least, most = min(map(min, stops)) + LEAST_STOPS_FOR_RESPONSE, max(map(max, stops)) - LEAST_STOPS_FOR_RESPONSE
        bounds = [(min(of_setting) <= least, max(of_setting) >= most) for of_setting in stops]
        return FocusStack(len(self.settings), merge, is_held, blur_px, bounds)


def _fuse(
    merger: _StackMerger, report: Callable[[float], None], known_focus: KnownFocus | None
) -> tuple[FusedStack, float]:
    """The picture of all focus settings, and the blur one setting out of focus in pixels; tile by tile."""
    height, width, _ = merger.frames[0].shape
    planes = np.zeros((4, height, width), np.float32)
    whole = FusedStack(np.empty((height, width, 3), np.float32), *planes)
    num_settings = len(merger.settings)
    most_pixels, is_held = tile_plan(num_settings)
    blur, depth, margin_px, small = 0.0, 0, 0, None
    if num_settings > 1:
        factor = max(2.0, max(height, width) / BLUR_SEARCH_SIDE, math.sqrt(height * width / most_pixels))
        small = merger.stack(WHOLE, is_held, factor)
        blur = _stack_blur_px(merger, small, factor) if known_focus is None else known_focus.blur_per_setting_px
        depth = pyramid_depth(height, width, num_settings * blur)
        margin_px = min(LARGEST_MARGIN_PX, max(MARGIN_OF_COARSEST * 2**depth, math.ceil(4 * area_sigma_px(blur))))
    tiles = list(overlapping_tiles(height, width, most_pixels, margin_px, 2**depth))
    coarse_focus = None
    if small is not None and known_focus is None:  # where a tile does not tell, all of the picture does
        coarse_focus = cv2.resize(completed_focus(focus_of(small, blur / factor)), (width, height))
    small = None
    for tile in tiles:
        part = tile.with_margin
        of_part = None if coarse_focus is None else coarse_focus[part]
        known = None if known_focus is None else known_focus.sharpest_focus[part]
        fused = fuse_stack(merger.stack(part, is_held, blur_px=blur), blur, of_part, known)
        for of_whole, of_tile in zip(whole, fused, strict=True):
            of_whole[tile.part] = of_tile[tile.inner]
        report(tile.share_done(height, width))
    return whole, blur


def tile_plan(num_settings: int) -> tuple[int, bool]:
    """How large the tiles of a stack are, in pixels, and whether its settings are held once they are merged.

    Held settings cost memory, and so smaller tiles, of which more is margin; else exposures are merged anew for each of
    the six times that settings are gone through.
    """
    budget = TILE_BYTES // (FIXED_PIXEL_BYTES + HELD_PIXEL_BYTES * num_settings)
    if budget >= LEAST_HELD_TILE_PIXELS:
        return min(budget, MOST_TILE_PIXELS), True
    return max(TILE_BYTES // (FIXED_PIXEL_BYTES + LUMINANCE_PIXEL_BYTES * num_settings), LEAST_TILE_PIXELS), False


def _stack_blur_px(merger: _StackMerger, whole: FocusStack, factor: float) -> float:
    """Blur of a pixel one focus setting out of focus, in pixels of the photographs.

    It is looked for on the whole picture made small; if it is too small to be told there, again on the part with the
    most detail, made less small.

    Args:
        merger: The photographs.
        whole: All of the picture.
        factor: How many times smaller that is made.
    """
    is_held, whole_factor = tile_plan(len(merger.settings))[1], factor
    blur_px = stack_blur(whole)
    while blur_px < LEAST_BLUR_PX and factor > 1:
        factor = max(1.0, factor / 2)
        sides = _part_with_detail(whole, factor / whole_factor)
        rows, columns = (slice(round(side.start * whole_factor), round(side.stop * whole_factor)) for side in sides)
        blur_px = stack_blur(merger.stack((rows, columns), is_held, factor))
    return blur_px * factor


def _part_with_detail(stack: FocusStack, share: float) -> tuple[slice, slice]:
    """Rows and columns of the part with the most detail; its sides are this share of the picture's."""
    detail = np.zeros(stack.shape, np.float32)
    for picture in stack:
        np.maximum(detail, np.abs(cv2.Laplacian(picture.log_radiance, cv2.CV_32F)).mean(-1), out=detail)
    height, width = (max(1, round(side * share)) for side in detail.shape)
    sums = cv2.integral(detail)
    in_part = sums[height:, width:] - sums[height:, :-width] - sums[:-height, width:] + sums[:-height, :-width]
    top, left = map(int, np.unravel_index(in_part.argmax(), in_part.shape))
    return slice(top, top + height), slice(left, left + width)
