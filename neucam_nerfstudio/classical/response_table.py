"""Camera responses as tables: light -> pixel value and back, as estimated and as standards have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.pixel_values import HALF_STEP_OF_8_BIT
from neucam_nerfstudio.photometry import SRGB_TOE_SLOPE, encode_srgb

LDR_KNOTS = 0.5 - 0.5 * np.cos(np.pi * np.arange(33) / 32)
"""Pixel values at which a response is estimated; dense where responses bend: in the toe and in the shoulder."""

TABLE_SIZE = 512
"""Number of knots of a tabulated response."""

LEAST_STEP = 1e-4
"""Least rise of log exposure from knot to knot of pixel values."""


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
        return self.decode(np.repeat(ldr[:, None], 3, axis=1))

    def decode(self, ldr: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
        """Log exposures of pixel values, channel by channel; the table's ends where there are none."""
        return np.stack([np.interp(ldr[..., c], self.ldr[:, c], self.log_exposure) for c in range(3)], axis=-1)

    def develop(self, log_exposure: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
        """Pixel values in [0, 1] of log exposures, ln radiance + ln 2 * stops, channel by channel."""
        channels = [np.interp(log_exposure[..., c], self.log_exposure, self.ldr[:, c]) for c in range(3)]
        return np.stack(channels, axis=-1).astype(np.float32)

    def slope(self, log_exposure: Float[np.ndarray, "*shape 3"]) -> Float[np.ndarray, "*shape 3"]:
        """Change of pixel value per unit of log exposure."""
        slopes = np.gradient(self.ldr, self.log_exposure, axis=0)
        return np.stack([np.interp(log_exposure[..., c], self.log_exposure, slopes[:, c]) for c in range(3)], axis=-1)

    def shifted(self, log_exposure: float) -> ResponseTable:
        """The same response with `log_exposure` added to all log exposures."""
        return ResponseTable((self.log_exposure + log_exposure).astype(np.float32), self.ldr)


@dataclass(frozen=True)
class CameraEstimate:
    """What photographs tell of their camera before any training: response and exposures, on one zero of log exposure.

    Attributes:
        response: Of the camera.
        exposure_stops: Exposure of each frame: as given, or estimated with the middle one 0.
    """

    response: ResponseTable
    exposure_stops: Float[np.ndarray, " frames"]


def tabulate_response(
    log_exposure_at_knots: Float[np.ndarray, "ldr_knots 3"], ldr_knots: Float[np.ndarray, " ldr_knots"] = LDR_KNOTS
) -> ResponseTable:
    """Turns log exposures at pixel values into a table over log exposure, made rising where they are not.

    Middle grey keeps its log exposure: what is made of the darkest knots, which are the least sure, shifts no others.
    """
    steps = np.maximum(np.diff(log_exposure_at_knots, axis=0), LEAST_STEP)
    rising = np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    middle = np.abs(ldr_knots - 0.5).argmin()
    rising += log_exposure_at_knots[middle] - rising[middle]
    log_exposure = np.linspace(rising.min(), rising.max(), TABLE_SIZE)
    ldr = np.stack([np.interp(log_exposure, rising[:, c], ldr_knots) for c in range(3)], axis=-1)
    return ResponseTable(log_exposure.astype(np.float32), ldr.astype(np.float32))


def linear_response(half_step: float = HALF_STEP_OF_8_BIT) -> ResponseTable:
    """The response of a sensor: pixel values are light, clipped at white, which is log exposure 0.

    Args:
        half_step: Pixel value that stands for black, see `pixel_values.half_step`.
    """
    return _tabulate_curve(half_step, lambda linear: linear)


def srgb_response(half_step: float = HALF_STEP_OF_8_BIT) -> ResponseTable:
    """The response of the sRGB standard (IEC 61966-2-1), for captures that cannot tell their own.

    White and `half_step` are as of `linear_response`.
    """
    return _tabulate_curve(half_step / SRGB_TOE_SLOPE, encode_srgb)


def _tabulate_curve(darkest: float, encode: Callable[[np.ndarray], np.ndarray]) -> ResponseTable:
    log_exposure = np.linspace(np.log(darkest), 0, TABLE_SIZE).astype(np.float32)
    ldr = encode(np.exp(log_exposure)).astype(np.float32)
    return ResponseTable(log_exposure, np.repeat(ldr[:, None], 3, axis=1))
