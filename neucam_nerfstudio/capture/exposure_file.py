"""`exposure.txt`: the exposures of a capture in stops, one value a line."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from neucam_nerfstudio.capture.errors import CaptureError

EXPOSURE_FILE_NAME = "exposure.txt"
MAX_STOPS = 30.0
"""Beyond this a value cannot be in stops (a factor of a billion): seconds or ISO values were meant."""


def read_exposure_values(path: Path) -> list[float]:
    """Reads the values of an `exposure.txt`.

    Returns:
        Stops; +1 is twice the light.

    Raises:
        CaptureError: The file is empty, or a line is not one finite number of stops.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CaptureError(f"{path}: not a readable text file ({error}). Write one number of stops a line.") from error
    values = [_parse_stops(word, path, number) for number, line in enumerate(lines, 1) for word in line.split()]
    if not values:
        raise CaptureError(
            f"{path}: the file is empty. Write each frame's exposure in stops, one a line, or delete it."
        )
    return values


def _parse_stops(word: str, path: Path, line_number: int) -> float:
    try:
        stops = float(word)
    except ValueError:
        stops = math.nan
    if not abs(stops) <= MAX_STOPS:
        raise CaptureError(
            f"{path}, line {line_number}: '{word}' is not an exposure. Write one finite number of stops a line, such as"
            " -3, 0 or 1.5 (+1 is twice the light; not seconds)."
        )
    return stops


def stops_of_frames(
    values: Sequence[float], exposure_numbers: Sequence[int] | None, num_frames: int, path: Path
) -> list[float]:
    """Exposure of every frame from the values of an `exposure.txt`.

    Args:
        values: The file's values, stops.
        exposure_numbers: `E<j>` of each frame where the names carry it: the frame takes value j. None: the values
            cycle over the frames in name order.
        num_frames: Number of all frames in the folder.
        path: The file, for messages.

    Raises:
        CaptureError: There are more values than frames, or none for some `E<j>`.
    """
    if len(values) > num_frames:
        raise CaptureError(
            f"{path}: {len(values)} values for {num_frames} frames. Remove the values that belong to no frame, or add"
            " the missing ones."
        )
    if exposure_numbers is None:
        return [values[index % len(values)] for index in range(num_frames)]
    if max(exposure_numbers) >= len(values):
        raise CaptureError(
            f"{path}: {len(values)} values, but the file names go up to E{max(exposure_numbers)}, which needs"
            f" {max(exposure_numbers) + 1} (the first value is E0's). Add the missing values."
        )
    return [values[number] for number in exposure_numbers]
