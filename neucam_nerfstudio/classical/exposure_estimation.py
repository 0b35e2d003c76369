"""Exposures of photographs that do not say theirs, from the photographs alone."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int, Shaped

from neucam_nerfstudio.classical.response_estimation import (
    REWEIGHTINGS,
    TIE_BREAK,
    normal_equations,
    solve_response,
    trust_of,
    usable,
    weighted_mean,
)
from neucam_nerfstudio.classical.response_samples import FrameSamples, reduce_frames, sample_unknown_exposures
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.photometry import LN2

SAME_EXPOSURE_STOPS = 0.1
"""Frames whose exposures come out within this of each other may share one exposure setting..."""

OTHER_EXPOSURE_STOPS = 0.4
"""... if no other frame's is within this."""

LEAST_SHARE_OF_MEASURED = 0.6
"""Estimated exposures that span less than this share of what the values' ranks tell have shrunk."""

USUAL_STEPS = (1 / 3, 1 / 2, 2 / 3, 1, 3 / 2, 2, 3)
"""Stops from frame to frame that cameras offer for brackets."""

LEAST_USUAL_STEPS = 3
"""Fewer steps may be alike by chance."""

SCALE_OFF, STEP_OFF = 0.12, 0.25
"""How far steps of a usual size come out from it on average, and from each other, as natural logarithms."""

CLIPPED_WEIGHT = 1e-6
"""Of a black or saturated pixel value, which bounds an exposure: it only counts where a photograph has no other."""


