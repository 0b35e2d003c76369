"""From what names, files and pictures tell to the focus and exposure settings that frames share."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from neucam_nerfstudio.errors import NeucamError

LearnMode = Literal["fix", "refine", "learn"]
LearnChoice = Literal["auto", "fix", "refine", "learn"]
ExposureSource = Literal["exposure.txt", "EXIF", "names", "brightness", "unknown"]
FocusSource = Literal["names", "EXIF", "order", "single", "moments"]

SMALLEST_BRACKET_STOPS = 0.2
"""Exposures closer than this are one: cameras step by a third of a stop, rounded (from 1/15 s to 1/13 s is 0.21)."""
BRIGHTNESS_STEP = 0.1
"""Frames whose pixel values differ by more than this factor of two (log2) were exposed differently."""

Key = TypeVar("Key", bound=Hashable)


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


@dataclass(frozen=True)
class FocusSettings:
    """Focus settings that occur in a capture, by focus index.

    Attributes:
        positions: Start value of each, unitless in [-1, 1], ascending; 0 if there is one.
        source: What told which frames share a setting.
        mode: Whether they are held fixed, refined from these values, or learned from them.
    """

    positions: tuple[float, ...]
    source: FocusSource
    mode: LearnMode


class ExposureLevels(NamedTuple):
    """Which frames are exposed alike: a number for each frame, rising with the light, and what told."""

    numbers: list[int]
    told_by: Literal["stops", "names", "brightness"]


class FocusAssignment(NamedTuple):
    """Focus index of each frame, the settings' start positions, what told them, and what was chosen for the user."""

    indices: list[int]
    positions: tuple[float, ...]
    source: FocusSource
    note: str | None


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


def spread_evenly(count: int) -> tuple[float, ...]:
    """`count` positions evenly over [-1, 1]; 0 for one."""
    return tuple(2 * index / (count - 1) - 1 for index in range(count)) if count > 1 else (0.0,)


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


def separate_focus(num_frames: int) -> FocusAssignment:
    """Each frame with a focus setting of its own, in name order."""
    source: FocusSource = "order" if num_frames > 1 else "single"
    return FocusAssignment(list(range(num_frames)), spread_evenly(num_frames), source, None)


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


def resolve_focus_mode(choice: LearnChoice) -> LearnMode:
    """What `auto` means for focus: learn, as positions are only start values."""
    return "learn" if choice == "auto" else choice


def check_settings_differ(focus_indices: Sequence[int], level_numbers: Sequence[int], paths: Sequence[Path]) -> None:
    """Checks that the training frames differ in focus or exposure.

    Raises:
        NeucamError: They don't, or there is only one.
    """
    if len(paths) < 2:
        raise NeucamError(
            f"{paths[0]}: the only training frame. At least two that differ in focus or exposure are needed."
        )
    if len(set(focus_indices)) < 2 and len(set(level_numbers)) < 2:
        raise NeucamError(
            f"{paths[0].parent}: neither focus nor exposure differs between the {len(paths)} training frames"
            f" {paths[0].name} .. {paths[-1].name}. Give photographs taken at different settings; if these are, say so"
            " in their names (F<i>E<j>) or in exposure.txt."
        )


def untrained_focus_note(
    focus_indices: Sequence[int], train_indices: Sequence[int], paths: Sequence[Path]
) -> str | None:
    """A sentence about held-out frames at a focus that no training frame has, so that it cannot be learned."""
    trained = {focus_indices[index] for index in train_indices}
    names = [path.stem for path, focus_index in zip(paths, focus_indices, strict=True) if focus_index not in trained]
    return f"No training frame has the focus of {', '.join(names)}: it cannot be learned." if names else None


def middle_frame(candidates: Sequence[int], focus_indices: Sequence[int], brightness_order: Sequence[float]) -> int:
    """The candidate frame with the middle exposure of the middle focus setting (the lower one of an even number).

    Args:
        candidates: Frame indices to choose from.
        focus_indices: Focus setting of every frame.
        brightness_order: Any measure of every frame's exposure that rises with the light.
    """
    focuses = sorted({focus_indices[index] for index in candidates})
    middle_focus = focuses[(len(focuses) - 1) // 2]
    in_focus = sorted((i for i in candidates if focus_indices[i] == middle_focus), key=lambda i: brightness_order[i])
    return in_focus[(len(in_focus) - 1) // 2]
