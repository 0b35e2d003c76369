"""Which frames share an exposure setting, and what it is in stops: by `exposure.txt`, EXIF, names or brightness."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median_low
from typing import Literal, NamedTuple

import numpy as np

from neucam_nerfstudio.errors import NeucamError

LearnMode = Literal["fix", "refine", "learn"]
LearnChoice = Literal["auto", "fix", "refine", "learn"]
ExposureSource = Literal[
    "exposure.txt",
    "list",
    "EXIF",
    "file names",
    "names",
    "brightness",
    "argument",
    "unknown",
    "edited",
    "transforms.json",
    "radiance",
]

MAX_STOPS = 30.0
"""Beyond this a value cannot be in stops (a factor of a billion): seconds or ISO values were meant."""
NOT_GIVEN = {"unknown": "estimated", "learned": "learned"}
"""Sources of exposures that are none, and what was done instead."""

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
        stops: Of each setting, +1 is twice the light; all 0 where unknown, or of many views where brightness puts them.
        source: What told them; names (`E<j>`) and brightness only tell that they do not differ.
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
    for number, value in zip(numbers, stops, strict=True):
        groups.setdefault(number, []).append(value)
    return [median_low(groups[number]) for number in numbers]


def exposure_levels(
    exposure_numbers: Sequence[int] | None, stops: Sequence[float] | None, brightness: Sequence[float]
) -> ExposureLevels:
    """Numbers the frames' exposures from the darkest: by known stops, else by `E<j>`, else by pixel values."""
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


def deal_out(
    values: Sequence[float],
    exposure_numbers: Sequence[int] | None,
    num_frames: int,
    path: Path,
    may_break_off: bool = False,
) -> tuple[list[int], str]:
    """Deals the values of an `exposure.txt` out to the frames.

    Args:
        values: The file's values, stops.
        exposure_numbers: `E<j>` of each frame where the names carry it: the frame takes value j, counted from 0; or
            with as many values as there are different j, the one of its j's rank; or with as many as frames, its own.
            None: the values cycle over the frames in name order.
        num_frames: Number of all frames in the folder.
        path: The file, for messages.
        may_break_off: Whether the last cycle may be cut short, as where a video ends.

    Returns:
        Which value every frame takes, counted from 0; and how they were dealt out, in words.

    Raises:
        NeucamError: The number of values fits neither, or values of one `E<j>` differ.
    """
    if exposure_numbers is None:
        return _counted_off(values, num_frames, path, may_break_off)
    numbers = sorted(set(exposure_numbers))
    if len(values) == numbers[-1] + 1:
        places = list(exposure_numbers)
    elif len(values) == len(numbers):
        places = ranks(exposure_numbers)
    elif len(values) == num_frames:
        _check_agree(values, exposure_numbers, path)
        places = list(range(num_frames))
    else:
        raise NeucamError(_misfit_message(len(values), numbers, num_frames, path))
    place_of = dict(zip(exposure_numbers, places, strict=True))
    dealt = ", ".join(f"E{number} {values[place_of[number]]:+g}" for number in numbers)
    return places, dealt


def _check_agree(values: Sequence[float], exposure_numbers: Sequence[int], path: Path) -> None:
    first: dict[int, int] = {}
    for place, number in enumerate(exposure_numbers):
        earlier = first.setdefault(number, place)
        if values[earlier] != values[place]:
            raise NeucamError(
                f"{path}: one value a frame, but value {earlier + 1} ({values[earlier]:+g}) and value {place + 1}"
                f" ({values[place]:+g}) both belong to E{number} in name order. Frames of one E<j> have one exposure:"
                f" correct the values, or write {len(set(exposure_numbers))} instead, one for each E<j> there is."
            )


def _misfit_message(num_values: int, numbers: Sequence[int], num_frames: int, path: Path) -> str:
    first, last = numbers[0], numbers[-1]
    fitting = {
        num_frames: "one a frame in name order",
        len(numbers): "one for each E<j> there is",
        last + 1: f"one each from E0 to E{last}",
    }
    expected = ", or ".join(f"{count} ({words})" for count, words in sorted(fitting.items()))
    return (
        f"{path}: {num_values} values for {num_frames} frames, whose names say E{first} to E{last}. Expected"
        f" {expected}: add or remove values, or name the files accordingly."
    )


def _counted_off(values: Sequence[float], num_frames: int, path: Path, may_break_off: bool) -> tuple[list[int], str]:
    if len(values) > num_frames:
        raise NeucamError(
            f"{path}: {len(values)} values for {num_frames} frames. Remove the values that belong to no frame, or add"
            " the missing ones."
        )
    if num_frames % len(values) and not may_break_off:
        raise NeucamError(
            f"{path}: {len(values)} values for {num_frames} frames. Expected one a frame in name order, or a number"
            f" that divides {num_frames}, as values start again when they are used up; or names with E<j>."
        )
    dealt = "one value a frame"
    if len(values) < num_frames:
        dealt = f"{len(values)} value{'s' * (len(values) > 1)}, again from the first when they are used up"
    return [index % len(values) for index in range(num_frames)], dealt
