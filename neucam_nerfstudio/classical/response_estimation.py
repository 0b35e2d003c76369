"""Camera response from photographs at several exposures (Debevec & Malik 1997), robust to defocus and motion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

LN2 = float(np.log(2.0))
"""One stop in natural-log units."""

LDR_KNOTS = 0.5 - 0.5 * np.cos(np.pi * np.arange(33) / 32)
"""Pixel values at which a response is estimated; dense where responses bend: in the toe and in the shoulder."""

TABLE_SIZE = 512
"""Number of knots of a tabulated response."""

MID_TONES = (0.3, 0.7)
"""Pixel values between which the contrast of a response is called normal or not."""

USABLE_LDR = (1.5 / 255, 253 / 255)
"""Pixel values outside are taken for black or saturated: they tell nothing of the response."""

HALF_STEP = 1 / 512
"""Half an 8-bit step: keeps the logarithms of black and of the distance to white finite."""

SMOOTHNESS = 1e-3
"""Weight of the bends of a response beside the mean squared error of log radiance."""

ROBUST_DEVIATIONS = 3.0
"""Samples farther off than this many typical deviations are let go."""

REWEIGHTINGS = 8

TYPICAL_GAMMA = 2.2
CONTRAST_WEIGHT = 10.0
"""How firmly responses of unknown exposures are held to the mid-tone contrast of this gamma."""

TIE_BREAK = 1e-6
"""Weight that decides what neither pixels nor smoothness do: small corrections, small stops."""


@dataclass(frozen=True)
class ResponseTable:
    """A camera response, tabulated: log exposure -> pixel value, rising in each channel.

    Attributes:
        log_exposure: Knots, evenly spaced, natural log.
        ldr: Pixel values in [0, 1] at the knots.
    """

    log_exposure: Float[np.ndarray, " knots"]
    ldr: Float[np.ndarray, "knots 3"]

    def inverse(self, ldr: Float[np.ndarray, " values"]) -> Float[np.ndarray, "values 3"]:
        """Log exposures at which the channels reach the given pixel values; the table's ends where they never do."""
        return np.stack([np.interp(ldr, self.ldr[:, c], self.log_exposure) for c in range(3)], axis=-1)

    def slope(self, log_exposure: Float[np.ndarray, "values 3"]) -> Float[np.ndarray, "values 3"]:
        """Change of pixel value per unit of log exposure."""
        slopes = np.gradient(self.ldr, self.log_exposure, axis=0)
        return np.stack([np.interp(log_exposure[:, c], self.log_exposure, slopes[:, c]) for c in range(3)], axis=-1)

    def shifted(self, log_exposure: float) -> ResponseTable:
        """The same response with `log_exposure` added to all log exposures."""
        return ResponseTable((self.log_exposure + log_exposure).astype(np.float32), self.ldr)


def tabulate_response(log_exposure_at_knots: Float[np.ndarray, "ldr_knots 3"]) -> ResponseTable:
    """Turns log exposures at `LDR_KNOTS` (made rising where they are not) into a table over log exposure."""
    steps = np.maximum(np.diff(log_exposure_at_knots, axis=0), 1e-3)
    rising = log_exposure_at_knots[:1] + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    log_exposure = np.linspace(rising.min(), rising.max(), TABLE_SIZE)
    ldr = np.stack([np.interp(log_exposure, rising[:, c], LDR_KNOTS) for c in range(3)], axis=-1)
    return ResponseTable(log_exposure.astype(np.float32), ldr.astype(np.float32))


def srgb_response() -> ResponseTable:
    """The response of the sRGB standard (IEC 61966-2-1), for captures that cannot tell their own."""
    linear = np.where(LDR_KNOTS <= 0.04045, LDR_KNOTS / 12.92, ((LDR_KNOTS + 0.055) / 1.055) ** 2.4)
    log_exposure = np.log(np.maximum(linear, HALF_STEP / 12.92))
    return tabulate_response(np.repeat(log_exposure[:, None], 3, axis=1))


