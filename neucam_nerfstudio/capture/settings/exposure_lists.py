"""Files in which people write exposures down: `exposure.txt`, lists of other programs, and tables."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Sequence
from pathlib import Path

from neucam_nerfstudio.capture.settings.exposure_numbers import (
    EXPOSURE_FILE_NAME,
    ExposureList,
    Unit,
    WrittenNumber,
    exposure_list,
    is_exposure_file,
    no_exposure,
    parse_number,
)
from neucam_nerfstudio.errors import NeucamError

LIST_SUFFIXES = frozenset({".txt", ".csv", ".tsv", ".lst", ".list", ".dat"})
LIST_NAME = re.compile(
    r"expos|shutter|(?:^|[ _.-])(?:list|times?|stops|brackets?|ev)(?:$|[ _.-])|image_list", re.IGNORECASE
)
"""Names without suffix of files that are lists of exposures, whatever they hold."""
LARGEST_LIST_BYTES = 1_000_000
DECIBELS_PER_STOP = 20 * math.log10(2)

_SPACED_UNIT = re.compile(r"""(?<=[\d.])\s+(?=(?:ms|s|secs?|seconds?|"|''|″|ev|stops?)(?:[\s,;]|$))""", re.IGNORECASE)

_COLUMNS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("nd", re.compile(r"\bnd|nd_stops|filter")),
    ("f_number", re.compile(r"f[ _/-]?(?:number|stop)|aperture")),
    ("gain", re.compile(r"gain")),
    ("iso", re.compile(r"\biso\b|\basa\b|sensitivity")),
    ("1/seconds", re.compile(r"1 ?/|inverse|denominator|reciprocal")),
    ("stops", re.compile(r"stops?|\bev\b|bias|compensation")),
    ("seconds", re.compile(r"time|shutter|sec|speed|\btv\b|duration|\(s\)|_s$|^s$|\bms\b")),
    ("", re.compile(r"expos")),
)
"""What the heading of a column says about its numbers; the first that fits."""


