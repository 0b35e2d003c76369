"""Compares ours with the others on captures of your own: one table, and one page with crops side by side.

    python -m benchmarks.compare dataset/MFME/Desk [more captures] [--output comparison]
    python -m benchmarks.compare BRACKET --method neucam-hdr

Runs, on each capture: ours; the published method (the `-paper` twin) with as many steps as fit in the wall time ours
took; OpenCV's Debevec, Robertson and Mertens; Laplacian focus fusion; `enfuse` and `focus-stack` where they are
installed; a checkpoint of the released code, if given. Seconds and memory are those of the `ns-train` command, of
`neucam-import`, of the program, or of a process that does nothing else than compute the picture. Radiance learned with
free exposures is aligned affinely. Writes `comparison.md`, `comparison.json` and `comparison.html`, anew after each
result; what fails leaves a note and its log.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.commands import CommandFailed, Pace, measure_pace
from benchmarks.compare_contenders import (
    Contender,
    Entry,
    Method,
    Subject,
    classical_contenders,
    imported,
    open_subject,
    other_programs,
    reference_photograph,
    trained,
)
from benchmarks.compare_page import Crop, Line, Picture, Section, choose_crops, picture_line, result_line, write_page
from benchmarks.compare_scores import Judge
from benchmarks.focus_stackers import NotInstalled
from benchmarks.results_table import COST_COLUMNS, HDR_COLUMNS, Result, Table, number, score_column
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.rendering.display_tonemapping import picture_for_display

COLUMNS = (
    *HDR_COLUMNS,
    score_column("PSNR sharp", "psnr_sharp"),
    score_column("SSIM sharp", "ssim_sharp", 4),
    score_column("FLIP", "flip", 4),
    score_column("MEF-SSIM", "mef_ssim", 4),
    score_column("Q_AB/F", "q_abf", 4),
    score_column("Tenengrad", "tenengrad", 4),
)
NOTES = (
    "Lower is better for FLIP alone: HDR-FLIP of radiance, LDR-FLIP of photographs.",
    "MEF-SSIM and Q_AB/F compare with the photographs, of something that moves with the reference frame alone; "
    "Tenengrad grows with sharpness and with noise. Radiance is tone mapped for these three.",
)


@dataclass
class Compare:
    """Compares ours with the published method, OpenCV and other programs on captures of your own."""

    captures: tyro.conf.Positional[tuple[Path, ...]]
    """Captures: folders of photographs, or video files."""
    output: Path = Path("comparison")
    """Folder for comparison.md, comparison.json and comparison.html."""
    method: Method | None = None
    """Method of ours. Default, for still scenes: neucam, or neucam-multifocus where all exposures are equal."""
    checkpoint: Path | None = None
    """Checkpoint (.pth) that the released code has trained on the capture."""
    iterations: int | None = None
    """Training steps of our method. Default: its own."""
    paper: bool = True
    """Whether the published method runs too. It takes as long as ours, is timed before, and renders long."""
    _paces: dict[str, Pace] = field(init=False, default_factory=dict)

    def main(self) -> None:
        """Runs everything and writes the files.

        Raises:
            SystemExit: There is nothing to compare on, or a checkpoint is given for several captures.
            NeucamError: A capture cannot be used.
        """
        if not self.captures:
            raise SystemExit("No capture is given. Name at least one folder of photographs or video file.")
        if self.checkpoint is not None and len(self.captures) > 1:
            raise SystemExit(f"--checkpoint was trained on one capture, given are {len(self.captures)}. Give that one.")
        subjects = [open_subject(path, self.method) for path in self.captures]
        table, report = Table("comparison", self.output, COLUMNS), Report(self.output)
        with tempfile.TemporaryDirectory(prefix="compare-") as scratch:
            for number_of_subject, subject in enumerate(subjects):
                judge = Judge(subject)
                report.begin(judge)
                for result, entry in self._results(judge, report, Path(scratch) / str(number_of_subject)):
                    report.add(result, None if entry is None else judge.displayed(entry))
                    table.write(report.results, (*NOTES, *report.notes))
        CONSOLE.print(f"Wrote {self.output}/comparison.html, .md and .json", markup=False)

    def _results(self, judge: Judge, report: Report, scratch: Path) -> Iterator[tuple[Result, Entry | None]]:
        subject = judge.subject
        own_alignment = "scale" if subject.knows_exposures else "affine"
        ours = trained(subject, subject.method, own_alignment, self.iterations)
        result, entry = attempt(subject.method, ours, judge, report, scratch / "ours")
        yield result, entry
        if self.paper and result.seconds is not None:
            twin = f"{subject.method}-paper"
            published = trained(
                subject, twin, "affine", self._pace(subject, twin, scratch).steps_within(result.seconds)
            )
            yield attempt(twin, published, judge, report, scratch / "paper")
        others = classical_contenders(subject) | other_programs(subject)
        if self.checkpoint is not None:
            others["released code's checkpoint"] = imported(subject, self.checkpoint)
        for position, (name, contender) in enumerate(others.items()):
            yield attempt(name, contender, judge, report, scratch / f"other-{position}")

    def _pace(self, subject: Subject, method: str, scratch: Path) -> Pace:
        if method not in self._paces:
            self._paces[method] = measure_pace(method, subject.capture.data, scratch / "pace")
        return self._paces[method]


class Report:
    """What has been found so far, and the page that shows it."""

    def __init__(self, folder: Path) -> None:
        self.results: list[Result] = []
        self.notes: list[str] = []
        self._page = folder / "comparison.html"
        self._sections: list[Section] = []
        self._crops: tuple[Crop, ...] = ()

    def begin(self, judge: Judge) -> None:
        """Starts the section of a capture, with its reference frame and its ground truth."""
        subject = judge.subject
        photographs = subject.photographs.pixels / 255
        self._crops = choose_crops(photographs)
        given = {"reference frame": reference_photograph(subject), **ground_truth(judge)}
        lines = tuple(picture_line(title, picture, self._crops) for title, picture in given.items())
        self._sections.append(Section(subject.name, lines, subject.capture.notes))
        if subject.has_bracket and not subject.knows_exposures:
            self.say(f"{subject.name}: no Debevec and no Robertson, as the exposures are not known.")

    def add(self, result: Result, picture: Picture | None) -> None:
        """Adds a result to the capture that was begun last, and writes the page anew."""
        CONSOLE.print(result.run, result.method, result.scores, f"{number(result.seconds, 1)} s", markup=False)
        self.results.append(result)
        self._add_line(result_line(result, picture, self._crops, (*COLUMNS, *COST_COLUMNS)))

    def say(self, note: str) -> None:
        """Prints a note, and keeps it for the table and the page."""
        CONSOLE.print(note, markup=False)
        self.notes.append(note)
        section = self._sections[-1]
        self._sections[-1] = Section(section.title, section.lines, (*section.notes, note))

    def say_failed(self, run: str, name: str, error: CommandFailed) -> None:
        """Notes the end of what a command printed before it failed, and keeps all of it beside the page."""
        log = self._page.with_name(f"{run}, {name}.log")
        log.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(error.log, log)
        self.say(f"{run}, {name} failed: {error.last_lines(3)} (all it printed: {log.name})")

    def _add_line(self, line: Line) -> None:
        section = self._sections[-1]
        self._sections[-1] = Section(section.title, (*section.lines, line), section.notes)
        write_page(self._page, self._sections)


def attempt(name: str, contender: Contender, judge: Judge, report: Report, folder: Path) -> tuple[Result, Entry | None]:
    """Runs and scores one way; if it cannot run or fails, its line says so, and the others still run."""
    run = judge.subject.name
    try:
        entry = contender(folder)
    except NotInstalled:
        return Result(run, f"{name} (not installed)", {}, None), None
    except CommandFailed as error:
        report.say_failed(run, name, error)
        return Result(run, f"{name} (failed)", {}, None), None
    if entry.picture.shape != (judge.subject.capture.height, judge.subject.capture.width, 3):
        report.say(f"{run}, {name}: its picture has another size, {entry.picture.shape[1]}x{entry.picture.shape[0]}.")
        return Result(run, f"{name} (another size)", {}, None), None
    measurement = entry.measurement
    return (
        Result(
            run=run,
            method=name,
            scores=judge.scores(entry),
            **({"seconds": None} if measurement is None else asdict(measurement)),
            steps=entry.steps,
        ),
        entry,
    )


def ground_truth(judge: Judge) -> dict[str, Picture]:
    """Ground truth to show, by name."""
    pictures = {}
    if judge.yardstick.radiance is not None:
        pictures["ground truth (radiance)"] = picture_for_display(judge.yardstick.radiance)
    if judge.yardstick.sharp is not None:
        pictures["ground truth (sharp)"] = judge.yardstick.sharp
    return pictures


if __name__ == "__main__":
    try:
        tyro.cli(Compare).main()
    except NeucamError as capture_error:
        raise SystemExit(str(capture_error)) from capture_error