def estimate_response(
    ldr: Float[np.ndarray, "samples frames 3"],
    comparable: Bool[np.ndarray, "samples frames"],
    exposure_stops: Float[np.ndarray, " frames"] | None,
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

    Returns:
        The response, and the exposure of each frame in stops: as given, or estimated up to a common offset.
    """
    shares = _knot_shares(np.clip(ldr, 0, 1).astype(np.float64))
    usable = comparable[..., None] & (ldr > USABLE_LDR[0]) & (ldr < USABLE_LDR[1])
    design = _design(shares)
    log_exposure = np.repeat((_CURVES @ [1.0, 1.0])[:, None], 3, axis=1)
    trust = np.ones_like(ldr)
    for _ in range(REWEIGHTINGS):
        precision = 1 / np.maximum(np.gradient(log_exposure, LDR_KNOTS, axis=0), 0.1) ** 2
        weights = usable * trust * np.einsum("mnck,kc->mnc", shares, precision)
        log_exposure, stops = _solve(design, weights, exposure_stops)
        found = np.einsum("mnck,kc->mnc", shares, log_exposure) - LN2 * stops[:, None]
        trust = _trust(found, weights)
    return tabulate_response(log_exposure), stops


_CURVES = np.stack([np.log(LDR_KNOTS + HALF_STEP), -np.log(1 - LDR_KNOTS + HALF_STEP)], axis=1)
"""Typical inverse responses: logarithms of the distance to black and to white. Knots correct their sum smoothly."""

_BASIS = np.concatenate([np.eye(len(LDR_KNOTS)), _CURVES], axis=1)
"""Inverse response at the knots = _BASIS @ (a correction at each knot, a share of each curve)."""


def _knot_shares(ldr):
    """Weights by which the two knots around each pixel value are interpolated: [..., knots]."""
    right = np.clip(np.searchsorted(LDR_KNOTS, ldr, side="right"), 1, len(LDR_KNOTS) - 1)
    share = (ldr - LDR_KNOTS[right - 1]) / (LDR_KNOTS[right] - LDR_KNOTS[right - 1])
    shares = np.zeros((*ldr.shape, len(LDR_KNOTS)))
    np.put_along_axis(shares, right[..., None] - 1, 1 - share[..., None], axis=-1)
    np.put_along_axis(shares, right[..., None], share[..., None], axis=-1)
    return shares


def _design(shares):
    """One row of the least-squares problem for each pixel value: what g is made of there, and the frame's stops."""
    samples, frames, channels, _ = shares.shape
    stops = np.broadcast_to(-LN2 * np.eye(frames)[:, None], (samples, frames, channels, frames))
    return np.concatenate([shares @ _BASIS, stops], axis=-1)


def _solve(design, weights, known_stops):
    """Inverse response at the knots, and stops, for fixed weights: normal equations with the radiances eliminated."""
    frames, size = design.shape[1], _BASIS.shape[1]
    unknowns = 3 * size + frames
    normal, right_side = np.zeros((unknowns, unknowns)), np.zeros(unknowns)
    preferences = _preferences()
    for c in range(3):
        columns = np.r_[c * size : (c + 1) * size, 3 * size : unknowns]
        normal[np.ix_(columns, columns)] += _normal_equations(design[:, :, c], weights[..., c])
        normal[np.ix_(columns[:size], columns[:size])] += preferences
    if known_stops is None:
        contrast = np.diff(_basis_at(MID_TONES), axis=0)[0]
        for c in range(3):
            curve = slice(c * size, (c + 1) * size)
            normal[curve, curve] += CONTRAST_WEIGHT * np.outer(contrast, contrast)
            right_side[curve] += CONTRAST_WEIGHT * contrast * TYPICAL_GAMMA * np.log(MID_TONES[1] / MID_TONES[0])
        normal[3 * size :, 3 * size :] += TIE_BREAK * np.eye(frames)
        solution = np.linalg.solve(normal, right_side)
        curves, stops = solution[: 3 * size], solution[3 * size :]
    else:
        stops = np.asarray(known_stops, np.float64)
        curves = np.linalg.solve(normal[: 3 * size, : 3 * size], -normal[: 3 * size, 3 * size :] @ stops)
    return _BASIS @ curves.reshape(3, size).T, stops


def _normal_equations(rows, weights):
    """Of one channel: its samples' radiances are eliminated by counting each row from the mean of its sample."""
    weighted = rows * weights[..., None]
    sample_sums = weighted.sum(axis=1)
    sample_weights = np.maximum(weights.sum(axis=1), 1e-12)[:, None]
    unknowns = rows.shape[-1]
    product = weighted.reshape(-1, unknowns).T @ rows.reshape(-1, unknowns)
    return (product - (sample_sums / sample_weights).T @ sample_sums) / max(weights.sum(), 1e-12)


def _preferences():
    """What is asked of an inverse response beside the pixels: a smooth correction, and middle grey at 0."""
    knots = len(LDR_KNOTS)
    bend = np.diff(np.eye(knots), n=2, axis=0) * knots**1.5
    preferences = TIE_BREAK * np.eye(knots + _CURVES.shape[1])
    preferences[:knots, :knots] += SMOOTHNESS * bend.T @ bend
    grey = _basis_at([0.5])[0]
    return preferences + np.outer(grey, grey)


def _basis_at(ldr):
    return np.stack([np.interp(ldr, LDR_KNOTS, column) for column in _BASIS.T], axis=-1)


def _trust(log_radiance, weights):
    """Geman-McClure weights: a sample that disagrees with the others by several deviations counts little."""
    mean = (weights * log_radiance).sum(1, keepdims=True) / np.maximum(weights.sum(1, keepdims=True), 1e-12)
    error = np.sqrt(weights) * (log_radiance - mean)
    used = np.abs(error[weights > 0])
    deviation = 1.4826 * np.median(used) + 1e-6 if used.size else 1.0
    return 1 / (1 + (error / (ROBUST_DEVIATIONS * deviation)) ** 2) ** 2
