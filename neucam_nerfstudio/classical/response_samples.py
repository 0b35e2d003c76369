"""Which pixels of the photographs are compared to learn response and exposures from them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Bool, Float

from neucam_nerfstudio.classical.pixel_values import to_codes

SAMPLES = 600
"""How many places are compared."""

SMALL_SIDE = 256
"""Frames are averaged down to this many pixels on their longer side: less noise, and less difference by defocus."""


def reduce_frames(frames: Sequence[np.ndarray]) -> Float[np.ndarray, "frames height width 3"]:
    """Pixel values in [0, 1] of small copies of photographs [height, width, 3]."""
    return np.stack([_reduced(frame) for frame in frames])


def sample_frames(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: np.ndarray,
    exposure_stops: np.ndarray | None,
) -> tuple[Float[np.ndarray, "samples frames 3"], Bool[np.ndarray, "samples frames"]]:
    """Pixel values at places of all brightnesses where the picture is flat, and which frames show the same light there.

    Frames of one focus setting do. Where no focus setting was photographed at all the exposures, or the exposures are
    not known, all frames are compared: flat places look the same at any focus.
    """
    groups = _comparable_groups(focus_index, exposure_stops)
    samples, comparable = [], []
    for group in groups:
        places = _flat_places(small_ldr[group], SAMPLES // len(groups))
        samples.append(small_ldr.reshape(len(small_ldr), -1, 3)[:, places].transpose(1, 0, 2))
        comparable.append(np.repeat(np.isin(np.arange(len(small_ldr)), group)[None], len(places), axis=0))
    return np.concatenate(samples), np.concatenate(comparable)


def _comparable_groups(focus_index, exposure_stops):
    everything = [np.arange(len(focus_index))]
    if exposure_stops is None:
        return everything
    by_focus = [np.flatnonzero(focus_index == index) for index in np.unique(focus_index)]
    all_exposures = len(np.unique(exposure_stops))
    whole_brackets = [group for group in by_focus if len(np.unique(exposure_stops[group])) == all_exposures]
    return whole_brackets or everything


def _reduced(frame):
    codes = to_codes(frame)
    factor = max(1.0, max(codes.shape) / SMALL_SIDE)
    size = (max(1, round(codes.shape[1] / factor)), max(1, round(codes.shape[0] / factor)))
    return cv2.resize(codes, size, interpolation=cv2.INTER_AREA).astype(np.float32) / np.iinfo(codes.dtype).max


def _flat_places(small_ldr, count):
    """Indices of the flattest place in each of `count` classes of brightness."""
    gray = small_ldr.mean(axis=-1)
    contrast = sum(cv2.blur(g * g, (5, 5)) - cv2.blur(g, (5, 5)) ** 2 for g in gray).ravel()
    by_brightness = np.array_split(np.argsort(gray.mean(axis=0).ravel(), kind="stable"), min(count, gray[0].size))
    return np.array([places[np.argmin(contrast[places])] for places in by_brightness])
