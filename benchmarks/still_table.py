"""Measures still captures: ours, the published method in the same time, and classical OpenCV, in one run.

    python -m benchmarks.still_table [--data-root dataset/MFME] [--rows desk gallery ...]

Ours is the real `ns-train ... --vis tensorboard` command, timed from start to exit, then `neucam-export hdr`,
scored against the capture's ground truth; held-out frames are scored by `ns-eval`. The published method (the
`-paper` twin) gets as many steps as fit in the wall time ours took, start-up and warm-up included (`measure_pace`), and
is scored affine, because it learns its exposures freely. A focus stack is scored against the ground truth developed as
its camera does (`developed_truth`). Writes `still_table.md` and `still_table.json`, anew after each result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float

from benchmarks.classical import classical_hdr, laplacian_fusion
from benchmarks.commands import FinishedRun, Pace, Training, measure_pace
from benchmarks.developed_truth import fit_response
from benchmarks.results_table import HDR_COLUMNS, Column, Result, Table, number, start_alone
from benchmarks.still_rows import ROWS, Row, photographs_of
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment, hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import psnr
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance

OTHER_SCORES = {"psnr_held_out": "held out", "psnr_photograph": "all in focus"}
"""Scores that not every row has, and what the table calls them."""


def other_scores(result: Result) -> str:
    """Scores of held-out frames and of photographs."""
    present = [(result.scores[score], what) for score, what in OTHER_SCORES.items() if score in result.scores]
    return ", ".join(f"{number(value, 2)} {what}" for value, what in present)


COLUMNS = (*HDR_COLUMNS, Column("other PSNR", other_scores))


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
    _paces: dict[str, Pace] = field(init=False, default_factory=dict)

    def main(self) -> None:
        """Runs the rows and writes the table."""
        table = Table("still_table", self.output_path, COLUMNS)
        table.fill(ROWS, self.rows, self.data_root, self._results)

    def _results(self, row: Row, scratch: Path) -> Iterator[Result]:
        capture = open_capture(self.data_root / row.capture, train_frames=row.train_frames)[0]
        truth = truth_of(row, capture)
        photographs = photographs_of(row, self.data_root, scratch / "captures").resolve()
        ours = Training(row.method, photographs, row.train_frames, row.iterations)
        result = learned_result(row, ours, row.alignment, truth, scratch / row.name / "ours")
        yield result
        if row.with_others:
            start = replace(ours, iterations=1)
            yield start_alone(learned_result(row, start, row.alignment, truth, scratch / row.name / "start"))
        if row.with_others and self.paper:
            pace = self._pace(f"{row.method}-paper", photographs, scratch)
            paper = Training(f"{row.method}-paper", photographs, row.train_frames, pace.steps_within(result.seconds))
            yield learned_result(row, paper, "affine", truth, scratch / row.name / "paper")
        if row.with_others:
            yield classical_result(row, capture, truth)

    def _pace(self, method: str, photographs: Path, scratch: Path) -> Pace:
        if method not in self._paces:
            self._paces[method] = measure_pace(method, photographs, scratch / f"pace-{method}")
        return self._paces[method]


def truth_of(row: Row, capture: Capture) -> Float[np.ndarray, "height width 3"]:
    """What a row is scored against: true radiance, or a perfect photograph of it at the training frames' exposure."""
    radiance = read_radiance(capture.radiance_truth[capture.reference_index])
    if row.scored_on == "radiance":
        return radiance
    everything = open_capture(capture.folder)[0]
    stops = np.array([everything.exposure_stops(index) for index in everything.train_indices])
    response = fit_response(radiance, PixelStore(everything).stack(everything.train_indices) / 255, stops)
    return response.develop(radiance, capture.exposure_stops(capture.reference_index))


def learned_result(row: Row, training: Training, alignment: Alignment, truth: np.ndarray, folder: Path) -> Result:
    """Trains, renders and scores one method."""
    run, measurement = training.run(folder)
    return Result(
        run=row.title,
        method=training.method,
        scores=_scores(row, run, alignment, truth) | _held_out_scores(row, training, run),
        **asdict(measurement),
        steps=training.iterations,
        asked=row.asked if training.method == row.method else "",
    )


def _scores(row: Row, run: FinishedRun, alignment: Alignment, truth: np.ndarray) -> dict[str, float]:
    if row.scored_on == "photograph":
        picture = read_photograph(run.render("all_in_focus", "--image-format", "png")[0])
        return {"psnr_photograph": psnr(picture / 255, truth)}
    return hdr_scores(run.radiance(), truth, alignment)


def _held_out_scores(row: Row, training: Training, run: FinishedRun) -> dict[str, float]:
    """Of our method alone: the published one never learns exposures that it has no frame of."""
    asked = row.has_held_out_frames and training.method == row.method
    return {"psnr_held_out": run.evaluation_psnr()} if asked else {}


def classical_result(row: Row, capture: Capture, truth: np.ndarray) -> Result:
    """Computes and scores the classical picture of the same frames."""
    start = time.perf_counter()
    if row.scored_on == "photograph":
        picture = np.clip(laplacian_fusion(PixelStore(capture).stack(capture.train_indices) / 255), 0, 1)
        seconds = time.perf_counter() - start
        return Result(row.title, "Laplacian fusion", {"psnr_photograph": psnr(picture, truth)}, seconds)
    focus_index = [capture.frames[index].focus_index for index in capture.train_indices]
    stops = [capture.exposure_stops(index) for index in capture.train_indices]
    radiance = classical_hdr(PixelStore(capture).stack(capture.train_indices), focus_index, stops)
    seconds = time.perf_counter() - start
    return Result(row.title, "OpenCV (Debevec, Laplacian fusion)", hdr_scores(radiance, truth), seconds)


if __name__ == "__main__":
    tyro.cli(StillTable).main()
