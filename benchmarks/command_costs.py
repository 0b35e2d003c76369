"""What the commands cost: CPU seconds of the whole process, memory and quality, of this code and of another checkout.

    python -m benchmarks.command_costs [--before CHECKOUT] [--only fuse train]

`fuse` and `train` make the all-in-focus HDR picture of a capture. `picture` looks at one output of a trained run, 1024
pixels wide, as nerfstudio's viewer and renderers do; loading the run is not counted. `export` writes the radiance of a
picture as large as a camera's: the capture repeated, mirrored, after one step of training on one exposure a focus
setting. `import` loads the package. Writes `command_costs.md` and `command_costs.json`, anew after each result.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from jaxtyping import Float
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.commands import RUN, FinishedRun, Measurement, Training, run_measured
from benchmarks.large_pictures import repeat_capture
from benchmarks.results_table import HDR_COLUMNS, Result, Table, number
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance

Part = Literal["import", "fuse", "train", "picture", "export"]
PARTS: tuple[Part, ...] = ("import", "fuse", "train", "picture", "export")

IMPORT = """
import sys, time
before = time.process_time()
import neucam_nerfstudio
with open(sys.argv[1], "w") as file:
    file.write(str(time.process_time() - before))
"""

LOOK_AT_A_PICTURE = """
import json, resource, sys
from pathlib import Path
import torch
from nerfstudio.utils.eval_utils import eval_setup

def cpu_seconds():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime

_, pipeline, _, _ = eval_setup(Path(sys.argv[1]), test_mode="test")
camera = pipeline.datamanager.train_dataset.cameras[0:1].to(pipeline.device)
camera.rescale_output_resolution(1024 / int(camera.width))
took = {}
for name in ("accumulation", "all_in_focus_hdr", "rgb"):  # the first meets what is made once
    before = cpu_seconds()
    with torch.no_grad():
        pipeline.model.get_outputs_for_camera(camera)[name]
    took[name] = cpu_seconds() - before
Path(sys.argv[2]).write_text(json.dumps(took))
"""
"""Works with every version of the model: all are nerfstudio's."""


PICTURES = ("all_in_focus_hdr", "rgb")


@dataclass(frozen=True)
class Code:
    """A version of this package.

    Attributes:
        name: In the table.
        packages: Where it is installed; None for what Python finds anyway.
        folder: For what it makes.
    """

    name: str
    packages: Path | None
    folder: Path

    @property
    def programs(self) -> Path:
        """Where its commands are."""
        return Path(sys.executable).parent if self.packages is None else self.packages / "bin"

    def trained(self, training: Training) -> FinishedRun:
        """A run, trained when it is first asked for."""
        folder = self.folder / f"trained-{training.capture.name}"
        if not folder.is_dir():
            training.run(folder)
        return FinishedRun(folder / training.capture.name / training.method / RUN / "config.yml", folder)