def estimate_exposure_stops(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    exposure_index: Sequence[int] | None,
    response: ResponseTable | None = None,
    covered: Bool[np.ndarray, "frames height width"] | None = None,
) -> Float[np.ndarray, " frames"]:
    """Exposure of each frame in stops, the middle one 0.

    Without a known response, exposures and response are known up to a common factor on all stops; it is chosen such
    that the response has the mid-tone contrast of the sRGB curve (see `solve_response`), or nearly so if that makes
    steps of a usual size (`in_usual_steps`). Where frames do not lie on one another, stops shrink to hide it: then
    those count that the values' ranks tell. Of many frames, some that show all brightnesses tell the light, and the
    others are compared with that one by one.

    Args:
        small_ldr: Aligned photographs, pixel values in [0, 1].
        exposure_index: Exposure setting of each where known. Settings that come out clearly equal are one.
        response: Of the camera, if known.
        covered: Which pixels of each show something; None where all do.
    """
    settings = np.arange(len(small_ldr)) if exposure_index is None else np.asarray(exposure_index)
    samples, values, measured = sample_unknown_exposures(small_ldr, covered)
    stops = np.empty(len(small_ldr))
    is_known = response is not None
    if response is None:
        response, told = solve_response(samples.ldr, samples.comparable, None, settings[samples.frames])
        if np.ptp(told) < LEAST_SHARE_OF_MEASURED * np.ptp(measured):
            told = _tied(measured, settings[samples.frames])  # nan is not less than anything
            response, _ = solve_response(samples.ldr, samples.comparable, told)
    else:
        told = _stops_by_response(samples, settings[samples.frames], response)
    stops[samples.frames] = told
    log_exposure, certainty = _light_and_certainty(samples.ldr, response)
    log_radiance = weighted_mean(log_exposure - LN2 * told[:, None], certainty)[:, 0]
    for index in np.setdiff1d(np.arange(len(stops)), samples.frames):
        stops[index] = _stops_beside(values[index, samples.places], log_radiance, response)
    stops = _tied(stops, settings)
    stops = _tied(stops, equal_exposures(stops))
    stops = stops if is_known else in_usual_steps(stops)
    return stops - np.sort(stops)[len(stops) // 2]


def exposure_of_photograph(
    pixels: Shaped[np.ndarray, "height width 3"],
    log_radiance: Float[np.ndarray, "height width 3"],
    response: ResponseTable,
) -> float:
    """Exposure in stops at which a photograph was taken of known light: nothing else is learned from it.

    Args:
        pixels: The photograph, 8 or 16 bit or floating point in [0, 1]; focused and aligned only roughly as the light.
        log_radiance: Natural log radiance of what it shows.
        response: Of the camera.
    """
    small_ldr = reduce_frames([pixels])[0]
    small_light = cv2.resize(log_radiance, small_ldr.shape[1::-1], interpolation=cv2.INTER_AREA)
    return _stops_beside(small_ldr, small_light, response)


def _stops_by_response(
    samples: FrameSamples, exposure_index: Int[np.ndarray, " chosen"], response: ResponseTable
) -> Float[np.ndarray, " chosen"]:
    """Least-squares exposure of each frame, with the samples' radiances eliminated, the response being known."""
    settings = np.unique(exposure_index, return_inverse=True)[1]
    log_exposure, precision = _light_and_certainty(samples.ldr, response)
    num_settings = settings.max() + 1
    rows = np.broadcast_to(-LN2 * np.eye(num_settings)[settings], (*samples.ldr.shape[:2], num_settings))
    trust, stops = np.ones_like(log_exposure), np.zeros(len(settings))
    for _ in range(REWEIGHTINGS):
        weights = precision * trust
        equations = [normal_equations(rows, -log_exposure[..., c], weights[..., c]) for c in range(3)]
        normal, right_side = (np.sum(parts, axis=0) for parts in zip(*equations, strict=True))
        stops = np.linalg.solve(normal + TIE_BREAK * np.eye(num_settings), right_side)[settings]
        trust = trust_of(log_exposure - LN2 * stops[:, None], precision, trust)
    return stops


def _stops_beside(
    ldr: Float[np.ndarray, "*places 3"], log_radiance: Float[np.ndarray, "*places 3"], response: ResponseTable
) -> float:
    """Exposure in stops that makes pixel values of known light: the median, weighted by how surely they tell light."""
    log_exposure, certainty = _light_and_certainty(ldr, response)
    stops = ((log_exposure - log_radiance) / LN2).ravel()
    order = np.argsort(stops)
    summed = np.cumsum(certainty.ravel()[order])
    return float(stops[order][np.searchsorted(summed, summed[-1] / 2)])


def _light_and_certainty(
    ldr: Float[np.ndarray, "*shape 3"], response: ResponseTable
) -> tuple[Float[np.ndarray, "*shape 3"], Float[np.ndarray, "*shape 3"]]:
    """Log exposures of pixel values, and how surely these tell them: squared slope of the response, if not clipped."""
    log_exposure = response.decode(ldr)
    return log_exposure, usable(ldr) * response.slope(log_exposure) ** 2 + CLIPPED_WEIGHT


def in_usual_steps(exposure_stops: Float[np.ndarray, " frames"]) -> Float[np.ndarray, " frames"]:
    """Exposures by a factor such that their steps are of a size that cameras bracket by, if all steps are nearly that.

    Their factor is a convention anyway, where the response is not known.
    """
    levels = np.unique(exposure_stops)
    steps = np.diff(levels)
    if len(steps) < LEAST_USUAL_STEPS:
        return exposure_stops
    mean = steps.mean()
    usual = min(USUAL_STEPS, key=lambda step: abs(np.log(step / mean)))
    off = np.abs(np.log([usual / mean, *(steps / mean)]))
    return exposure_stops * usual / mean if off[0] < SCALE_OFF and off[1:].max() < STEP_OFF else exposure_stops


def equal_exposures(exposure_stops: Float[np.ndarray, " frames"]) -> Int[np.ndarray, " frames"]:
    """Exposure setting of each frame: shared by frames that lie close together and far from all others."""
    order = np.argsort(exposure_stops, kind="stable")
    ascending = exposure_stops[order]
    clusters = np.concatenate([[0], np.cumsum(np.diff(ascending) > SAME_EXPOSURE_STOPS)])
    settings = np.empty(len(order), int)
    settings[order] = clusters
    for cluster in range(clusters[-1] + 1):
        inside = settings == cluster
        members, others = exposure_stops[inside], exposure_stops[~inside]
        apart = np.abs(others[:, None] - members).min(initial=np.inf) > OTHER_EXPOSURE_STOPS
        if not apart or np.ptp(members) > SAME_EXPOSURE_STOPS:
            return np.arange(len(exposure_stops))
    return settings


def _tied(
    exposure_stops: Float[np.ndarray, " frames"], settings: Int[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """The mean of its setting for each frame."""
    return np.array([exposure_stops[settings == setting].mean() for setting in settings])
