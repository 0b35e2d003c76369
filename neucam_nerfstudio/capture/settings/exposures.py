"""Which frames share an exposure setting, and what it is in stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from neucam_nerfstudio.errors import NeucamError

LearnMode = Literal["fix", "refine", "learn"]
LearnChoice = Literal["auto", "fix", "refine", "learn"]
ExposureSource = Literal["exposure.txt", "EXIF", "names", "brightness", "unknown", "edited"]

SMALLEST_BRACKET_STOPS = 0.2
"""Exposures closer than this are one: cameras step by a third of a stop, rounded (from 1/15 s to 1/13 s is 0.21)."""
SAME_EXPOSURE_STOPS = 0.1
"""EXIF exposures within this of each other are one setting: half the smallest step. Shutter times are written rounded,
or as the camera measured them, and times with apertures that should cancel each other differ by 0.03 stops."""
BRIGHTNESS_STEP = 0.1
"""Frames whose pixel values differ by more than this factor of two (log2) were exposed differently."""


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


def ranks(keys: Sequence[float]) -> list[int]:
    """Numbers keys by their order: equal keys share a number, the smallest has 0."""
    return np.unique(keys, return_inverse=True)[1].tolist()


def gap_ranks(values: Sequence[float], least_gap: float) -> list[int]:
    """Numbers values by their order: those with smaller gaps between them share a number, the smallest has 0."""
    rising, place = np.unique(values, return_inverse=True)
    return np.cumsum(np.diff(rising, prepend=rising[0]) >= least_gap)[place].tolist()


def span_ranks(values: Sequence[float], least_span: float) -> list[int]:
    """Numbers values by their order, the smallest has 0; those that share a number span less than `least_span`."""
    numbers, number, first = [0] * len(values), 0, min(values)
    for index in np.argsort(values):
        if values[index] - first >= least_span:
            number, first = number + 1, values[index]
        numbers[index] = number
    return numbers


def merge_nearly_equal(stops: Sequence[float]) -> list[float]:
    """Exposures with those within `SAME_EXPOSURE_STOPS` of each other made one, the middle one of them."""
    groups: dict[int, list[float]] = {}
    numbers = span_ranks(stops, SAME_EXPOSURE_STOPS)
    for number, value in sorted(zip(numbers, stops, strict=True)):
        groups.setdefault(number, []).append(value)
    return [groups[number][(len(groups[number]) - 1) // 2] for number in numbers]


def exposure_levels(
    exposure_numbers: Sequence[int] | None, stops: Sequence[float] | None, brightness: Sequence[float]
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
    exposure_numbers: Sequence[int] | None,
    stops: Sequence[float] | None,
    num_frames: int,
    settings_per_frame: bool = False,
) -> tuple[list[int], tuple[float, ...]]:
    """Exposure index of each frame, and the stops of each exposure setting (0 where unknown).

    Frames share a setting if their `E<j>` are equal, or without such names if their known exposures are; else, or with
    `settings_per_frame`, each frame has its own. Names give way to EXIF exposures that differ between frames of one
    `E<j>`.
    """
    keys: Sequence[float] = range(num_frames) if stops is None or settings_per_frame else stops
    if exposure_numbers is not None and not settings_per_frame:
        names_tell = stops is None or len(set(zip(exposure_numbers, stops, strict=True))) == len(set(exposure_numbers))
        keys = exposure_numbers if names_tell else keys
    indices = ranks(keys)
    stops_of_setting = dict(zip(indices, stops or [0.0] * num_frames, strict=True))
    return indices, tuple(stops_of_setting[index] for index in range(len(stops_of_setting)))


def resolve_exposure_mode(
    choice: LearnChoice, source: ExposureSource, levels: ExposureLevels, notes: Sequence[str] = ()
) -> LearnMode:
    """What `auto` means for exposures: fix known ones, learn unknown ones.

    Raises:
        NeucamError: Unknown exposures are to be fixed or refined, although frames differ in exposure. The message has
            the `notes` on what was found and not used.
    """
    known = source != "unknown"
    if choice == "auto":
        return "fix" if known else "learn"
    if not known and choice != "learn" and max(levels.numbers) > 0:
        found = f"--exposures {choice}: the exposures are unknown, there is nothing to {choice}."
        advice = "Write them into exposure.txt (stops, one a line), or choose learn."
        raise NeucamError(" ".join((found, *notes, advice)))
    return choice
