"""Measures captures that move: ours, the published method in the same time, and classical OpenCV, in one run.

    python -m benchmarks.moving_table [--data-root ...] [--rows bracket hdr-video ...]

Ours is the real `ns-train ... --vis tensorboard` command, timed from start to exit, then `ns-render dataset` of all
frames, scored against the capture's ground truth: the reference frame of a bracket; every frame of a video, with its
flicker beside the ground truth's own; every frame of a video with motion blur, against its sharp photograph. The
published method (the `-paper` twin) gets as many steps as fit in the wall time ours took, start-up and warm-up
included, but at least one; for videos its warm-up, which alone takes longer than that, is cut from 100 rounds to one.
Its radiance is scored affine, because it learns its exposures freely. Long videos are made of short ones to measure
memory.
Writes `moving_table.md` and `moving_table.json`, anew after each result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float

from benchmarks import moving_classical as classical
from benchmarks.commands import FinishedRun, Training, measure_pace, read_raw_hdr
from benchmarks.moving_rows import ROWS, LongRow, Row, write_long_video
from benchmarks.moving_scores import capture_scores, photographs
from benchmarks.results_table import HDR_COLUMNS, Column, Result, Table, number, score_column, start_alone
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment

SHORT_WARM_UP = ("--pipeline.model.scene.warm-up-rounds", "1")
"""Of the published video methods, whose 100 rounds alone take longer than ours in all."""


def flicker_cell(result: Result) -> str:
    """Flicker in percent of the mu-law range, beside the ground truth's own."""
    if "flicker" not in result.scores:
        return ""
    percent = [number(100 * result.scores[name], 2) for name in ("flicker", "flicker_truth")]
    return f"{percent[0]} (truth {percent[1]})"


COLUMNS = (
    *HDR_COLUMNS,
    Column("flicker %", flicker_cell),
    score_column("PSNR sharp", "psnr_sharp"),
    score_column("worst frame", "psnr_worst"),
    score_column("blurred frames' gain", "gain_on_blurred"),
    score_column("worst change", "worst_change"),
)


@dataclass
class MovingTable:
    """Measures captures that move: ours, the published method in the same time, and classical OpenCV."""

    data_root: Path = Path("dataset")
    """Folder that holds ME-dynamic/, Video-hdr/ and Video-deblur/; rows whose capture is not there are skipped."""
    output_path: Path = Path("benchmarks/results")
    """Folder for moving_table.md and moving_table.json."""
    rows: tuple[str, ...] = tuple(row.name for row in ROWS)
    """Rows to measure."""
    paper: bool = True
    """Whether the published method runs too. It takes as long as ours, and its steps are timed before."""

    def main(self) -> None:
        """Runs the rows and writes the table."""
        table = Table("moving_table", self.output_path, COLUMNS)
        table.fill(ROWS, self.rows, self.data_root, self._results)

    def _results(self, row: Row | LongRow, scratch: Path) -> Iterator[Result]:
        folder = (self.data_root / row.capture).resolve()
        if isinstance(row, LongRow):
            yield long_result(row, folder, scratch / row.name)
            return
        capture = open_capture(folder, frames="moments")[0]
        ours = learned_result(row, capture, Training(row.method, folder), "scale", scratch / row.name / "ours")
        yield ours
        start = Training(row.method, folder, iterations=1)
        yield start_alone(learned_result(row, capture, start, "scale", scratch / row.name / "start"))
        if self.paper:
            yield published_result(row, capture, ours.seconds, scratch / row.name)
        yield from classical_results(row, capture)


def long_result(row: LongRow, capture_folder: Path, scratch: Path) -> Result:
    """Trains a few steps on a long video."""
    video = scratch / "long-video"
    write_long_video(capture_folder, video, row)
    _, measurement = Training(row.method, video, iterations=row.iterations).run(scratch)
    return Result(row.title, row.method, {}, **asdict(measurement), steps=row.iterations, asked=row.asked)


def learned_result(row: Row, capture: Capture, training: Training, alignment: Alignment, folder: Path) -> Result:
    """Trains, renders and scores one method."""
    run, measurement = training.run(folder)
    pictures = _pictures(row, capture, run)
    scores, psnr_of_frames = capture_scores(capture, row.scored_on, pictures, alignment)
    return Result(
        run=row.title,
        method=training.method,
        scores=scores,
        **asdict(measurement),
        steps=training.iterations,
        asked=row.asked if training.method == row.method else "",
        psnr_of_frames=psnr_of_frames,
    )


def published_result(row: Row, capture: Capture, seconds: float, scratch: Path) -> Result:
    """Trains, renders and scores the published method for the time that ours took; for one step if that takes longer.

    Args:
        row: The experiment.
        capture: Its capture.
        seconds: Wall time of our command.
        scratch: Folder for the runs.
    """
    options = () if row.method == "neucam-hdr" else SHORT_WARM_UP
    one_step = Training(f"{row.method}-paper", capture.data, iterations=1, options=options)
    shortest = learned_result(row, capture, one_step, "affine", scratch / "paper-one-step")
    if shortest.seconds >= seconds:
        return shortest
    pace = measure_pace(one_step.method, capture.data, scratch / "pace")
    training = replace(one_step, iterations=pace.steps_within(seconds))
    return learned_result(row, capture, training, "affine", scratch / "paper")


def _pictures(row: Row, capture: Capture, run: FinishedRun) -> list[Float[np.ndarray, "height width 3"]]:
    if row.scored_on == "sharp":
        return [read_sharp(path) for path in run.render("all_in_focus", "--image-format", "png")]
    radiance = [read_raw_hdr(path) for path in run.render("raw-hdr")]
    return [radiance[capture.reference_index]] if row.scored_on == "reference" else radiance


def classical_results(row: Row, capture: Capture) -> Iterator[Result]:
    """Computes and scores what classical vision makes of the same frames; of blurred ones, nothing."""
    for name, compute in _classical_ways(row, capture).items():
        start = time.perf_counter()
        pictures = compute()
        seconds = time.perf_counter() - start
        scores, psnr_of_frames = capture_scores(capture, row.scored_on, pictures, "scale")
        yield Result(row.title, name, scores, seconds, psnr_of_frames=psnr_of_frames)


def _classical_ways(row: Row, capture: Capture) -> dict[str, Callable[[], Sequence[np.ndarray]]]:
    if row.scored_on == "sharp":
        return {"the photographs themselves": lambda: photographs(capture)}
    frames = classical.eight_bit(PixelStore(capture).stack(capture.train_indices))
    exposure_seconds = np.exp2(np.float32([capture.exposure_stops(index) for index in range(len(frames))]))
    if row.scored_on == "reference":
        return classical.bracket_ways(frames, exposure_seconds, capture.reference_index)
    return classical.video_ways(frames, exposure_seconds)


if __name__ == "__main__":
    tyro.cli(MovingTable).main()
