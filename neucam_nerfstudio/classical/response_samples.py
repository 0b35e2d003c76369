"""Which pixels of the photographs are compared to learn response and exposures from them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.capture.settings.exposure_steps import CLIPPED_LDR, black_floor, measured_stops, ranked_values
from neucam_nerfstudio.classical.pixel_values import Photograph, to_codes
from neucam_nerfstudio.photometry import decode_srgb, encode_srgb

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

LEAST_COMMON_SHARE = 0.1
"""Of a picture: exposures are told by what all frames show, if it is at least this much. Else all of it is compared, in
which a frame's nearest pixels go on beyond what it shows."""

ABOVE_FLOOR_LDR = 0.05
"""Pixel values tell light where they are at least so far above what a frame shows without light."""

CLIPPED_RADIUS_PX = 2
"""A pixel this near to a saturated one tells nothing: lenses and compression spread its light."""

FALL_LDR = 0.02
"""A place whose pixel value falls by more than this where others rise moves, or is no part of the view."""


def reduce_frames(frames: Sequence[Photograph]) -> Float[np.ndarray, "frames height width 3"]:
    """Pixel values in [0, 1] of small copies of photographs [height, width, 3]."""
    return np.stack([small_copy(frame) for frame in frames])


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
    everywhere = np.ones(_small_size(frames[0].shape)[::-1], bool)
    return np.stack([everywhere if covered is None else small_coverage(covered) for covered in coverage])


def small_coverage(covered: Bool[np.ndarray, "height width"]) -> Bool[np.ndarray, "small_height small_width"]:
    """Which pixels of the small copy of a photograph show nothing but what it covers."""
    size = _small_size(covered.shape)
    return cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 1 - 1e-3


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
    exposure_stops: Float[np.ndarray, " frames"],
    near: int | None = None,
    covered: Bool[np.ndarray, "frames height width"] | None = None,
) -> FrameSamples:
    """Pixel values at places of all brightnesses where the picture is flat, and which frames show the same light there.

    Frames of one focus setting do. Where no focus setting was photographed at all the exposures, all frames are
    compared: flat places look the same at any focus. Of many frames, some are taken that show all exposures, so that
    the cost does not grow with their number.

    Args:
        small_ldr: Aligned photographs, pixel values in [0, 1].
        focus_index: Focus setting of each.
        exposure_stops: Exposure of each.
        near: The frame around which frames are taken, where there are many; None for the middle one.
        covered: Which pixels of each show something; None where all do. The others are not compared.
    """
    groups = _comparable_groups(focus_index, exposure_stops, near)
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


