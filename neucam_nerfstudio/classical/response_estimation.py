"""Camera response from photographs at several exposures (Debevec & Malik 1997), robust to defocus and motion.

Weighted least squares over samples that several frames show, each of one radiance, which is eliminated.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.classical.pixel_values import HALF_STEP_OF_8_BIT, LEAST_NOISE, WHITE_LDR
from neucam_nerfstudio.classical.response_table import LDR_KNOTS, ResponseTable, tabulate_response
from neucam_nerfstudio.photometry import LN2, SRGB_OFFSET

REWEIGHTINGS = 8
"""How often samples are weighed anew by how well they agree."""

ROBUST_DEVIATIONS = 5.0
"""Samples farther off than this many typical deviations are let go."""

USABLE_LDR = (1.5 / 255, WHITE_LDR)
"""Pixel values outside are taken for black or saturated: they tell nothing of response and exposure."""

MID_TONES = (0.3, 0.7)
"""Pixel values between which the contrast of a response is called normal or not."""

TOE_LDR = 1 / 255
"""Below, where no pixel value is usable, a response is taken to be in proportion to light, as a sensor is."""

GREATEST_CONTRAST = 2.0
"""Pixel values count as if no response were steeper than light to this power: what looks so is not known better."""

SMOOTHNESS = 1e-3
"""Weight of the bends of a response beside the mean squared error of log radiance."""

TYPICAL_GAMMA = 2.2
CONTRAST_WEIGHT = 10.0
"""How firmly responses of unknown exposures are held to the mid-tone contrast of this gamma."""

FIRST_SHARES_WEIGHT = 1e-4
"""How firmly responses of unknown exposures are held to typical curves with a share from the first: with all of them
free, stops shrink to hide what defocus and motion change."""

LIKENESS = 0.1
"""How firmly the channels' responses are held to one another at white. Cameras let bright colours fade to white, so the
curve of the channel which is first at its end seems to bend more, and highlights would be of its colour."""

BRIGHTNESS_POWER = 8
"""Of the pixel value, with which that grows."""

TIE_BREAK = 1e-6
"""Weight that decides what neither pixels nor smoothness do: small corrections, small stops."""

NUM_CORRECTIONS = len(LDR_KNOTS)
FIRST_SHARES = (0.0, 1.0, 0.0, 1.0)
"""Of the typical curves in an inverse response, before any pixel is looked at."""

NUM_TERMS = NUM_CORRECTIONS + len(FIRST_SHARES)
"""An inverse response is a sum of terms: a correction at each knot, and a share of each typical curve."""

FINE_LDR_KNOTS = 0.5 - 0.5 * np.cos(np.pi * np.arange(257) / 256)
TOE_KNOTS_PER_STOP = 4
"""Pixel values at which a response is tabulated: above and below the end of its toe."""

Samples = Float[np.ndarray, "samples frames 3"]
"""Three numbers for each sample and frame that shows it."""


def solve_response(
    ldr: Samples,
    comparable: Bool[np.ndarray, "samples frames"],
    exposure_stops: Float[np.ndarray, " frames"] | None,
    exposure_index: Int[np.ndarray, " frames"] | None = None,
    half_step: float = HALF_STEP_OF_8_BIT,
) -> tuple[ResponseTable, Float[np.ndarray, " frames"]]:
    """Least-squares response, and exposures where they are not known.

    Minimises, over the inverse response g, the exposures and one log radiance a sample,
    `sum w (g(ldr) - ln 2 * exposure_stops - log_radiance)^2 + smoothness of g` (Debevec & Malik 1997, eq. 3). Here w is
    the precision of a pixel of constant noise, 1 / g'(ldr)^2, times a weight that lets go of samples whose light
    differed between the frames. Where exposures are unknown, any power of radiance explains the frames as well; the
    one is taken that gives the mid-tones the contrast of the sRGB curve, which is near a power of 1 / 2.2. Middle grey
    of every channel is at log exposure 0.

    Args:
        ldr: Pixel values in [0, 1].
        comparable: Which frames show a sample in the same light, focus included.
        exposure_stops: Known exposures, or None to estimate them too.
        exposure_index: Exposure setting of each frame, where exposures are estimated; None gives each its own.
        half_step: Pixel value that stands for black, see `pixel_values.half_step`.

    Returns:
        The response, and the exposure of each frame in stops: as given, or estimated up to a common offset.
    """
    ldr = np.clip(ldr, 0, 1).astype(np.float64)
    terms, told = _terms(ldr), comparable[..., None] & usable(ldr)
    settings = np.arange(ldr.shape[1]) if exposure_index is None else np.unique(exposure_index, return_inverse=True)[1]
    curves = np.repeat(np.r_[np.zeros(NUM_CORRECTIONS), FIRST_SHARES][:, None], 3, axis=1)
    trust, stops = np.ones_like(ldr), np.zeros(ldr.shape[1])
    least_slope = 1 / (GREATEST_CONTRAST * np.maximum(LDR_KNOTS, TOE_LDR)[:, None])
    for _ in range(REWEIGHTINGS):
        slope = np.maximum(np.gradient(_terms(LDR_KNOTS) @ curves, LDR_KNOTS, axis=0), least_slope)
        precision = told * np.einsum("mnck,kc->mnc", terms[..., :NUM_CORRECTIONS], 1 / slope**2)
        curves, stops = _solve(terms, precision * trust, settings, exposure_stops)
        trust = trust_of(np.einsum("mnck,kc->mnc", terms, curves) - LN2 * stops[:, None], precision, trust)
    return _tabulated(curves, half_step), stops


def _terms(ldr: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape terms"]:
    """What an inverse response is made of at pixel values [...]: [..., terms]."""
    typical = [  # a sensor's, one with a soft toe, the sRGB standard's, a shoulder
        np.log(np.maximum(ldr, TOE_LDR)),
        np.log(ldr + HALF_STEP_OF_8_BIT),
        np.log(ldr + SRGB_OFFSET),
        -np.log(1 - ldr + HALF_STEP_OF_8_BIT),
    ]
    return np.concatenate([_knot_shares(ldr), np.stack(typical, -1)], axis=-1)


def _knot_shares(ldr: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape knots"]:
    """Weights by which the two knots around each pixel value are interpolated: [..., knots]."""
    right = np.clip(np.searchsorted(LDR_KNOTS, ldr, side="right"), 1, len(LDR_KNOTS) - 1)
    share = (ldr - LDR_KNOTS[right - 1]) / (LDR_KNOTS[right] - LDR_KNOTS[right - 1])
    shares = np.zeros((*ldr.shape, len(LDR_KNOTS)))
    np.put_along_axis(shares, right[..., None] - 1, 1 - share[..., None], axis=-1)
    np.put_along_axis(shares, right[..., None], share[..., None], axis=-1)
    return shares


def _solve(
    terms: Float[np.ndarray, "samples frames 3 terms"],
    weights: Samples,
    settings: Int[np.ndarray, " frames"],
    known_stops: Float[np.ndarray, " frames"] | None,
) -> tuple[Float[np.ndarray, "terms 3"], Float[np.ndarray, " frames"]]:
    """Shares of the terms, and the frames' stops where they are not known, for fixed weights."""
    target = np.broadcast_to(0.0 if known_stops is None else LN2 * known_stops, weights.shape[:2])
    num_stops = settings.max() + 1 if known_stops is None else 0
    stops_rows = np.broadcast_to(-LN2 * np.eye(len(settings), num_stops)[settings], (*weights.shape[:2], num_stops))
    unknowns = 3 * NUM_TERMS + num_stops
    normal, right_side = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    normal[: 3 * NUM_TERMS, : 3 * NUM_TERMS] = _preferences()
    contrast = np.diff(_terms(np.array(MID_TONES)), axis=0)[0]
    others = NUM_CORRECTIONS + np.flatnonzero(np.equal(FIRST_SHARES, 0))
    for c in range(3):
        curve = np.arange(c * NUM_TERMS, (c + 1) * NUM_TERMS)
        columns = np.r_[curve, 3 * NUM_TERMS : unknowns]
        rows = np.concatenate([terms[:, :, c], stops_rows], axis=-1)
        of_unknowns, of_target = normal_equations(rows, target, weights[..., c])
        normal[np.ix_(columns, columns)] += of_unknowns
        right_side[columns] += of_target
        if known_stops is None:
            normal[np.ix_(curve, curve)] += CONTRAST_WEIGHT * np.outer(contrast, contrast)
            normal[curve[others], curve[others]] += FIRST_SHARES_WEIGHT
            right_side[curve] += CONTRAST_WEIGHT * contrast * TYPICAL_GAMMA * np.log(MID_TONES[1] / MID_TONES[0])
    normal[3 * NUM_TERMS :, 3 * NUM_TERMS :] += TIE_BREAK * np.eye(num_stops)
    solution = np.linalg.solve(normal, right_side)
    stops = solution[3 * NUM_TERMS :][settings] if known_stops is None else known_stops
    return solution[: 3 * NUM_TERMS].reshape(3, NUM_TERMS).T, stops


