"""Focusing changes a lens's field of view, its picture "breathes": photographs of a still scene brought to one.

The reference photograph is never touched, and the picture keeps its size: ground truth, and whatever else is measured
against the photographs on disk, still fits. Beyond its border an aligned photograph shows what the next focus setting
towards the reference shows there at the same exposure: that differs in its blur alone, where a repeated border would
be streaks, and a crop would lose a rim of every picture. Where none has that exposure, the border is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import UInt8

from neucam_nerfstudio.capture.alignment.registration import (
    PixelMap,
    at_full_size,
    corner_shift_px,
    disagreement,
    estimate_similarity,
    shows_detail,
)
from neucam_nerfstudio.capture.settings.pictures import StillPictures

AlignChoice = Literal["auto", "off"]

LEAST_SHIFT_PX = 0.3
"""A photograph of which no corner would move farther than this is left as it is, bit for bit."""
LEAST_GAIN = 0.1
"""Alignment must take at least this share of some two photographs' disagreement: without breathing it takes a few
hundredths at most."""
LEAST_DISAGREEMENT = 1e-3
"""Photographs that disagree less are the same, whatever share of that an alignment takes."""
BEST_BRIGHTNESS = 0.4
"""Mean pixel value of a well exposed photograph."""


class StillFrames(NamedTuple):
    """Photographs of a still scene.

    Attributes:
        pictures: What they show.
        focus: Number of each one's focus setting, 0 .. K-1, neighbouring settings in a row.
        exposure: Number of each one's exposure.
        reference: Which of them others are aligned to.
        height: Of each in pixels.
        width: Of each in pixels.
        order: All of them, those first that are preferred where two are alike.
    """

    pictures: StillPictures
    focus: Sequence[int]
    exposure: Sequence[int]
    reference: int
    height: int
    width: int
    order: Sequence[int]

    def of_focus(self, focus: int) -> list[int]:
        """The photographs of a focus setting."""
        return [frame for frame in self.order if self.focus[frame] == focus]


class Alignment(NamedTuple):
    """How photographs are to be aligned.

    Attributes:
        maps: Of each photograph that is to be changed, where it shows what the reference shows.
        border_from: The photograph that each of these shows beyond its border; None where none fits.
        scale_change: The largest change of scale; 0.02 is 2 %.
        shift_px: How far a corner is off, at most.
        untold: The photographs that were compared and do not tell how they moved, one a focus setting.
    """

    maps: dict[int, PixelMap]
    border_from: dict[int, int | None]
    scale_change: float
    shift_px: float
    untold: tuple[int, ...]


def find_alignment(frames: StillFrames) -> Alignment | None:
    """How photographs are aligned to the reference; None if no picture has moved with the focus, and all tell so."""
    maps, untold = find_breathing(frames)
    shifts_px = {focus: corner_shift_px(pixel_map, frames.height, frames.width) for focus, pixel_map in maps.items()}
    moved = {focus: pixel_map for focus, pixel_map in maps.items() if shifts_px[focus] >= LEAST_SHIFT_PX}
    if not moved and not untold:
        return None
    border_from = {
        frame: _nearest_of_its_exposure(frames, frame, outward[:place][::-1])
        for outward in _chains(frames)
        for place, focus in enumerate(outward)
        if focus in moved
        for frame in frames.of_focus(focus)
    }
    scales = [np.sqrt(np.linalg.det(pixel_map[:2, :2])) for pixel_map in moved.values()]
    return Alignment(
        {frame: moved[frames.focus[frame]] for frame in sorted(border_from)},
        border_from,
        float(max((abs(scale - 1) for scale in scales), default=0)),
        max((shifts_px[focus] for focus in moved), default=0.0),
        untold,
    )


def find_breathing(frames: StillFrames) -> tuple[dict[int, PixelMap], tuple[int, ...]]:
    """How the picture moves: maps from neighbour to neighbour, which are blurred alike, joined.

    Returns:
        For each focus setting but the reference's, where it shows what the reference shows; no maps if none makes
        photographs clearly agree better. And photographs that show detail, but share too little of it with the next
        focus setting towards the reference to tell: maps take their focus setting for unmoved against that.
    """
    compared = representatives(frames)
    details = {focus: frames.pictures.detail(frame) for focus, frame in compared.items()}
    maps, gains, untold = {}, [], []
    for chain in _chains(frames):
        pixel_map = np.eye(3)
        for nearer, focus in zip(chain, chain[1:], strict=False):
            link = estimate_similarity(details[nearer], details[focus])
            if link is None:
                untold += [compared[focus]] if shows_detail(details[focus]) else []
            elif (gain := _gain(details[nearer], details[focus], link)) > 0:
                pixel_map = link @ pixel_map
                gains += [gain, _gain(details[chain[0]], details[focus], pixel_map)]
            rows, columns = details[focus].shape
            maps[focus] = at_full_size(pixel_map, (rows, columns), frames.height, frames.width)
    return maps if max(gains, default=0) >= LEAST_GAIN else {}, tuple(untold)


def representatives(frames: StillFrames) -> dict[int, int]:
    """The best exposed photograph of each focus setting, at an exposure that all of them have if there is one."""
    brightness = frames.pictures.mean_brightness
    of_focus = {focus: frames.of_focus(focus) for focus in sorted(set(frames.focus))}
    shared = set.intersection(*({frames.exposure[frame] for frame in members} for members in of_focus.values()))

    def rank_of_exposure(exposure: int) -> float:
        values = [brightness[frame] for frame, number in enumerate(frames.exposure) if number == exposure]
        return abs(float(np.mean(values)) - BEST_BRIGHTNESS)

    def rank(frame: int) -> tuple[bool, float]:
        return frames.exposure[frame] != best, abs(brightness[frame] - BEST_BRIGHTNESS)

    best = min(shared, key=rank_of_exposure, default=None)
    return {focus: min(members, key=rank) for focus, members in of_focus.items()}


def alignment_note(alignment: Alignment, names: Sequence[str], reference_name: str) -> str:
    """What is done, for the user; `names` are those of all photographs."""
    untold = ", ".join(names[frame] for frame in alignment.untold)
    if not alignment.maps:
        return (
            f"Left as they are, for too little of their detail is found in the next focus setting: {untold}. Take out"
            " what shows another view, or is turned."
        )
    return (
        f"Focusing changes the picture's scale by up to {100 * alignment.scale_change:.1f} % and moves its corners by"
        f" up to {alignment.shift_px:.1f} px (breathing): photographs are aligned to {reference_name}; --align off"
        " leaves them."
        + (f" Too little detail tells how {untold} moved: taken to be as its neighbour." if untold else "")
    )


def _chains(frames: StillFrames) -> list[list[int]]:
    """Focus settings from the reference's to the last, and from the reference's to the first."""
    last, start = max(frames.focus), frames.focus[frames.reference]
    return [list(range(start, last + 1)), list(range(start, -1, -1))]


def _gain(nearer: UInt8[np.ndarray, "h w"], farther: UInt8[np.ndarray, "h w"], pixel_map: PixelMap) -> float:
    """The share of two photographs' disagreement that a map takes; negative if it adds to it."""
    before, after = disagreement(nearer, farther, pixel_map)
    return (before - after) / max(before, LEAST_DISAGREEMENT)


def _nearest_of_its_exposure(frames: StillFrames, frame: int, nearer: Sequence[int]) -> int | None:
    """The photograph of a frame's exposure in the first of some focus settings that has one."""
    others = (other for focus in nearer for other in frames.of_focus(focus))
    return next((other for other in others if frames.exposure[other] == frames.exposure[frame]), None)
