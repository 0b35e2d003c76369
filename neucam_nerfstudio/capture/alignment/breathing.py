"""How photographs of a still scene lie on one another: focusing changes a lens's field of view, its picture "breathes",
and a camera in the hand, or on a rail that shakes, turns and shifts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import UInt8

from neucam_nerfstudio.capture.alignment.registration import (
    disagreement,
    estimate_similarity,
    refine_similarity,
    shows_detail,
)
from neucam_nerfstudio.capture.pixels.warp import PixelMap
from neucam_nerfstudio.capture.settings.pictures import StillPictures

LEAST_GAIN = 0.2
"""Share of the disagreement that an alignment must take for photographs to have moved. Those from a tripod gain under a
hundredth, and an eighth on crops so small that blur passes for motion; what has moved gains a half."""
LEAST_DISAGREEMENT = 1e-3
"""Photographs that disagree less are the same, whatever share of that an alignment takes."""
ANCHOR_DISAGREEMENT = 0.2
"""Focus settings are placed against the farthest one towards the reference that agrees better than this with them once
they are aligned: errors add up from setting to setting, and not at all where all are placed against one."""
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


def find_breathing(frames: StillFrames) -> tuple[dict[int, PixelMap], tuple[int, ...]]:
    """How the picture moves: found from neighbour to neighbour, which are blurred alike, then against one farther back.

    Returns:
        For each focus setting but the reference's, where it shows what the reference shows; no maps if none makes
        photographs clearly agree better; between detail pictures. And photographs that show detail, but share too
        little of it with the next focus setting towards the reference to tell: maps take their focus setting for
        unmoved against that.
    """
    compared = representatives(frames)
    details = {focus: frames.pictures.detail(frame) for focus, frame in compared.items()}
    maps, gains, untold = {}, [], []
    for chain in _chains(frames):
        anchor, to_anchor, from_anchor = chain[0], np.eye(3), np.eye(3)
        for nearer, focus in zip(chain, chain[1:], strict=False):
            link = estimate_similarity(details[nearer], details[focus])
            if link is None:
                untold += [compared[focus]] if shows_detail(details[focus]) else []
            else:
                fixed, moving = details[anchor], details[focus]
                refined = refine_similarity(fixed, moving, link @ from_anchor)
                before, after = disagreement(fixed, moving, refined)
                if (gain := share_taken(before, after)) > 0:
                    from_anchor = refined
                    gains.append(gain)
                if after > ANCHOR_DISAGREEMENT:
                    anchor, to_anchor, from_anchor = focus, from_anchor @ to_anchor, np.eye(3)
            maps[focus] = from_anchor @ to_anchor
    return maps if max(gains, default=0) >= LEAST_GAIN else {}, tuple(untold)


def find_shake(frames: StillFrames) -> dict[int, PixelMap]:
    """How the camera has moved within focus settings: maps from each one's representative to its other photographs.

    From exposure to next exposure, which are clipped about alike; between detail pictures. None where it stood still.
    """
    maps: dict[int, PixelMap] = {}
    for focus, first in representatives(frames).items():
        members = sorted(frames.of_focus(focus), key=lambda frame: frames.exposure[frame])
        place = members.index(first)
        for outward in (members[place:], members[: place + 1][::-1]):
            pixel_map = np.eye(3)
            for nearer, frame in zip(outward, outward[1:], strict=False):
                near, far = frames.pictures.detail(nearer), frames.pictures.detail(frame)
                link = estimate_similarity(near, far)
                if link is not None and _gain(near, far, link) >= LEAST_GAIN:
                    pixel_map = link @ pixel_map
                if not np.array_equal(pixel_map, np.eye(3)):
                    maps[frame] = pixel_map
    return maps


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


def _chains(frames: StillFrames) -> list[list[int]]:
    """Focus settings from the reference's to the last, and from the reference's to the first."""
    last, start = max(frames.focus), frames.focus[frames.reference]
    return [list(range(start, last + 1)), list(range(start, -1, -1))]


def _gain(nearer: UInt8[np.ndarray, "h w"], farther: UInt8[np.ndarray, "h w"], pixel_map: PixelMap) -> float:
    """The share of two photographs' disagreement that a map takes; negative if it adds to it."""
    return share_taken(*disagreement(nearer, farther, pixel_map))


def share_taken(before: float, after: float) -> float:
    """The share that alignment takes of a disagreement; negative if it adds to it."""
    return (before - after) / max(before, LEAST_DISAGREEMENT)
