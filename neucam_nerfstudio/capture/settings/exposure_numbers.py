"""Exposures as people write them: stops, seconds, or divisors of a second; with units or not, also in file names."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from neucam_nerfstudio.capture.settings.exposures import MAX_STOPS
from neucam_nerfstudio.errors import NeucamError

Unit = Literal["stops", "seconds", "1/seconds"]
"""What numbers may mean: stops, of which +1 is twice the light; shutter times; or what those are divisors of."""

EXPOSURE_FILE_NAME = "exposure.txt"
"""In any case of letters."""
DIVISOR_LIST = re.compile(r"^list$|hdr_image_list$", re.IGNORECASE)
"""Names without suffix of lists of OpenCV and of Debevec's HDRgen: each line has a name and 1/seconds."""
_DIGITS = r"(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?"
_QUANTITY = re.compile(
    rf"""(?P<value>[+-]?{_DIGITS}) (?: \s*/\s* (?P<divisor>{_DIGITS}) )?
    \s* (?P<unit> ms | s | secs? | seconds? | "|''|″ | ev | stops? )?""",
    re.IGNORECASE | re.VERBOSE,
)
_NAMED_EXPOSURES: tuple[tuple[re.Pattern[str], Unit], ...] = (
    (re.compile(r"(?<![a-z0-9.])(?P<value>[+-]?\d+(?:[.,]\d+)?) ?ev(?![a-z0-9])", re.IGNORECASE), "stops"),
    (re.compile(r"(?<![a-z0-9])ev[_ ]?(?P<value>[+-]?\d+(?:[.,]\d+)?)(?![a-z0-9])", re.IGNORECASE), "stops"),
    (re.compile(r"(?<![a-z0-9.])1[-_](?P<divisor>\d+) ?s(?:ecs?)?(?![a-z0-9])", re.IGNORECASE), "seconds"),
    (re.compile(r"(?<![a-z0-9.])(?P<value>\d+(?:[.,]\d+)?) ?s(?:ecs?)?(?![a-z0-9])", re.IGNORECASE), "seconds"),
    (re.compile(r"(?<![a-z0-9.])(?P<value>\d+(?:[.,]\d+)?) ?ms(?![a-z0-9])", re.IGNORECASE), "seconds"),
)
"""Exposures in file names: `-2EV`, `ev+1.3`, `1-250s`, `0.5s`, `15ms`."""


class ExposureList(NamedTuple):
    """Numbers that tell exposures, in stops by each meaning that they may have.

    Attributes:
        file: What holds them; None of file names.
        words: The numbers as they are written.
        lines: Line that each stands in, from 1.
        readings: Exposures in stops by meaning; first what such a list means by its rules.
        is_named: Whether they are those of the frames, one each; else they are to be dealt out.
    """

    file: Path | None
    words: list[str]
    lines: list[int]
    readings: dict[Unit, list[float]]
    is_named: bool

    def of_frames(self, places: Sequence[int]) -> ExposureList:
        """The numbers that belong to frames, by their places in the list."""
        return self._replace(
            words=[self.words[place] for place in places],
            lines=[self.lines[place] for place in places],
            readings={unit: [stops[place] for place in places] for unit, stops in self.readings.items()},
            is_named=True,
        )


class WrittenNumber(NamedTuple):
    value: float
    unit: Unit | None
    word: str
    line: int
    is_ratio: bool = False


def is_exposure_file(path: Path) -> bool:
    """Whether this is `exposure.txt`, in any case of letters."""
    return path.name.lower() == EXPOSURE_FILE_NAME


