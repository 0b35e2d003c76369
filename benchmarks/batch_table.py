"""What more workers save: `neucam-batch` over many small captures, with one worker and with more.

    python -m benchmarks.batch_table [--num-captures 40] [--workers 1 2]

The captures are one capture, turned over and shifted round its borders, so that each shows something else. Each worker
has its share of the cores, so one alone has all of them. Files are compared byte for byte with those of the first run.
Writes `batch_table.md` and `batch_table.json`, anew after each result.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Shaped
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.commands import run_measured
from benchmarks.results_table import Result, Table, number, score_column
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import find_photographs, read_photograph
from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.scripts.batch.batch_manifest import read_entries

COMMAND = (sys.executable, "-m", "neucam_nerfstudio.scripts.batch.command_line")
TRUTH = "gt/all_in_focus_hdr.exr"
SHIFT_PX = 37
"""By how much each capture is shifted more than the one before."""

Picture = Shaped[np.ndarray, "height width 3"]


@dataclass
class BatchTable:
    """Measures `neucam-batch` with several numbers of workers."""

    capture: Path = Path("dataset/MFME/Desk")
    """Still capture with exposure.txt, 8-bit photographs and gt/all_in_focus_hdr.exr."""
    num_captures: int = 40
    """How many captures are made of it."""
    workers: tuple[int, ...] = (1, 2)
    """Numbers of workers, in turn; the first is what others are compared with."""
    output_path: Path = Path("benchmarks/results")
    """Folder for batch_table.md and batch_table.json."""

    def main(self) -> None:
        """Makes the captures, runs all and writes the table."""
        columns = (score_column("wall / first", "wall_ratio"), score_column("mean PSNR mu", "psnr_mu"))
        table, results = Table("batch_table", self.output_path, columns), []
        with tempfile.TemporaryDirectory(prefix="batch-table-") as scratch:
            tree = make_captures(self.capture, self.num_captures, Path(scratch) / "captures")
            first = Path(scratch) / f"{self.workers[0]}"
            for workers in self.workers:
                output = Path(scratch) / f"{workers}"
                command = [*COMMAND, tree, "--output-path", output, "--workers", str(workers)]
                took = run_measured(command, Path(scratch) / f"{workers}.log")
                ratio = took.seconds / results[0].seconds if results else 1.0
                psnr = [entry.scores["psnr_mu_scale"] for entry in read_entries(output).values()]
                results.append(
                    Result(
                        run=f"{self.num_captures} x {self.capture.name}",
                        method=f"{workers} worker{'' if workers == 1 else 's'}, {said_of_files(first, output)}",
                        scores={"wall_ratio": ratio, "psnr_mu": float(np.mean(psnr))},
                        **asdict(took),
                    )
                )
                CONSOLE.print(results[-1].method, f"{number(took.seconds, 1)} s, {number(ratio, 2)} of the first")
                table.write(results, ())


def make_captures(capture: Path, count: int, folder: Path) -> Path:
    """Writes that many variants of a capture, with their ground truth, and returns the folder."""
    for index in range(count):
        variant = folder / f"{capture.name}_{index:03}"
        (variant / "gt").mkdir(parents=True)
        shutil.copy2(capture / "exposure.txt", variant)
        for photograph in find_photographs(capture):
            pixels = read_photograph(photograph)
            shown = varied(pixels, index).astype(np.float32) / WHITE_LEVEL[pixels.dtype]
            write_image(variant / f"{photograph.stem}.png", shown)
        write_radiance(variant / TRUTH, varied(read_radiance(capture / TRUTH), index))
    return folder


def varied(picture: Picture, index: int) -> Picture:
    """A picture turned over by the lowest two bits of a number, and shifted round by it."""
    turned = picture[:: -1 if index & 1 else 1, :: -1 if index & 2 else 1]
    return np.ascontiguousarray(np.roll(turned, SHIFT_PX * (index // 4), axis=1))


def said_of_files(first: Path, other: Path) -> str:
    """Whether results are the same, byte for byte; manifests and pages, which have times, are left out."""

    def files(folder: Path) -> dict[Path, bytes]:
        found = [path for path in folder.rglob("*") if path.is_file() and path.parent != folder]
        return {path.relative_to(folder): path.read_bytes() for path in found}

    is_same = files(first) == files(other)
    return "the same bytes" if is_same else "other bytes"


if __name__ == "__main__":
    tyro.cli(BatchTable).main()
