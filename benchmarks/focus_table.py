"""Measures focus stacks: `neucam-multifocus`, the `fuse` it starts from, and the programs people use; all rendered.

    python -m benchmarks.focus_table [--data-root dataset] [--rows desk-e1 gallery-e1 ...]

Scored is the all-in-focus photograph at the reference frame's exposure, PSNR and SSIM in [0, 1] against a photograph
without blur: `gt/sharp.png` of a capture that has one, else the true radiance developed as its camera does
(`developed_truth`), with the response fitted to all exposures of the capture. Everyone is given the same files, one a
focus setting. From a tripod they lie on one another, which programs are told; hand-held, everyone but Laplacian fusion
aligns to the reference frame, and a border of 12 px is left out, where aligned frames may have nothing to show.

Ours is the `ns-train` command with `neucam-export images`, and `neucam_nerfstudio.fuse`. Laplacian fusion (Burt &
Kolczynski 1993) is `classical.laplacian_fusion`. Programs are called as `focus_stackers` says; those that are not
installed leave a line that says so. The published method (the `-paper` twin) gets as many steps as fit in the wall time
ours took, on one capture. Writes `focus_table.md` and `focus_table.json`, anew after each result.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Float

from benchmarks.classical import laplacian_fusion
from benchmarks.commands import CommandFailed, Training, measure_pace
from benchmarks.developed_truth import fit_response
from benchmarks.focus_stackers import FOCUS_STACKERS, FocusStackFiles, NotInstalled
from benchmarks.results_table import Result, Table, score_column
from neucam_nerfstudio.api import fuse
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.photometry import WHITE_LEVEL

COLUMNS = (score_column("PSNR", "psnr"), score_column("SSIM", "ssim", 4))
METHOD = "neucam-multifocus"
HAND_HELD_BORDER_PX = 12


@dataclass(frozen=True)
class Row:
    """One focus stack.

    Attributes:
        name: To choose it by.
        title: What it is, for the table.
        capture: Folder under the data root.
        train_frames: Name patterns of its frames; all without.
        reference: Frame to which a hand-held stack is aligned; None for one from a tripod.
        asked: What is asked of our method.
        with_paper: Whether the published method is run as well.
    """

    name: str
    title: str
    capture: str
    train_frames: tuple[str, ...] = ()
    reference: str | None = None
    asked: str = "above all others"
    with_paper: bool = False


ROWS = (
    *(
        Row(
            f"{scene.lower()}-e{exposure}",
            f"{scene}, F*E{exposure}",
            f"MFME/{scene}",
            (f"F*E{exposure}",),
            with_paper=(scene, exposure) == ("Desk", 1),
        )
        for scene in ("Desk", "Gallery")
        for exposure in range(3)
    ),
    Row(
        "gallery-hand",
        "GalleryHandStack, to frame_03",
        "handheld-focus/GalleryHandStack",
        reference="frame_03",
        asked=">= 31.5 dB",
    ),
)


@dataclass
class FocusTable:
    """Measures focus stacks: ours, learned and classical, and the programs people use."""

    data_root: Path = Path("dataset")
    """Folder that holds the captures; rows whose capture is not there are skipped."""
    output_path: Path = Path("benchmarks/results")
    """Folder for focus_table.md and focus_table.json."""
    rows: tuple[str, ...] = tuple(row.name for row in ROWS)
    """Rows to measure."""

    def main(self) -> None:
        """Runs the rows and writes the table."""
        Table("focus_table", self.output_path, COLUMNS).fill(ROWS, self.rows, self.data_root, self._results)

    def _results(self, row: Row, scratch: Path) -> Iterator[Result]:
        folder = scratch / row.name
        # The frames as they were taken: programs get the same, and each aligns in its own way.
        capture = open_capture(
            (self.data_root / row.capture).resolve(),
            frames="focus-stack",
            train_frames=row.train_frames,
            reference=row.reference,
            align="off",
        )[0]
        truth = photograph_without_blur(capture)
        ours = Training(METHOD, capture.folder, row.train_frames, reference=row.reference)
        learned = replace(_learned_result(row, ours, truth, folder / "ours"), asked=row.asked)
        yield learned
        yield _fused_result(row, capture, truth)
        if row.with_paper and learned.seconds is not None:
            twin = f"{METHOD}-paper"
            steps = measure_pace(twin, capture.folder, folder / "pace").steps_within(learned.seconds)
            yield _learned_result(row, replace(ours, method=twin, iterations=steps), truth, folder / "paper")
        yield _laplacian_result(row, capture, truth)
        stack = FocusStackFiles(
            [frame.path for frame in capture.train_frames],
            None if row.reference is None else capture.reference_position,
        )
        for name, stacker in FOCUS_STACKERS.items():
            try:
                picture, measurement = stacker(stack, folder / name)
            except NotInstalled as program:
                yield Result(row.title, f"{name} ({program} is not installed)", {}, None)
            except CommandFailed as error:
                yield Result(row.title, f"{name} (failed: {error.last_lines(1)})", {}, None)
            else:
                yield Result(row.title, name, scores(row, read_sharp(picture), truth), **asdict(measurement))
        if row.reference is not None:
            photograph = read_sharp(capture.train_frames[capture.reference_position].path)
            yield Result(row.title, "the reference frame itself", scores(row, photograph, truth), None)


def photograph_without_blur(capture: Capture) -> Float[np.ndarray, "height width 3"]:
    """A perfect photograph at the reference frame's place and exposure: as it was rendered, or developed here."""
    sharp = capture.sharp_truth[capture.reference_index]
    if sharp is not None:
        return read_sharp(sharp)
    radiance = read_radiance(capture.radiance_truth[capture.reference_index])
    everything = open_capture(capture.folder)[0]
    photographs = PixelStore(everything).stack(everything.train_indices)
    stops = np.array([everything.exposure_stops(index) for index in everything.train_indices])
    response = fit_response(radiance, photographs / WHITE_LEVEL[photographs.dtype], stops)
    return response.develop(radiance, capture.exposure_stops(capture.reference_index))


