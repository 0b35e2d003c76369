"""`exposure.txt`: the exposures of a capture in stops, one value a line, and which frame takes which."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from neucam_nerfstudio.capture.settings.exposures import ranks
from neucam_nerfstudio.errors import NeucamError

EXPOSURE_FILE_NAME = "exposure.txt"
MAX_STOPS = 30.0
"""Beyond this a value cannot be in stops (a factor of a billion): seconds or ISO values were meant."""


def read_exposure_values(path: Path) -> tuple[list[float], list[int]]:
    """Reads the values of an `exposure.txt`; what follows a `#` is a comment.

    Returns:
        The values in stops, +1 is twice the light; and the line that each stands in, from 1.

    Raises:
        NeucamError: The file is empty, or a line is not one finite number of stops.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NeucamError(f"{path}: not a readable text file ({error}). Write one number of stops a line.") from error
    words = [(number, word) for number, line in enumerate(lines, 1) for word in line.partition("#")[0].split()]
    values = [_parse_stops(word, path, number) for number, word in words]
    if not values:
        raise NeucamError(f"{path}: the file is empty. Write each frame's exposure in stops, one a line, or delete it.")
    return values, [number for number, _ in words]


def _parse_stops(word: str, path: Path, line_number: int) -> float:
    try:
        stops = float(word)
    except ValueError:
        stops = math.nan
    if not abs(stops) <= MAX_STOPS:
        raise NeucamError(
            f"{path}, line {line_number}: '{word}' is not an exposure. Write one finite number of stops a line, such as"
            " -3, 0 or 1.5 (+1 is twice the light; not seconds)."
        )
    return stops


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
