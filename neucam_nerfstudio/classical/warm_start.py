"""The estimate from which the model starts: response, exposures, all-in-focus radiance and focus, without training."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.classical.all_in_focus import KnownFocus
from neucam_nerfstudio.classical.exposure_estimation import estimate_exposure_stops
from neucam_nerfstudio.classical.exposure_merge import decoding_table
from neucam_nerfstudio.classical.pixel_values import Photograph, RgbImage, half_step
from neucam_nerfstudio.classical.response_estimation import solve_response
from neucam_nerfstudio.classical.response_samples import reduce_coverage, reduce_frames, sample_frames
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable, srgb_response
from neucam_nerfstudio.classical.setting_stacks import Coverage, SettingStacks, survey_frames
from neucam_nerfstudio.classical.tiled_fusion import DEFAULT_BUDGET_BYTES, fuse_in_tiles

LEAST_STOPS_FOR_RESPONSE = 0.3
"""Exposures that differ by less tell nothing of the response."""

SURVEY_SHARE = 0.1
"""Of the time, what the first look at all frames takes, about."""

MEDIAN_PIXELS = 1_000_000
"""The median of a larger picture is that of about so many of its pixels, evenly spread."""


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


def classical_estimate(
    frames: Sequence[Photograph],
    focus_index: Sequence[int] | Int[np.ndarray, " frames"],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None = None,
    response: ResponseTable | None = None,
    report: Callable[[float], None] = lambda share_done: None,
    coverage: Sequence[Coverage | None] | None = None,
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
    preview: Callable[[RgbImage, ResponseTable], None] | None = None,
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
        report: Called with the share that is done, (0, 1], from time to time, in this thread.
        coverage: Which pixels of each frame show something; None where all do. No light is taken from the others.
        budget_bytes: Memory for the work itself, besides frames and result: it decides how many tiles are fused at a
            time, in as many threads as there are CPUs at most. The result does not depend on it.
        preview: Called once, early, with the picture made small, natural log radiance [small_height, small_width, 3],
            median 0, and with the response in that scale.
        known_focus: Where each focus setting is sharp, if that is known.
    """
    focus_number = np.asarray(focus_index)
    coverage = coverage or [None] * len(frames)
    settings = [np.flatnonzero(focus_number == number).tolist() for number in np.unique(focus_number)]
    survey = survey_frames(frames, coverage, len(settings), lambda share: report(SURVEY_SHARE * share))
    response, stops = _camera_of_copies(
        survey.tiny_ldr, survey.tiny_covered, frames[0].dtype, focus_number, exposure_stops, exposure_index, response
    )
    tables = [decoding_table(f.dtype, stop, response, survey.noise) for f, stop in zip(frames, stops, strict=True)]

    def show_small(log_radiance: RgbImage) -> None:
        median = median_of(log_radiance)
        if preview is not None:
            preview(log_radiance - np.float32(median), response.shifted(-median))

    fused, blur = fuse_in_tiles(
        SettingStacks(frames, coverage, settings, tables, survey),
        lambda share: report(SURVEY_SHARE + (1 - SURVEY_SHARE) * share),
        budget_bytes,
        None if preview is None else show_small,
        known_focus,
    )
    log_radiance, sharpest_focus, squared_slope, evidence, confidence = fused
    median = median_of(log_radiance)
    log_radiance -= np.float32(median)
    squared_slope *= np.float32(survey.noise**2 * len(settings) / len(frames))
    return WarmStart(
        log_radiance=log_radiance,
        response=response.shifted(-median),
        exposure_stops=stops.astype(np.float32),
        sharpest_focus=sharpest_focus,
        squared_slope=squared_slope,
        blur_per_setting_px=blur,
        focus_evidence=evidence,
        confidence=confidence,
    )


def median_of(log_radiance: RgbImage) -> float:
    """The median of all values; of a large picture, of every so many rows and columns."""
    height, width, _ = log_radiance.shape
    step = max(1, math.isqrt(height * width // MEDIAN_PIXELS))
    return float(np.median(log_radiance[::step, ::step]))


def estimate_camera(
    frames: Sequence[Photograph],
    focus_index: Int[np.ndarray, " frames"],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None,
    response: ResponseTable | None,
    near: int | None = None,
    coverage: Sequence[Bool[np.ndarray, "height width"] | None] = (),
) -> tuple[ResponseTable, Float[np.ndarray, " frames"]]:
    """Response and exposures of aligned photographs: as given, or estimated where they are None.

    Arguments as of `classical_estimate` and `response_of_frames`.
    """
    return _camera_of_copies(
        reduce_frames(frames),
        reduce_coverage(frames, coverage),
        frames[0].dtype,
        focus_index,
        exposure_stops,
        exposure_index,
        response,
        near,
    )


def _camera_of_copies(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    covered: Bool[np.ndarray, "frames height width"] | None,
    dtype: np.dtype,
    focus_index: Int[np.ndarray, " frames"],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None,
    response: ResponseTable | None,
    near: int | None = None,
) -> tuple[ResponseTable, Float[np.ndarray, " frames"]]:
    if exposure_stops is None:
        stops = estimate_exposure_stops(small_ldr, exposure_index, response, covered)
    else:
        stops = np.asarray(exposure_stops, np.float64)
    return response or response_of_frames(small_ldr, focus_index, stops, dtype, near, covered), stops


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
