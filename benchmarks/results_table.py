"""Runs the rows of a benchmark; results as JSON, to compute with, and as a Markdown table, to read."""

from __future__ import annotations

import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.imaging.file_writing import written_whole


@dataclass(frozen=True)
class Result:
    """One method on one capture.

    Attributes:
        run: What was run, in words.
        method: By which method.
        scores: By name, in dB unless the name says otherwise.
        seconds: Wall time of the command, or of the computation; None if it did not run.
        cpu_seconds: User and system time, where it ran as a command.
        peak_gigabytes: Peak memory, where it ran as a command.
        steps: Training steps, where they were not the method's own number.
        asked: What was asked of it.
        psnr_of_frames: Of a video, the PSNR of each frame that `scores` sums up, dB.
    """

    run: str
    method: str
    scores: dict[str, float]
    seconds: float | None
    cpu_seconds: float | None = None
    peak_gigabytes: float | None = None
    steps: int | None = None
    asked: str = ""
    psnr_of_frames: tuple[float, ...] = ()


def start_alone(result: Result) -> Result:
    """The result of a run that was stopped after one step: what training has added is what it lacks."""
    return replace(result, method=f"{result.method}, its start alone", asked="")


class Column(NamedTuple):
    """A column of the table: its title, and what a result has in it."""

    title: str
    cell: Callable[[Result], str]


class Row(Protocol):
    """One experiment."""

    name: str
    title: str
    capture: str


AnyRow = TypeVar("AnyRow", bound=Row)


@dataclass(frozen=True)
class Table:
    """Where results go, and how they are shown.

    Attributes:
        name: Of its files.
        folder: For `<name>.json` and `<name>.md`.
        columns: What is shown between the method and what it took.
    """

    name: str
    folder: Path
    columns: tuple[Column, ...]

    def fill(
        self,
        rows: Sequence[AnyRow],
        chosen: Sequence[str],
        data_root: Path,
        measure: Callable[[AnyRow, Path], Iterator[Result]],
    ) -> None:
        """Measures the chosen rows, in the table's order, and writes the table anew after each result.

        Args:
            rows: All rows there are.
            chosen: Names of those to measure.
            data_root: Folder that holds the captures; a row whose capture is not there is skipped, which is said.
            measure: Gives the results of a row; the second argument is a folder for what it makes.

        Raises:
            SystemExit: If a chosen row does not exist.
        """
        unknown = sorted(set(chosen) - {row.name for row in rows})
        if unknown:
            raise SystemExit(f"No row {', '.join(unknown)}; there are {', '.join(row.name for row in rows)}.")
        results: list[Result] = []
        notes: list[str] = []
        with tempfile.TemporaryDirectory(prefix=f"{self.name}-") as scratch:
            for row in (row for row in rows if row.name in chosen):
                if not (data_root / row.capture).is_dir():
                    notes.append(f"{row.title}: skipped, there is no {row.capture} in {data_root}.")
                    CONSOLE.print(notes[-1], markup=False)
                    continue
                for result in measure(row, Path(scratch)):
                    CONSOLE.print(
                        result.run, result.method, result.scores, f"{number(result.seconds, 1)} s", markup=False
                    )
                    results.append(result)
                    self.write(results, notes)
        self.write(results, notes)

    def write(self, results: Sequence[Result], notes: Sequence[str]) -> None:
        """Writes both files."""
        with written_whole(self.folder / f"{self.name}.json") as path:
            content = {"machine": machine(), "notes": list(notes), "results": [asdict(result) for result in results]}
            path.write_text(json.dumps(content, indent=2) + "\n")
        with written_whole(self.folder / f"{self.name}.md") as path:
            path.write_text(markdown(results, notes, self.columns))


def machine() -> str:
    """What the times were measured on."""
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "nerfstudio"))
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}, {packages}"


def markdown(results: Sequence[Result], notes: Sequence[str], score_columns: Sequence[Column]) -> str:
    """The table, with the machine below it and a line for each note."""
    columns = (*RUN_COLUMNS, *score_columns, *COST_COLUMNS)
    titles = [column.title for column in columns]
    rows = [titles, ["---"] * len(columns), *([column.cell(result) for column in columns] for result in results)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", f"Measured on {machine()}.", *(f"- {note}" for note in notes), ""])


def score_column(title: str, score: str, digits: int = 2) -> Column:
    """A column of one score, by its name; empty where a result has none."""
    return Column(title, lambda result: number(result.scores.get(score), digits))


def aligned_score_column(title: str, score: str, digits: int = 2) -> Column:
    """A column of a score of `hdr_scores`, whichever way it was aligned."""
    return Column(title, lambda result: number(result.scores.get(f"{score}_{alignment_of(result)}"), digits))


def alignment_of(result: Result) -> str:
    """How a result was aligned to the ground truth; empty where it was not."""
    return next((name.removeprefix("psnr_mu_") for name in result.scores if name in ALIGNED_PSNR), "")


def number(value: float | None, digits: int) -> str:
    """A value with so many decimals; empty for none."""
    return "" if value is None else f"{value:.{digits}f}"


ALIGNED_PSNR = ("psnr_mu_scale", "psnr_mu_affine")

RUN_COLUMNS = (Column("run", lambda result: result.run), Column("method", lambda result: result.method))
HDR_COLUMNS = (
    aligned_score_column("PSNR mu", "psnr_mu"),
    aligned_score_column("SSIM mu", "ssim_mu", 4),
    aligned_score_column("PSNR PU21", "psnr_pu21"),
    Column("aligned", alignment_of),
)
COST_COLUMNS = (
    Column("steps", lambda result: "" if result.steps is None else str(result.steps)),
    Column("s", lambda result: number(result.seconds, 1)),
    Column("CPU s", lambda result: number(result.cpu_seconds, 2)),
    Column("GB", lambda result: number(result.peak_gigabytes, 2)),
    Column("asked", lambda result: result.asked),
)