def scores(
    row: Row, picture: Float[np.ndarray, "height width 3"], truth: Float[np.ndarray, "height width 3"]
) -> dict[str, float]:
    """PSNR and SSIM of a picture, of a hand-held stack without its border; none for a picture of another size."""
    if picture.shape != truth.shape:
        return {}
    border = 0 if row.reference is None else HAND_HELD_BORDER_PX
    height, width, _ = truth.shape
    inner = slice(border, height - border), slice(border, width - border)
    return ldr_scores(picture[inner], truth[inner])


def _learned_result(row: Row, training: Training, truth: np.ndarray, folder: Path) -> Result:
    run, measurement = training.run(folder)
    return Result(
        run=row.title,
        method=training.method,
        scores=scores(row, read_sharp(run.all_in_focus()), truth),
        **asdict(measurement),
        steps=training.iterations,
    )


def _fused_result(row: Row, capture: Capture, truth: np.ndarray) -> Result:
    """The classical picture, which is what training starts from."""
    files = [frame.path for frame in capture.train_frames]
    start = time.perf_counter()
    picture = fuse(files, frames="focus-stack", reference=row.reference).all_in_focus
    return Result(row.title, "neucam_nerfstudio.fuse", scores(row, picture, truth), time.perf_counter() - start)


def _laplacian_result(row: Row, capture: Capture, truth: np.ndarray) -> Result:
    photographs = PixelStore(capture).stack(capture.train_indices)
    start = time.perf_counter()
    picture = np.clip(laplacian_fusion(photographs / WHITE_LEVEL[photographs.dtype]), 0, 1)
    return Result(row.title, "Laplacian fusion", scores(row, picture, truth), time.perf_counter() - start)


if __name__ == "__main__":
    tyro.cli(FocusTable).main()