@dataclass
class CommandCosts:
    """Measures what the commands cost."""

    capture: Path = Path("dataset/MFME/Desk")
    """Still capture with exposure.txt, 8-bit photographs and gt/all_in_focus_hdr.exr."""
    repeats: int = 14
    """How often it is repeated each way, for `export`: 14 makes 26 megapixels of 450 x 300."""
    before: Path | None = None
    """Another checkout of this repository, to measure beside this one."""
    only: tuple[Part, ...] = PARTS
    """What to measure."""
    rounds: int = 2
    """How often, in turn with the other checkout; the cheapest counts."""
    output_path: Path = Path("benchmarks/results")
    """Folder for command_costs.md and command_costs.json."""

    def main(self) -> None:
        """Measures everything and writes the table."""
        table, results = Table("command_costs", self.output_path, HDR_COLUMNS), []
        with tempfile.TemporaryDirectory(prefix="command-costs-") as name:
            scratch = Path(name)
            codes = [Code("this code", None, scratch / "this")]
            if self.before is not None:
                codes.append(Code("before", installed(self.before, scratch / "installed"), scratch / "before"))
            if "export" in self.only:
                repeat_capture(open_capture(self.capture)[0], self.repeats, scratch / "large")
            for part in self.only:
                for result in self._in_turn(part, codes, scratch / "large"):
                    results.append(result)
                    CONSOLE.print(result.run, result.method, result.scores, f"{number(result.cpu_seconds, 2)} CPU s")
                    table.write(results, ())

    def _in_turn(self, part: Part, codes: Sequence[Code], large: Path) -> Iterator[Result]:
        """The cheapest of some rounds: what else the machine does can only add to them."""
        rounds: dict[str, list[list[Result]]] = {code.name: [] for code in codes}
        for number_of_round in range(self.rounds):
            for code in codes:
                with first_on_path(code.packages):
                    rounds[code.name].append(self._measured(part, code, large, code.folder / str(number_of_round)))
        for of_code in rounds.values():
            for same in zip(*of_code, strict=True):
                yield min(same, key=lambda result: result.cpu_seconds or 0)

    def _measured(self, part: Part, code: Code, large: Path, folder: Path) -> list[Result]:
        told, name = folder / f"{part}.json", self.capture.name
        if part == "import":
            took = run_measured([sys.executable, written(IMPORT, folder), told], folder / "import.log")
            return [Result("import", code.name, {}, None, json.loads(told.read_text()), took.peak_gigabytes)]
        if part == "fuse":
            if not (code.programs / "neucam-fuse").is_file():
                return []
            command = [code.programs / "neucam-fuse", self.capture, "--output-path", folder / "fused"]
            took = run_measured(command, folder / "fuse.log")
            scores = self._scores(read_radiance(folder / "fused/hdr.exr"))
            return [Result(f"neucam-fuse {name}", code.name, scores, **asdict(took))]
        if part == "train":
            run, took = Training("neucam", self.capture).run(folder / "train")
            scores = self._scores(exported(code, run, folder / "hdr")[0])
            return [Result(f"ns-train neucam {name}", code.name, scores, **asdict(took))]
        if part == "picture":
            run = code.trained(Training("neucam", self.capture))
            run_measured([sys.executable, written(LOOK_AT_A_PICTURE, folder), run.config, told], folder / "picture.log")
            pictures = json.loads(told.read_text())
            return [Result(f"{output}, 1024 px wide", code.name, {}, None, pictures[output]) for output in PICTURES]
        run = code.trained(Training("neucam", large, train_frames=("*E1",), iterations=1))
        radiance, took = exported(code, run, folder / "large-hdr")
        megapixels = radiance.shape[0] * radiance.shape[1] / 1e6
        return [Result(f"neucam-export hdr, {megapixels:.1f} megapixels", code.name, {}, **asdict(took))]

    def _scores(self, radiance: Float[np.ndarray, "height width 3"]) -> dict[str, float]:
        return hdr_scores(radiance, read_radiance(self.capture / "gt/all_in_focus_hdr.exr"))


def written(code: str, folder: Path) -> Path:
    """A program as a file: what is given to `python -c` would find the package of the current folder first."""
    file = folder / "program.py"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(code)
    return file


def installed(checkout: Path, folder: Path) -> Path:
    """A checkout's package with its entry points, in a folder of its own."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    subprocess.run([*command, folder, checkout], check=True)
    return folder


@contextmanager
def first_on_path(packages: Path | None) -> Iterator[None]:
    """Lets Python find a folder's packages before all others, in commands that are started meanwhile."""
    before = os.environ.get("PYTHONPATH")
    if packages is not None:
        os.environ["PYTHONPATH"] = str(packages)
    try:
        yield
    finally:
        os.environ.pop("PYTHONPATH", None)
        if before is not None:
            os.environ["PYTHONPATH"] = before


def exported(code: Code, run: FinishedRun, folder: Path) -> tuple[Float[np.ndarray, "height width 3"], Measurement]:
    """Linear radiance as `neucam-export hdr` writes it, and what that took."""
    command = [code.programs / "neucam-export", "hdr", "--load-config", run.config, "--output-path", folder]
    took = run_measured(command, folder.with_suffix(".log"))
    return read_radiance(folder / "hdr.exr"), took


if __name__ == "__main__":
    tyro.cli(CommandCosts).main()