def _preferences() -> Float[np.ndarray, "all_terms all_terms"]:
    """What is asked of inverse responses beside the pixels: a smooth correction, middle grey at 0, and channels that
    resemble one another where they are bright; [3 terms, 3 terms]."""
    bend = np.diff(np.eye(NUM_CORRECTIONS), n=2, axis=0) * NUM_CORRECTIONS**1.5
    of_channel = TIE_BREAK * np.eye(NUM_TERMS)
    of_channel[:NUM_CORRECTIONS, :NUM_CORRECTIONS] += SMOOTHNESS * bend.T @ bend
    grey = _terms(np.array(0.5))
    of_channel += np.outer(grey, grey)
    terms = _terms(LDR_KNOTS)
    of_departure = LIKENESS * terms.T @ (terms * LDR_KNOTS[:, None] ** BRIGHTNESS_POWER) / len(LDR_KNOTS)
    from_mean_of_channels = np.eye(3) - 1 / 3
    return np.kron(np.eye(3), of_channel) + np.kron(from_mean_of_channels, of_departure)


def _tabulated(curves: Float[np.ndarray, "terms 3"], half_step: float) -> ResponseTable:
    """The table of an inverse response with shares [terms, 3] of the terms, and its toe."""
    num_toe_knots = 1 + round(TOE_KNOTS_PER_STOP * np.log2(TOE_LDR / half_step))
    toe = np.geomspace(half_step, TOE_LDR, num_toe_knots)
    ldr = np.r_[toe, FINE_LDR_KNOTS[FINE_LDR_KNOTS > TOE_LDR]]
    log_exposure = _terms(ldr) @ curves
    log_exposure[:num_toe_knots] = log_exposure[num_toe_knots - 1] + np.log(toe / TOE_LDR)[:, None]
    ldr[0] = 0  # black stands for half a step
    return tabulate_response(log_exposure, ldr)


