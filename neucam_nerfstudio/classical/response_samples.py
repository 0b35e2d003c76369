"""Which pixels of the photographs are compared to learn response and exposures from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.classical.pixel_values import Photograph, to_codes

SAMPLES = 600
"""How many places are compared."""

MOST_FRAMES = 24
"""How many frames are compared at most."""

SAME_LEVEL_STOPS = 0.3
"""Of many frames, exposures that lie within this are one level, of which a few frames tell as much as all."""

SMALL_SIDE = 256
"""Frames are averaged down to this many pixels on their longer side: less noise, and less difference by defocus."""

VARIANCE_WINDOW_PX = 5
"""Side of the square in which a place must be flat."""


def reduce_frames(frames: Sequence[Photograph]) -> Float[np.ndarray, "frames height width 3"]:
    """Pixel values in [0, 1] of small copies of photographs [height, width, 3]."""
    return np.stack([_reduced(frame) for frame in frames])


def reduce_coverage(
    frames: Sequence[Photograph], coverage: Sequence[Bool[np.ndarray, "height width"] | None]
) -> Bool[np.ndarray, "frames small_height small_width"] | None:
    """Which pixels of the small copies of photographs show nothing but what these cover.

    Args:
        frames: The photographs.
        coverage: Of each; None where it is covered everywhere.

    Returns:
        None if all are covered everywhere.
    """
    if all(covered is None for covered in coverage):
        return None
    size = _small_size(frames[0].shape)
    small = np.ones((len(frames), *size[::-1]), bool)
    for shown, covered in zip(small, coverage, strict=True):
        if covered is not None:
            shown[:] = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 1 - 1e-3
    return small


class FrameSamples(NamedTuple):
    """Places compared, as some of the frames show them.

    Attributes:
        ldr: Pixel values in [0, 1].
        comparable: Which frames show a place in the same light.
        frames: Which frames they are.
        places: Pixels of the small copies, counted row by row.
    """

    ldr: Float[np.ndarray, "samples chosen 3"]
    comparable: Bool[np.ndarray, "samples chosen"]
    frames: Int[np.ndarray, " chosen"]
    places: Int[np.ndarray, " samples"]


def sample_frames(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: Int[np.ndarray, " frames"],
    exposure_stops: Float[np.ndarray, " frames"] | None,
    near: int | None = None,
    covered: Bool[np.ndarray, "frames height width"] | None = None,
) -> FrameSamples:
    """Pixel values at places of all brightnesses where the picture is flat, and which frames show the same light there.

    Frames of one focus setting do. Where no focus setting was photographed at all the exposures, or the exposures are
    not known, all frames are compared: flat places look the same at any focus. Of many frames, some are taken that show
    all exposures, so that the cost does not grow with their number.

    Args:
        small_ldr: Aligned photographs, pixel values in [0, 1].
        focus_index: Focus setting of each.
        exposure_stops: Exposure of each, or None.
        near: The frame around which frames are taken, where there are many; None for the middle one.
        covered: Which pixels of each show something; None where all do. The others are not compared.
    """
    groups = _comparable_groups(small_ldr, focus_index, exposure_stops, near)
    chosen = np.unique(np.concatenate(groups))
    samples, comparable, places = [], [], []
    for group in groups:
        found = _flat_places(small_ldr[group], SAMPLES // len(groups))
        samples.append(small_ldr.reshape(len(small_ldr), -1, 3)[chosen[:, None], found].transpose(1, 0, 2))
        in_group = np.repeat(np.isin(chosen, group)[None], len(found), axis=0)
        if covered is not None:
            in_group &= covered.reshape(len(covered), -1)[chosen[:, None], found].T
        comparable.append(in_group)
        places.append(found)
    return FrameSamples(np.concatenate(samples), np.concatenate(comparable), chosen, np.concatenate(places))


def _comparable_groups(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    focus_index: Int[np.ndarray, " frames"],
    exposure_stops: Float[np.ndarray, " frames"] | None,
    near: int | None,
) -> list[Int[np.ndarray, " _members"]]:
    """Frames that show the same light, group by group; at most `MOST_FRAMES` in all."""
    everything = np.arange(len(small_ldr))
    if exposure_stops is None:
        log2_brightness = np.log2(np.maximum(small_ldr.mean((1, 2, 3)), 1e-6))
        return [_some_of_each_level(everything, log2_brightness, near)]
    by_focus = [np.flatnonzero(focus_index == index) for index in np.unique(focus_index)]
    all_exposures = len(np.unique(exposure_stops))
    whole_brackets = [group for group in by_focus if len(np.unique(exposure_stops[group])) == all_exposures]
    groups = [_some_of_each_level(group, exposure_stops, near) for group in whole_brackets or [everything]]
    most_groups = max(1, MOST_FRAMES // max(map(len, groups)))
    spread = np.linspace(0, len(groups) - 1, min(most_groups, len(groups)))
    return [groups[index] for index in np.rint(spread).astype(int)]


def _some_of_each_level(
    group: Int[np.ndarray, " members"], levels: Float[np.ndarray, " frames"], near: int | None
) -> Int[np.ndarray, " _chosen"]:
    """At most `MOST_FRAMES` frames of a group: of each level in turn the nearest one that is left."""
    distance = np.abs(group - (group[len(group) // 2] if near is None else near))
    step = max(SAME_LEVEL_STOPS, np.ptp(levels[group]) / (MOST_FRAMES // 2))
    level = np.floor((levels[group] - levels[group].min()) / step)
    turn = np.empty(len(group), int)
    for members in (np.flatnonzero(level == one) for one in np.unique(level)):
        turn[members[np.argsort(distance[members], kind="stable")]] = np.arange(len(members))
    return np.sort(group[np.lexsort((distance, turn))[:MOST_FRAMES]])


def _small_size(shape: tuple[int, ...]) -> tuple[int, int]:
    """Width and height of the small copy of a photograph [height, width, 3]."""
    factor = max(1.0, max(shape) / SMALL_SIDE)
    return max(1, round(shape[1] / factor)), max(1, round(shape[0] / factor))


def _reduced(frame: Photograph) -> Float[np.ndarray, "small_height small_width 3"]:
    """Pixel values in [0, 1] of a small copy of a photograph."""
    codes = to_codes(np.asarray(frame))
    return (
        cv2.resize(codes, _small_size(codes.shape), interpolation=cv2.INTER_AREA).astype(np.float32)
        / np.iinfo(codes.dtype).max
    )


def _flat_places(small_ldr: Float[np.ndarray, "frames height width 3"], count: int) -> Int[np.ndarray, " _places"]:
    """Indices of the flattest place in each of `count` classes of brightness."""
    grey_frames = small_ldr.mean(axis=-1, dtype=np.float64)
    window = (VARIANCE_WINDOW_PX, VARIANCE_WINDOW_PX)
    # A small difference of squares, which float32 would lose.
    variances = [np.maximum(cv2.blur(grey * grey, window) - cv2.blur(grey, window) ** 2, 0) for grey in grey_frames]
    contrast = np.sum(variances, axis=0).ravel()
    order = np.argsort(grey_frames.mean(axis=0).ravel(), kind="stable")
    by_brightness = np.array_split(order, min(count, order.size))
    return np.array([places[np.argmin(contrast[places])] for places in by_brightness])
