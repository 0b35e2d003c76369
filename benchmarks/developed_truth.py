"""What a perfect all-in-focus photograph looks like: true radiance, developed as the capture's camera does.

The response is fitted from known data: the true radiance and the frames. Which radiance a pixel saw is only known where
focus does not matter, so only those pixels are used around which the true radiance is nearly the same as far as blur
reaches. There every frame, focused or not, shows response(ln radiance + ln 2 * stops) plus noise. Frames of all
exposures are used, because a response belongs to the camera: together they cover it from black to white. The curve of a
channel is the median pixel value in each step of log exposure, made monotone by isotonic regression weighted with the
pixel counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from scipy.optimize import isotonic_regression

BLUR_REACH_PX = 4
FLATNESS = 0.3
"""Largest ratio, as a difference of natural logs, between the radiances of a flat neighbourhood."""

STEP = 0.05
"""Width of a step of log exposure; a neighbourhood's radiance differs by more, but to both sides."""


@dataclass(frozen=True)
class FittedResponse:
    """A camera response as tables.

    Attributes:
        log_exposure: ln radiance + ln 2 * stops at the knots, one array a channel.
        ldr: Pixel values in [0, 1] at the knots, one array a channel.
        residual: RMS difference from the pixels it was fitted to, [0, 1].
        pixels: How many pixels of a frame it was fitted to.
    """

    log_exposure: tuple[np.ndarray, ...]
    ldr: tuple[np.ndarray, ...]
    residual: float
    pixels: int

    def develop(
        self, radiance: Float[np.ndarray, "height width 3"], exposure_stops: float
    ) -> Float[np.ndarray, "height width 3"]:
        """Pixel values in [0, 1] of linear radiance."""
        log_exposure = np.log(np.maximum(radiance, 1e-8)) + math.log(2) * exposure_stops
        return np.stack([np.interp(log_exposure[..., c], self.log_exposure[c], self.ldr[c]) for c in range(3)], axis=-1)


def flat_places(log_radiance: Float[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    """Where every radiance within reach of the blur is nearly the same."""
    window = np.ones((2 * BLUR_REACH_PX + 1, 2 * BLUR_REACH_PX + 1), np.uint8)
    return (cv2.dilate(log_radiance, window) - cv2.erode(log_radiance, window)).max(-1) < FLATNESS


def fit_response(
    truth: Float[np.ndarray, "height width 3"],
    frames: Float[np.ndarray, "frames height width 3"],
    exposure_stops: Float[np.ndarray, " frames"],
) -> FittedResponse:
    """Fits the response of each channel.

    Args:
        truth: Linear radiance.
        frames: Photographs of it in [0, 1], at any focus.
        exposure_stops: Exposure of each.
    """
    log_radiance = np.log(np.maximum(truth, 1e-8)).astype(np.float32)
    flat = flat_places(log_radiance)
    log_exposure = log_radiance[flat][None] + math.log(2) * np.asarray(exposure_stops)[:, None, None]
    ldr = frames[:, flat]
    curves = [_monotone_curve(log_exposure[..., c].ravel(), ldr[..., c].ravel()) for c in range(3)]
    residual = [np.interp(log_exposure[..., c], *curves[c]) - ldr[..., c] for c in range(3)]
    return FittedResponse(
        log_exposure=tuple(knots for knots, _ in curves),
        ldr=tuple(values for _, values in curves),
        residual=float(np.sqrt(np.mean(np.square(residual)))),
        pixels=int(flat.sum()),
    )


def _monotone_curve(log_exposure: np.ndarray, ldr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    order = np.argsort(log_exposure)
    log_exposure, ldr = log_exposure[order], ldr[order]
    steps = np.floor((log_exposure - log_exposure[0]) / STEP)
    starts = np.flatnonzero(np.diff(steps, prepend=-1))
    knots = np.array([np.median(part) for part in np.split(log_exposure, starts[1:])])
    medians = np.array([np.median(part) for part in np.split(ldr, starts[1:])])
    counts = np.diff(np.append(starts, len(ldr)))
    return knots, isotonic_regression(medians, weights=counts).x
