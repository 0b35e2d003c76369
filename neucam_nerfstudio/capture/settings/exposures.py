"""Which frames share an exposure setting, and what it is in stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple, TypeVar

from neucam_nerfstudio.errors import NeucamError

LearnMode = Literal["fix", "refine", "learn"]
LearnChoice = Literal["auto", "fix", "refine", "learn"]
ExposureSource = Literal["exposure.txt", "EXIF", "names", "brightness", "argument", "unknown", "edited"]

SMALLEST_BRACKET_STOPS = 0.2
"""Exposures closer than this are one: cameras step by a third of a stop, rounded (from 1/15 s to 1/13 s is 0.21)."""
SAME_EXPOSURE_STOPS = 0.1
"""EXIF exposures within this of each other are one setting: half the smallest step. Shutter times are written rounded,
or as the camera measured them, and times with apertures that should cancel each other differ by 0.03 stops."""
BRIGHTNESS_STEP = 0.1
"""Frames whose pixel values differ by more than this factor of two (log2) were exposed differently."""

Key = TypeVar("Key", int, float)


@dataclass(frozen=True)
class ExposureSettings:
    """Exposures that occur in a capture, by exposure index.

    Attributes:
        stops: Of each setting, +1 is twice the light; all 0 where unknown.
        source: What told them; names and brightness only tell that they do not differ.
        mode: Whether they are held fixed, refined from these values, or learned from scratch.
        dealt: How the values of `exposure.txt` were dealt out to the frames, in words; None if it told nothing.
    """

    stops: tuple[float, ...]
    source: ExposureSource
    mode: LearnMode
    dealt: str | None = field(default=None, compare=False)


class ExposureLevels(NamedTuple):
    """Which frames are exposed alike: a number for each frame, rising with the light, and what told."""

    numbers: list[int]
    told_by: Literal["stops", "names", "brightness"]


def ranks(keys: Sequence[Key]) -> list[int]:
    """Numbers keys by their order: equal keys share a number, the smallest has 0."""
    order = {key: rank for rank, key in enumerate(sorted(set(keys)))}
    return [order[key] for key in keys]


def gap_ranks(values: Sequence[float], least_gap: float) -> list[int]:
    """Numbers values by their order: those with smaller gaps between them share a number, the smallest has 0."""
    order = sorted(range(len(values)), key=lambda index: values[index])
    numbers, number = [0] * len(values), 0
    for smaller, larger in pairwise(order):
        number += values[larger] - values[smaller] >= least_gap
        numbers[larger] = number
    return numbers


def merge_nearly_equal(stops: Sequence[float]) -> list[float]:
    """Exposures with those within `SAME_EXPOSURE_STOPS` of each other made one, the middle one of them."""
    groups: list[list[float]] = []
    for value in sorted(stops):
        if groups and value - groups[-1][0] < SAME_EXPOSURE_STOPS:
            groups[-1].append(value)
        else:
            groups.append([value])
    middle = {value: group[(len(group) - 1) // 2] for group in groups for value in group}
    return [middle[value] for value in stops]


def exposure_levels(
    exposure_numbers: Sequence[int] | None,
    stops: Sequence[float] | None,
    brightness: Sequence[float],
) -> ExposureLevels:
    """Numbers the frames' exposures from the darkest: by known stops, else by name, else by the pictures' brightness.

    Args:
        exposure_numbers: `E<j>` of each frame, if names carry it.
        stops: Exposure of each frame, if known.
        brightness: Of each frame's pixel values.
    """
    if stops is not None:
        return ExposureLevels(gap_ranks(stops, SMALLEST_BRACKET_STOPS), "stops")
    if exposure_numbers is not None:
        return ExposureLevels(ranks(exposure_numbers), "names")
    log2_brightness = [math.log2(max(value, 1e-6)) for value in brightness]
    return ExposureLevels(gap_ranks(log2_brightness, BRIGHTNESS_STEP), "brightness")


def assign_exposures(
    exposure_numbers: Sequence[int] | None, stops: Sequence[float] | None, num_frames: int
) -> tuple[list[int], tuple[float, ...]]:
    """Exposure index of each frame, and the stops of each exposure setting (0 where unknown).

    Frames share a setting if their `E<j>` are equal, or without such names if their known exposures are; else each
    frame has its own. Names give way to EXIF exposures that differ between frames of one `E<j>`.
    """
    keys: Sequence[float] = range(num_frames)
    if exposure_numbers is not None and _determines(exposure_numbers, stops):
        keys = exposure_numbers
    elif stops is not None:
        keys = stops
    indices = ranks(keys)
    stops_of_setting = dict(zip(indices, stops or [0.0] * num_frames, strict=True))
    return indices, tuple(stops_of_setting[index] for index in range(len(stops_of_setting)))


def _determines(numbers: Sequence[int], stops: Sequence[float] | None) -> bool:
    """Whether frames of the same number have the same exposure, as far as known."""
    return stops is None or len(set(zip(numbers, stops, strict=True))) == len(set(numbers))


def separate_exposures(stops: Sequence[float] | None, num_frames: int) -> tuple[list[int], tuple[float, ...]]:
    """Each frame with an exposure setting of its own, in name order: indices, and stops (0 where unknown)."""
    return list(range(num_frames)), tuple(stops or [0.0] * num_frames)


def resolve_exposure_mode(
    choice: LearnChoice, source: ExposureSource, levels: ExposureLevels, notes: Sequence[str] = ()
) -> LearnMode:
    """What `auto` means for exposures: fix known ones, learn unknown ones.

    Args:
        choice: What the user says.
        source: What told the exposures.
        levels: Which frames are exposed alike.
        notes: What was found and not used, for the message.

    Raises:
        NeucamError: Unknown exposures are to be fixed or refined, although frames differ in exposure.
    """
    known = source != "unknown"
    if choice == "auto":
        return "fix" if known else "learn"
    if not known and choice != "learn" and max(levels.numbers) > 0:
        found = f"--exposures {choice}: the exposures are unknown, there is nothing to {choice}."
        advice = "Write them into exposure.txt (stops, one a line), or choose learn."
        raise NeucamError(" ".join((found, *notes, advice)))
    return choice
