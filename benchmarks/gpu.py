"""What training costs on a graphics card beside the processor of the same machine: a step, and a large picture whole.

    python -m benchmarks.gpu [--devices cuda cpu]

| part | what is trained |
| --- | --- |
| `step` | the capture as it is: milliseconds a step, once the first steps are over |
| `large step` | the capture repeated to 2 megapixels, all of it learned |
| `picture` | the capture repeated to 24 megapixels by `neucam_nerfstudio.train`, from files to the picture |

Writes `gpu.md` and `gpu.json`. Memory is the card's where one is used, else that of the process so far. Without a card
it says so and measures nothing, unless `--devices cpu` asks for it.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import tyro
from nerfstudio.utils.rich_utils import CONSOLE

import neucam_nerfstudio
from benchmarks.large_pictures import repeat_capture
from benchmarks.results_table import Column, Result, Table, number, score_column
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance

FIRST_STEPS_SHARE = 0.3
"""Of the steps, left out: the first ones load libraries and fill caches."""

COLUMNS = (
    Column("device", lambda result: result.asked),
    Column("ms a step", lambda result: number(result.scores.get("step_ms"), 2)),
    score_column("PSNR mu", "psnr_mu_scale"),
)


@dataclass
class Gpu:
    """Measures training on a graphics card."""

    capture: Path = Path("dataset/MFME/Desk")
    """Capture of nine photographs with ground truth."""
    devices: tuple[str, ...] = ("cuda", "cpu")
    """Where to train."""
    num_steps: int = 200
    """Steps that are timed."""
    step_repeats: int = 4
    """How often the capture is repeated each way for `large step`: 4 makes 2.2 megapixels of 450 x 300."""
    picture_repeats: int = 13
    """The same for `picture`: 13 makes 22.8 megapixels."""
    output_path: Path = Path("benchmarks/results")
    """Folder for the results."""

    def main(self) -> None:
        """Measures everything on each device that there is, and writes the table."""
        table, results, notes = Table("gpu", self.output_path, COLUMNS), [], []
        with tempfile.TemporaryDirectory(prefix="gpu-") as scratch:
            for device in self.devices:
                if device.startswith("cuda") and not torch.cuda.is_available():
                    notes.append(f"{device}: this machine has no such device; not measured.")
                    CONSOLE.print(notes[-1])
                    continue
                for result in self._of_device(torch.device(device), Path(scratch)):
                    CONSOLE.print(result.run, device, result.scores, f"{number(result.seconds, 1)} s")
                    results.append(result)
                    table.write(results, notes)
        table.write(results, notes)

    def _of_device(self, device: torch.device, scratch: Path) -> Iterator[Result]:
        yield self._trained("step", self.capture, device, self.num_steps)
        capture = open_capture(self.capture)[0]
        for part, repeats, steps in (
            ("large step", self.step_repeats, self.num_steps),
            ("picture", self.picture_repeats, None),
        ):
            folder = scratch / f"{repeats}x{repeats}"
            repeated = folder if folder.is_dir() else repeat_capture(capture, repeats, folder)
            yield self._trained(part, repeated, device, steps)

    def _trained(self, part: str, capture: Path, device: torch.device, num_steps: int | None) -> Result:
        on_card = device.type == "cuda"
        done: list[float] = []

        def note(share_done: float) -> None:
            if on_card:
                torch.cuda.synchronize(device)
            done.append(time.perf_counter())

        if on_card:
            torch.cuda.reset_peak_memory_stats(device)
        start, cpu_start = time.perf_counter(), time.process_time()
        picture = neucam_nerfstudio.train(capture, num_steps=num_steps, device=device, report=note)
        seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu_start
        peak = torch.cuda.max_memory_allocated(device) if on_card else _peak_of_process()
        truth = read_radiance(capture / "gt/all_in_focus_hdr.exr")
        timed = done[round(FIRST_STEPS_SHARE * len(done)) :]
        scores = {**hdr_scores(picture.radiance, truth), "step_ms": 1000 * float(np.diff(timed).mean())}
        height, width, _ = truth.shape
        title = f"{part}: nine photographs of {height * width / 1e6:.1f} MP"
        name = torch.cuda.get_device_name(device) if on_card else "cpu"
        return Result(title, "train()", scores, seconds, cpu_seconds, peak / 1e9, num_steps, asked=name)


def _peak_of_process() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


if __name__ == "__main__":
    tyro.cli(Gpu).main()