def sample_unknown_exposures(
    small_ldr: Float[np.ndarray, "frames height width 3"],
    covered: Bool[np.ndarray, "frames height width"] | None = None,
) -> tuple[FrameSamples, Float[np.ndarray, "frames places 3"], Float[np.ndarray, " chosen"]]:
    """Pixel values that tell exposures: of each frame as many, of all brightnesses it has.

    A dark frame may show little but its lamps, which a choice by the mean of all frames would hardly see. Values are
    compared by rank, the brightest with the brightest (Grossberg and Nayar 2003): then it does not matter what is
    focused or where it has moved. Where frames have a floor, as film scans do, ranks are those of noise and borders:
    there values are compared place by place, from the floor on.

    Args:
        small_ldr: Photographs of one view, pixel values in [0, 1].
        covered: Which pixels of each show something; None where all do. Compared is what all frames show, if that is
            not too little of the picture (`LEAST_COMMON_SHARE`).

    Returns:
        The samples; the values that they are taken from, of all frames; and about which exposures the ranks tell, in
        stops (see `measured_stops`).
    """
    common = np.ones(small_ldr.shape[1:3], bool) if covered is None else covered.all(0)
    if common.mean() < LEAST_COMMON_SHARE:
        common[:] = True
    if not common.all():  # of each frame as many values that are as bright as its middle one change no rank
        small_ldr = np.where(common[..., None], small_ldr, np.median(small_ldr[:, common], axis=1)[:, None, None])
    levels = np.log2(np.maximum(small_ldr.mean((1, 2, 3)), 1e-6))
    chosen = _some_of_each_level(np.arange(len(small_ldr)), levels, None)
    ranked = [ranked_values(picture) for picture in small_ldr[chosen]]
    floor = black_floor(ranked)
    measured = measured_stops(ranked, floor)
    values = small_ldr.reshape(len(small_ldr), -1, 3)
    if floor.any():
        values = np.where(values > floor + ABOVE_FLOOR_LDR, decode_srgb(values) - decode_srgb(floor), 0)
        values = encode_srgb(values).astype(np.float32)
        from_dark = small_ldr[chosen[np.argsort(measured if np.isfinite(measured).all() else levels[chosen])]]
        shown = (from_dark > np.maximum.accumulate(from_dark) - FALL_LDR).all((0, 3))
        shown &= common
        shown = np.stack([shown & _unclipped(picture) for picture in small_ldr[chosen]]).reshape(len(chosen), -1)
        contrast = _contrast(small_ldr[chosen])
    else:
        values = np.sort(values[:, common.ravel()], axis=1)
        shown = (values[chosen] < CLIPPED_LDR).all(-1)
        contrast = np.zeros(values.shape[1])
    told, places = np.where(shown[..., None], values[chosen], 0), []
    for frame in told:
        telling = np.flatnonzero((frame > ABOVE_FLOOR_LDR).any(-1))
        order = telling[np.argsort(frame.mean(-1)[telling], kind="stable")]
        classes = np.array_split(order, max(1, min(SAMPLES // len(chosen), order.size)))
        places += [members[np.argmin(contrast[members])] for members in classes if members.size]
    found = np.unique(np.array(places, int))
    samples = told[:, found].transpose(1, 0, 2)
    return FrameSamples(samples, np.ones(samples.shape[:2], bool), chosen, found), values, measured


def _unclipped(small_ldr: Float[np.ndarray, "height width 3"]) -> Bool[np.ndarray, "height width"]:
    """Which pixels are saturated in no channel, and not beside one that is."""
    side = 2 * CLIPPED_RADIUS_PX + 1
    clipped = (small_ldr >= CLIPPED_LDR).any(-1).astype(np.uint8)
    return cv2.dilate(clipped, np.ones((side, side), np.uint8)) == 0


def _comparable_groups(
    focus_index: Int[np.ndarray, " frames"], exposure_stops: Float[np.ndarray, " frames"], near: int | None
) -> list[Int[np.ndarray, " _members"]]:
    """Frames that show the same light, group by group; at most `MOST_FRAMES` in all."""
    everything = np.arange(len(focus_index))
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


def small_copy(frame: Photograph) -> Float[np.ndarray, "small_height small_width 3"]:
    """Pixel values in [0, 1] of a small copy of a photograph."""
    codes = to_codes(np.asarray(frame))
    small = cv2.resize(codes, _small_size(codes.shape), interpolation=cv2.INTER_AREA)
    return small.astype(np.float32) / np.iinfo(codes.dtype).max


def _flat_places(small_ldr: Float[np.ndarray, "frames height width 3"], count: int) -> Int[np.ndarray, " _places"]:
    """Indices of the flattest place in each of `count` classes of brightness."""
    contrast, grey_frames = _contrast(small_ldr), small_ldr.mean(axis=-1, dtype=np.float64)
    order = np.argsort(grey_frames.mean(axis=0).ravel(), kind="stable")
    by_brightness = np.array_split(order, min(count, order.size))
    return np.array([places[np.argmin(contrast[places])] for places in by_brightness])


def _contrast(small_ldr: Float[np.ndarray, "frames height width 3"]) -> Float[np.ndarray, " places"]:
    """Variance of grey around each place, summed over the frames."""
    window = (VARIANCE_WINDOW_PX, VARIANCE_WINDOW_PX)
    # A small difference of squares, which float32 would lose.
    grey_frames = small_ldr.mean(axis=-1, dtype=np.float64)
    variances = [np.maximum(cv2.blur(grey * grey, window) - cv2.blur(grey, window) ** 2, 0) for grey in grey_frames]
    return np.sum(variances, axis=0).ravel()