def exposure_list(
    path: Path | None, numbers: Sequence[WrittenNumber], added: Sequence[float] | None, is_named: bool
) -> ExposureList:
    """The list of numbers whose meaning is found out as far as they tell it; `added` are stops beside shutter times."""
    values = [number.value for number in numbers]
    units: set[Unit] = {number.unit for number in numbers if number.unit is not None}
    if len(units) > 1:
        raise NeucamError(f"{path}: some numbers are {' and some '.join(sorted(map(str, units)))}. Write all alike.")
    meanings: list[Unit] = ["stops", "seconds", "1/seconds"]
    is_positive = all(value > 0 for value in values)
    if units:
        meanings = list(units)
    elif is_positive and any(number.is_ratio for number in numbers):
        meanings = ["seconds"]
    elif not is_positive:
        meanings = ["stops"]
    elif path is not None and DIVISOR_LIST.search(path.stem):
        meanings = ["1/seconds", "seconds", "stops"]
    elif path is None or not is_exposure_file(path):
        meanings = ["seconds", "1/seconds", "stops"]
    readings: dict[Unit, list[float]] = {}
    for meaning in meanings:
        if meaning == "stops":
            wrong = next((number for number in numbers if abs(number.value) > MAX_STOPS), None)
            if wrong is None:
                readings[meaning] = values
            elif meanings == ["stops"]:
                raise no_exposure(path, wrong.word, wrong.line)
        else:
            wrong = next((number for number in numbers if number.value <= 0), None)
            if wrong is not None:
                raise no_exposure(path, wrong.word, wrong.line)
            sign = 1 if meaning == "seconds" else -1
            stops = [sign * math.log2(value) for value in values]
            readings[meaning] = stops if added is None else [a + b for a, b in zip(stops, added, strict=True)]
    words = [number.word for number in numbers]
    return ExposureList(path, words, [number.line for number in numbers], readings, is_named)


def no_exposure(path: Path | None, word: str, line: int) -> NeucamError:
    return NeucamError(
        f"{path}, line {line}: '{word}' is not an exposure. Write one finite number of stops a line, such as -3, 0 or"
        " 1.5 (+1 is twice the light), or the shutter time in seconds, such as 1/60 or 2 s."
    )


def _decimal(word: str) -> float:
    return float(word.replace(",", "."))


def parse_number(word: str, line: int) -> WrittenNumber | None:
    """The number of a word with or without unit; None if it is none that is finite."""
    found = _QUANTITY.fullmatch(word.strip())
    if found is None:
        return None
    value, unit_word = float(found["value"]), (found["unit"] or "").lower()
    if found["divisor"] is not None:
        if float(found["divisor"]) == 0:
            return None
        value /= float(found["divisor"])
    if not math.isfinite(value):
        return None
    unit: Unit | None = None
    if unit_word:
        unit = "stops" if unit_word.startswith(("ev", "stop")) else "seconds"
        value /= 1000 if unit_word == "ms" else 1
    return WrittenNumber(value, unit, word.strip(), line, found["divisor"] is not None)


def exposures_in_names(frames: Sequence[Path]) -> ExposureList | None:
    """Exposures that all file names carry: `-2EV`, `ev+1.3`, `1-250s`, `0.5s`, or a decimal number; else None."""
    if not frames:
        return None
    numbers = [_named_exposure(path.stem) for path in frames]
    found = [number for number in numbers if number is not None]
    if len(found) < len(frames):
        words = [re.findall(r"(?<![\d.])\d+(?:\.\d+)?(?![\d.])", path.stem) for path in frames]
        if not all(len(of_name) == 1 for of_name in words) or not any("." in of_name[0] for of_name in words):
            return None
        found = [WrittenNumber(float(word), None, word, 0) for (word,) in words]
        if len({path.stem.replace(number.word, "", 1) for path, number in zip(frames, found, strict=True)}) > 1:
            return None
    try:
        return exposure_list(None, found, None, is_named=True)
    except NeucamError:  # a time of 0 s, or seconds beside stops
        return None


def _named_exposure(stem: str) -> WrittenNumber | None:
    for pattern, unit in _NAMED_EXPOSURES:
        found = pattern.search(stem)
        if found is not None:
            groups = found.groupdict()
            value = 1 / max(float(groups["divisor"]), 1) if "divisor" in groups else _decimal(groups["value"])
            value /= 1000 if "ms" in found[0].lower() else 1
            return WrittenNumber(value, unit, f"1/{groups['divisor']} s" if "divisor" in groups else found[0], 0)
    return None
