"""Measures still captures: ours, the published method in the same time, and classical OpenCV, in one run.

    python -m benchmarks.still_table [--data-root dataset/MFME] [--rows desk gallery ...]

Ours is the real `ns-train ... --vis tensorboard` command, timed from start to exit, then `neucam-export hdr`,
scored against the capture's ground truth; held-out frames are scored by `ns-eval`. The published method (the
`-paper` twin) gets as many steps as fit in the wall time ours took, start-up and warm-up included (`measure_pace`), and
is scored affine, because it learns its exposures freely. Writes `still_table.md` and `still_table.json`, anew after
each result. Focus stacks have a table of their own: `focus_table`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import tyro

from benchmarks.classical import classical_hdr
from benchmarks.commands import FinishedRun, Pace, Training, measure_pace
from benchmarks.results_table import HDR_COLUMNS, Result, Table, score_column, start_alone
from benchmarks.still_rows import ROWS, Row, photographs_of
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment, hdr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance

METHOD, PAPER_METHOD = "neucam", "neucam-paper"
COLUMNS = (*HDR_COLUMNS, score_column("PSNR held out", "psnr_held_out"))


@dataclass
class StillTable:
    """Measures still captures: ours, the published method in the same time, and classical OpenCV."""

    data_root: Path = Path("dataset/MFME")
    """Folder that holds the captures; rows whose capture is not there are skipped."""
    output_path: Path = Path("benchmarks/results")
    """Folder for still_table.md and still_table.json."""
    rows: tuple[str, ...] = tuple(row.name for row in ROWS)
    """Rows to measure."""
    paper: bool = True
    """Whether the published method runs too. It takes as long as ours, and long to render."""
    _pace: Pace | None = field(init=False, default=None)

    def main(self) -> None:
        """Runs the rows and writes the table."""
        table = Table("still_table", self.output_path, COLUMNS)
        table.fill(ROWS, self.rows, self.data_root, self._results)

    def _results(self, row: Row, scratch: Path) -> Iterator[Result]:
        capture = open_capture(self.data_root / row.capture, train_frames=row.train_frames)[0]
        truth = read_radiance(capture.radiance_truth[capture.reference_index])
        photographs = photographs_of(row, self.data_root, scratch / "captures").resolve()
        ours = Training(METHOD, photographs, row.train_frames, row.iterations)
        result = learned_result(row, ours, row.alignment, truth, scratch / row.name / "ours")
        yield result
        if row.with_others:
            start = replace(ours, iterations=1)
            yield start_alone(learned_result(row, start, row.alignment, truth, scratch / row.name / "start"))
        if row.with_others and self.paper:
            self._pace = self._pace or measure_pace(PAPER_METHOD, photographs, scratch / "pace")
            steps = self._pace.steps_within(result.seconds)
            paper = Training(PAPER_METHOD, photographs, row.train_frames, steps)
            yield learned_result(row, paper, "affine", truth, scratch / row.name / "paper")
        if row.with_others:
            yield classical_result(row, capture, truth)


def learned_result(row: Row, training: Training, alignment: Alignment, truth: np.ndarray, folder: Path) -> Result:
    """Trains, renders and scores one method."""
    run, measurement = training.run(folder)
    return Result(
        run=row.title,
        method=training.method,
        scores=hdr_scores(run.radiance(), truth, alignment) | _held_out_scores(row, training, run),
        **asdict(measurement),
        steps=training.iterations,
        asked=row.asked if training.method == METHOD else "",
    )


def _held_out_scores(row: Row, training: Training, run: FinishedRun) -> dict[str, float]:
    """Of our method alone: the published one never learns exposures that it has no frame of."""
    asked = row.has_held_out_frames and training.method == METHOD
    return {"psnr_held_out": run.evaluation_psnr()} if asked else {}


def classical_result(row: Row, capture: Capture, truth: np.ndarray) -> Result:
    """Computes and scores the classical picture of the same frames."""
    start = time.perf_counter()
    focus_index = [capture.frames[index].focus_index for index in capture.train_indices]
    stops = [capture.exposure_stops(index) for index in capture.train_indices]
    radiance = classical_hdr(PixelStore(capture).stack(capture.train_indices), focus_index, stops)
    seconds = time.perf_counter() - start
    return Result(row.title, "OpenCV (Debevec, Laplacian fusion)", hdr_scores(radiance, truth), seconds)


if __name__ == "__main__":
    tyro.cli(StillTable).main()