def usable(ldr: Float[np.ndarray, "*shape"]) -> Bool[np.ndarray, "*shape"]:
    """Which pixel values are neither black nor saturated."""
    return (ldr > USABLE_LDR[0]) & (ldr < USABLE_LDR[1])


def normal_equations(
    rows: Float[np.ndarray, "samples frames unknowns"],
    target: Float[np.ndarray, "samples frames"],
    weights: Float[np.ndarray, "samples frames"],
) -> tuple[Float[np.ndarray, "unknowns unknowns"], Float[np.ndarray, " unknowns"]]:
    """Normal matrix and right side of `rows @ unknowns = target + one free number a sample`, per unit of weight.

    The samples' numbers are eliminated by counting rows and targets from the mean of their sample.
    """
    weighted = rows * weights[..., None]
    sample_sums = weighted.sum(axis=1)
    sample_weights = np.maximum(weights.sum(axis=1), 1e-12)[:, None]
    mean_target = (weights * target).sum(axis=1, keepdims=True) / sample_weights
    unknowns = rows.shape[-1]
    flat = weighted.reshape(-1, unknowns)
    normal = flat.T @ rows.reshape(-1, unknowns) - (sample_sums / sample_weights).T @ sample_sums
    total = max(weights.sum(), 1e-12)
    return normal / total, flat.T @ (target - mean_target).ravel() / total


def weighted_mean(log_radiance: Samples, weights: Samples) -> Float[np.ndarray, "samples 1 3"]:
    """What all frames together show of each sample."""
    return (weights * log_radiance).sum(1, keepdims=True) / np.maximum(weights.sum(1, keepdims=True), 1e-12)


def trust_of(log_radiance: Samples, precision: Samples, trust: Samples) -> Samples:
    """Geman-McClure weights: a sample that disagrees with the others by several deviations counts little.

    Args:
        log_radiance: What each frame shows of a sample, natural log.
        precision: 1 / variance of that by noise alone, 0 where a frame tells nothing.
        trust: As found before. It says whom the others are compared with; judged is each by its precision, or what was
            let go would look good the next time.
    """
    error = np.sqrt(precision) * (log_radiance - weighted_mean(log_radiance, precision * trust))
    used = np.abs(error[precision > 0])
    deviation = max(1.4826 * np.median(used), LEAST_NOISE) if used.size else 1.0
    return 1 / (1 + (error / (ROBUST_DEVIATIONS * deviation)) ** 2) ** 2
