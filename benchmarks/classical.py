"""The classical way to an all-in-focus HDR picture, with OpenCV: what the learned methods have to beat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from jaxtyping import Float, UInt8

PYRAMID_DEPTH = 4
SMALLEST_RADIANCE = 1e-4

HdrMerge = Literal["debevec", "robertson"]
"""Response and merge of Debevec & Malik 1997, or of Robertson, Borman & Stevenson 1999."""

HDR_MERGES = {
    "debevec": (cv2.createCalibrateDebevec, cv2.createMergeDebevec),
    "robertson": (cv2.createCalibrateRobertson, cv2.createMergeRobertson),
}
"""OpenCV's calibration and merge, with its own settings."""


def classical_hdr(
    frames: UInt8[np.ndarray, "frames height width 3"],
    focus_index: Sequence[int],
    exposure_stops: Sequence[float],
    merge: HdrMerge = "debevec",
) -> Float[np.ndarray, "height width 3"]:
    """Response and merge per focus setting, then Laplacian-pyramid fusion of log radiance.

    The response is calibrated on the middle focus setting's bracket, or on all frames where no focus setting has one.

    Args:
        frames: Aligned photographs, RGB.
        focus_index: Focus setting of each.
        exposure_stops: Exposure of each, +1 is twice the light.
        merge: How photographs of one focus become radiance.

    Returns:
        All-in-focus linear radiance, up to a gain.
    """
    focus_index, seconds = np.asarray(focus_index), np.exp2(np.asarray(exposure_stops, np.float32))
    settings = [np.flatnonzero(focus_index == index) for index in np.unique(focus_index)]
    middle = settings[len(settings) // 2]
    bracket = middle if len(np.unique(seconds[middle])) > 1 else np.arange(len(frames))
    calibration, merging = HDR_MERGES[merge]
    response = calibration().process(list(frames[bracket]), seconds[bracket])
    merged = [merging().process(list(frames[s]), seconds[s], response) for s in settings]
    return np.exp(laplacian_fusion([np.log(np.maximum(image, SMALLEST_RADIANCE)) for image in merged]))


def laplacian_fusion(stack: Sequence[Float[np.ndarray, "height width 3"]]) -> Float[np.ndarray, "height width 3"]:
    """Focus fusion: in each band and place the coefficient with the most energy around it (Burt & Kolczynski 1993).

    Args:
        stack: Aligned images, one a focus setting; their coarsest level is averaged.
    """
    bands, bases = zip(*(_laplacian_pyramid(image.astype(np.float32)) for image in stack), strict=True)
    fused = np.mean(bases, axis=0)
    for level in reversed(range(PYRAMID_DEPTH)):
        candidates = np.stack([pyramid[level] for pyramid in bands])
        energy = np.stack([cv2.GaussianBlur((band**2).sum(-1), (0, 0), 1.5) for band in candidates])
        sharpest = np.take_along_axis(candidates, energy.argmax(0)[None, ..., None], axis=0)[0]
        fused = cv2.pyrUp(fused, dstsize=sharpest.shape[1::-1]) + sharpest
    return fused


def _laplacian_pyramid(image: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    bands = []
    for _ in range(PYRAMID_DEPTH):
        smaller = cv2.pyrDown(image)
        bands.append(image - cv2.pyrUp(smaller, dstsize=image.shape[1::-1]))
        image = smaller
    return bands, image