def find_lists(folder: Path) -> list[Path]:
    """Text files of a folder that may tell exposures: first `exposure.txt`, in any case of letters, then by name."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    lists = [path for path in files if path.suffix.lower() in LIST_SUFFIXES]
    return sorted(lists, key=lambda path: (path.name != EXPOSURE_FILE_NAME, not is_exposure_file(path), path.name))


def read_exposure_file(path: Path, frames: Sequence[Path]) -> ExposureList:
    """Reads `exposure.txt`: exposures, or a name and an exposure a line; what follows a `#` is a comment.

    Raises:
        NeucamError: The file is empty, or something in it is not an exposure.
    """
    text = _text_of(path)
    if text is None:
        raise NeucamError(f"{path}: not a readable text file. Write one exposure a line, in stops.")
    try:
        table = _named_numbers(text, frames, is_list=True)
    except NeucamError as error:
        raise NeucamError(f"{path}: {error}. Write a line for each frame, or numbers alone.") from error
    if table is not None:
        return exposure_list(path, *table, is_named=True)
    numbers = []
    for line_number, line in enumerate(text.splitlines(), 1):
        for word in _SPACED_UNIT.sub("", line.partition("#")[0]).split():
            number = parse_number(word, line_number)
            if number is None:
                raise no_exposure(path, word, line_number)
            numbers.append(number)
    if not numbers:
        raise NeucamError(f"{path}: the file is empty. Write each frame's exposure in stops, one a line, or delete it.")
    return exposure_list(path, numbers, None, is_named=False)


def read_other_list(path: Path, frames: Sequence[Path]) -> ExposureList | str | None:
    """Reads a list of another program: names and numbers, a table with headings, or numbers alone, one a frame.

    Returns:
        The list; or why it tells no exposures, in words; None if it is no list of exposures by its name and content.
    """
    text = _text_of(path)
    looks_like_list = LIST_NAME.search(path.stem) is not None
    if text is None:
        return "it is no text" if looks_like_list else None
    try:
        table = _named_numbers(text, frames, looks_like_list)
        if table is not None:
            return exposure_list(path, *table, is_named=True)
        if not looks_like_list:
            return None
        words = [line.partition("#")[0].split() for line in _SPACED_UNIT.sub("", text).splitlines()]
        parsed = [parse_number(line[0], number) for number, line in enumerate(words, 1) if line]
        numbers = [number for number in parsed if number is not None]
        if len(numbers) == len(frames) + 1 and numbers[0].value == len(frames):
            numbers = numbers[1:]  # first their number
        if len(numbers) != len(frames) or len(parsed) - len(numbers) > 1:
            return f"it names no frame, and holds {len(numbers)} numbers for {len(frames)} frames"
        return exposure_list(path, numbers, None, is_named=True)
    except NeucamError as error:
        return str(error).removeprefix(f"{path}: ")


def _text_of(path: Path) -> str | None:
    """The text of a file; None if it is too large to be a list, or no text."""
    try:
        content = path.read_bytes()[: LARGEST_LIST_BYTES + 1]
        if len(content) > LARGEST_LIST_BYTES:
            return None
        encoding = "utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
        text = content.decode(encoding)
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def _named_numbers(
    text: str, frames: Sequence[Path], is_list: bool
) -> tuple[list[WrittenNumber], list[float] | None] | None:
    """Numbers of the frames from lines that name them, and stops to add; None if no line names a frame.

    Args:
        text: Of the file.
        frames: All frames.
        is_list: Whether the file is a list by its name: any other has to name at least half of the frames.

    Raises:
        NeucamError: A frame is not named, or lines have no number that tells an exposure.
    """
    by_name = {path.stem.lower(): index for index, path in enumerate(frames) if parse_number(path.stem, 0) is None}
    by_name |= {path.name.lower(): index for index, path in enumerate(frames)}
    lines = text.splitlines()
    separator = next((mark for mark in ";\t," if any(mark in line.partition("#")[0] for line in lines)), None)
    rows: dict[int, tuple[int, list[str]]] = {}
    heading: list[str] = []
    for number, line in enumerate(lines, 1):
        cells = _cells(line.partition("#")[0], separator, by_name)
        place = next((index for index, cell in enumerate(cells) if _frame_of(cell, by_name) is not None), None)
        frame = None if place is None else _frame_of(cells[place], by_name)
        if frame is not None and place is not None:
            rows.setdefault(frame, (number, [*cells[:place], "", *cells[place + 1 :]]))
        elif not rows:
            words = _cells(line.lstrip("# "), separator, by_name)
            heading = words if any(parse_number(word, number) is None for word in words) else heading
    if not rows or (not is_list and len(rows) < len(frames) / 2):
        return None
    missing = [path.name for index, path in enumerate(frames) if index not in rows]
    if missing:
        raise NeucamError(f"it names {len(rows)} of {len(frames)} frames, but not {missing[0]}")
    in_order = [rows[index] for index in range(len(frames))]
    width = min(len(cells) for _, cells in in_order)
    fits = len(heading) == width or (separator is not None and len(heading) > width)
    return _columns(in_order, [_kind_of(heading[column]) if fits else None for column in range(width)], separator)


def _columns(
    rows: Sequence[tuple[int, list[str]]], kinds: Sequence[str | None], separator: str | None
) -> tuple[list[WrittenNumber], list[float] | None]:
    """The column of exposures, and what columns of aperture, sensitivity, gain and filters add in stops."""
    columns: dict[int, list[WrittenNumber]] = {}
    for column in range(len(kinds)):
        words = [cells[column].replace(",", ".") if separator == ";" else cells[column] for _, cells in rows]
        parsed = [parse_number(word, line) for word, (line, _) in zip(words, rows, strict=True)]
        numbers = [number for number in parsed if number is not None]
        if len(numbers) == len(rows):
            columns[column] = numbers
    order = ("seconds", "1/seconds", "stops", "", None)
    telling = sorted((column for column in columns if kinds[column] in order), key=lambda c: (order.index(kinds[c]), c))
    if not telling:
        raise NeucamError("its lines have no number that is an exposure")
    kind = kinds[telling[0]]
    unit: Unit | None = kind if kind in ("seconds", "1/seconds", "stops") else None  # type: ignore[assignment]
    numbers = [number._replace(unit=number.unit or unit) for number in columns[telling[0]]]
    added = [0.0] * len(rows)
    for column, values in columns.items():
        for index, number in enumerate(values):
            added[index] += _stops_beside_time(kinds[column], number.value)
    return numbers, None if unit == "stops" else added


def _stops_beside_time(kind: str | None, value: float) -> float:
    if kind == "f_number" and value > 0:
        return -2 * math.log2(value)
    if kind == "iso" and value > 0:
        return math.log2(value / 100)
    return {"gain": value / DECIBELS_PER_STOP, "nd": -value}.get(kind or "", 0.0)


def _kind_of(heading: str) -> str | None:
    return next((kind for kind, pattern in _COLUMNS if pattern.search(heading.lower())), None)


def _cells(line: str, separator: str | None, names: dict[str, int]) -> list[str]:
    """Cells of a line; a frame's name at its start is one, whatever spaces it has."""
    line = _SPACED_UNIT.sub("", line.strip())
    if separator is not None:
        return [cell.strip().strip('"') for cell in next(csv.reader([line], delimiter=separator), [])]
    name = max((name for name in names if " " in name and line.lower().startswith(name)), key=len, default="")
    words = [word[1:-1] if word[0] == word[-1] == '"' else word for word in line[len(name) :].split()]
    return [*([name] if name else []), *words]


def _frame_of(cell: str, names: dict[str, int]) -> int | None:
    """The frame that a cell names, with or without folder and with whatever suffix."""
    name = re.split(r"[/\\]", cell.lower())[-1]
    stem, dot, suffix = name.rpartition(".")
    if name in names:
        return names[name]
    return names.get(stem) if dot and suffix.isalnum() and not suffix.isdigit() else None
