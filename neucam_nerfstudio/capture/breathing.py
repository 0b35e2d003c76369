"""Focusing changes a lens's field of view, its picture "breathes": photographs of a still scene brought to one.

The reference photograph is never touched, and the picture keeps its size: ground truth, and whatever else is measured
against the photographs on disk, still fits. Beyond its border an aligned photograph shows what the next focus setting
towards the reference shows there at the same exposure: that differs in its blur alone, where a repeated border would
be streaks, and a crop would lose a rim of every picture. Where none has that exposure, the border is repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Shaped, UInt8

from neucam_nerfstudio.capture.registration import (
    PixelMap,
    at_full_size,
    beyond_border,
    corner_shift_px,
    detail_picture,
    disagreement,
    estimate_similarity,
    shows_detail,
)
from neucam_nerfstudio.photometry import WHITE_LEVEL

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
        pixels: Of each, writable.
        focus: Number of each one's focus setting, 0 .. K-1, neighbouring settings in a row.
        exposure: Number of each one's exposure.
        brightness: Mean pixel value of each, [0, 1].
        reference: Which of them others are aligned to.
    """

    pixels: Sequence[Shaped[np.ndarray, "height width 3"]]
    focus: Sequence[int]
    exposure: Sequence[int]
    brightness: Sequence[float]
    reference: int

    def of_focus(self, focus: int) -> list[int]:
        """The photographs of a focus setting."""
        return [frame for frame, number in enumerate(self.focus) if number == focus]


class Breathing(NamedTuple):
    """How the picture moves with the focus.

    Attributes:
        maps: For each focus setting but the reference's, where it shows what the reference shows.
        untold: Focus settings that show detail, but share too little of it with their neighbour towards the reference
            to tell: their map, and of those behind them, takes them for unmoved against it.
    """

    maps: dict[int, PixelMap]
    untold: tuple[int, ...]


class Alignment(NamedTuple):
    """What was aligned.

    Attributes:
        frames: Numbers of the photographs that were changed.
        scale_change: The largest change of scale; 0.02 is 2 %.
        shift_px: How far a corner was off, at most.
        untold: The photographs that were compared and do not tell how they moved, one a focus setting.
    """

    frames: tuple[int, ...]
    scale_change: float
    shift_px: float
    untold: tuple[int, ...]


def align_photographs(frames: StillFrames) -> Alignment | None:
    """Aligns photographs, in place, to the reference if focusing has moved the picture.

    Returns:
        What was done; None if nothing was, and all tell that nothing had to be.
    """
    maps, untold = find_breathing(frames)
    height, width, _ = frames.pixels[0].shape
    shifts_px = {focus: corner_shift_px(pixel_map, height, width) for focus, pixel_map in maps.items()}
    moved = {focus: pixel_map for focus, pixel_map in maps.items() if shifts_px[focus] >= LEAST_SHIFT_PX}
    if not moved and not untold:
        return None
    compared = representatives(frames)
    for outward in _chains(frames):
        for place, focus in enumerate(outward):
            if focus in moved:
                _align_setting(frames, focus, moved[focus], outward[:place][::-1])
    scales = [np.sqrt(np.linalg.det(pixel_map[:2, :2])) for pixel_map in moved.values()]
    return Alignment(
        tuple(frame for frame, focus in enumerate(frames.focus) if focus in moved),
        float(max((abs(scale - 1) for scale in scales), default=0)),
        max((shifts_px[focus] for focus in moved), default=0.0),
        tuple(compared[focus] for focus in untold),
    )


def find_breathing(frames: StillFrames) -> Breathing:
    """How the picture moves: maps from neighbour to neighbour, which are blurred alike, joined.

    Returns:
        No maps if none makes photographs clearly agree better.
    """
    height, width, _ = frames.pixels[0].shape
    details = {focus: detail_picture(frames.pixels[frame]) for focus, frame in representatives(frames).items()}
    maps, gains, untold = {}, [], []
    for chain in _chains(frames):
        pixel_map = np.eye(3)
        for nearer, focus in zip(chain, chain[1:], strict=False):
            link = estimate_similarity(details[nearer], details[focus])
            if link is None:
                untold += [focus] if shows_detail(details[focus]) else []
            elif (gain := _gain(details[nearer], details[focus], link)) > 0:
                pixel_map = link @ pixel_map
                gains += [gain, _gain(details[chain[0]], details[focus], pixel_map)]
            maps[focus] = at_full_size(pixel_map, details[focus].shape, height, width)
    return Breathing(maps if max(gains, default=0) >= LEAST_GAIN else {}, tuple(untold))


def representatives(frames: StillFrames) -> dict[int, int]:
    """The best exposed photograph of each focus setting, at an exposure that all of them have if there is one."""
    exposures = [{frames.exposure[frame] for frame in frames.of_focus(focus)} for focus in sorted(set(frames.focus))]
    shared = set.intersection(*exposures)

    def rank(exposure: int) -> float:
        values = [frames.brightness[frame] for frame, number in enumerate(frames.exposure) if number == exposure]
        return abs(float(np.mean(values)) - BEST_BRIGHTNESS)

    best = min(shared, key=rank, default=None)
    return {
        focus: min(
            frames.of_focus(focus),
            key=lambda frame: (frames.exposure[frame] != best, abs(frames.brightness[frame] - BEST_BRIGHTNESS)),
        )
        for focus in sorted(set(frames.focus))
    }


def alignment_note(alignment: Alignment, names: Sequence[str], reference_name: str) -> str:
    """What was done, for the user; `names` are those of all photographs."""
    untold = ", ".join(names[frame] for frame in alignment.untold)
    if not alignment.frames:
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


def _align_setting(frames: StillFrames, focus: int, pixel_map: PixelMap, nearer: Sequence[int]) -> None:
    """Aligns the photographs of a focus setting, of which those nearer to the reference are aligned, nearest first."""
    for frame in frames.of_focus(focus):
        neighbours = [
            other
            for setting in nearer
            for other in frames.of_focus(setting)
            if frames.exposure[other] == frames.exposure[frame]
        ]
        pixels = frames.pixels[frame]
        aligned = warped(pixels, pixel_map)
        if neighbours:
            beyond = beyond_border(pixel_map, *pixels.shape[:2])
            aligned[beyond] = frames.pixels[neighbours[0]][beyond]
        pixels[:] = aligned


def warped(pixels: Shaped[np.ndarray, "height width 3"], pixel_map: PixelMap) -> Shaped[np.ndarray, "height width 3"]:
    """A photograph seen through a map, by Lanczos interpolation, in its own number type; its border is repeated."""
    height, width, _ = pixels.shape
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(pixels, pixel_map[:2], (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.clip(seen, 0, WHITE_LEVEL[pixels.dtype])
