"""The commands a user types, run as such and measured."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.photographs import natural_order
from neucam_nerfstudio.imaging.radiance_files import read_radiance

RUN = "run"
"""Stands where nerfstudio puts a time stamp in the path of a run."""


LAUNCHER = """
import json, resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
used = resource.getrusage(resource.RUSAGE_CHILDREN)
with open(sys.argv[1], "w") as file:
    json.dump({"peak": used.ru_maxrss, "cpu_seconds": used.ru_utime + used.ru_stime}, file)
sys.exit(code if code >= 0 else 128 - code)
"""
"""Stands between us and a command: Linux counts the memory of who starts a process as that process's own peak."""


class CommandFailed(RuntimeError):
    """A command ended with an error. The message has the command, the end of what it printed and where the rest is.

    Attributes:
        log: File with all it printed.
    """

    def __init__(self, command: Sequence[str | Path], code: int, log: Path) -> None:
        self.log = log
        end = self.last_lines(20, separator="\n")
        super().__init__(f"{' '.join(map(str, command))}\nended with {code} (all of it in {log}):\n{end}")

    def last_lines(self, number: int, separator: str = " ") -> str:
        """The end of what it printed."""
        return separator.join(self.log.read_text(errors="replace").splitlines()[-number:])


@dataclass(frozen=True)
class Measurement:
    """What a command took, from start to exit.

    Attributes:
        seconds: Wall time.
        cpu_seconds: User and system time of its process and its children.
        peak_gigabytes: Largest resident memory of its process (or of one of its children), 10^9 bytes.
    """

    seconds: float
    cpu_seconds: float
    peak_gigabytes: float


def run_measured(command: Sequence[str | Path], log: Path) -> Measurement:
    """Runs a command, with what it prints in `log`.

    Raises:
        CommandFailed: If its exit code is not 0.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    used = log.with_name(f"{log.name}.json")
    start = time.perf_counter()
    with log.open("w") as output:
        launched = [sys.executable, "-c", LAUNCHER, used, *command]
        code = subprocess.call(list(map(str, launched)), stdout=output, stderr=subprocess.STDOUT)
    seconds = time.perf_counter() - start
    if code != 0:
        raise CommandFailed(command, code, log)
    bytes_per_unit = 1 if sys.platform == "darwin" else 1024
    told = json.loads(used.read_text())
    return Measurement(seconds, told["cpu_seconds"], told["peak"] * bytes_per_unit / 1e9)


def read_raw_hdr(path: Path) -> Float[np.ndarray, "height width 3"]:
    """Reads linear radiance as `ns-render` writes it for `raw-hdr`, a `.npy.gz` file."""
    with gzip.open(path) as file:
        return np.load(file)


def script(name: str) -> Path:
    """A command that was installed with the Python that runs this."""
    return Path(sys.executable).with_name(name)


@dataclass(frozen=True)
class Training:
    """One `ns-train` command.

    Attributes:
        method: Such as `neucam`.
        capture: Folder of photographs.
        train_frames: Name patterns of the frames to train on; all without.
        iterations: Number of steps; the method's own without.
        reference: Name of the reference frame; the capture's middle one without.
        options: Further options of the method.
    """

    method: str
    capture: Path
    train_frames: tuple[str, ...] = ()
    iterations: int | None = None
    reference: str | None = None
    options: tuple[str, ...] = ()

    def run(self, folder: Path) -> tuple[FinishedRun, Measurement]:
        """Trains in `folder`, which must not hold another run."""
        command = [script("ns-train"), self.method, "--data", self.capture, "--vis", "tensorboard"]
        command += ["--output-dir", folder, "--experiment-name", self.capture.name, "--timestamp", RUN]
        if self.iterations is not None:
            command += ["--max-num-iterations", self.iterations]
        command += self.options
        data_options: list[str] = [] if self.reference is None else ["--reference", self.reference]
        if self.train_frames:
            data_options += ["--train-frames", *self.train_frames]
        if data_options:
            command += ["neucam-data", *data_options]
        measurement = run_measured(command, folder / "train.log")
        return FinishedRun(folder / self.capture.name / self.method / RUN / "config.yml", folder), measurement


@dataclass(frozen=True)
class FinishedRun:
    """A trained model on disk.

    Attributes:
        config: Its config.yml.
        folder: Where what is made from it goes.
    """

    config: Path
    folder: Path

    def render(self, output: str, *options: str) -> list[Path]:
        """The files, in name order, that `ns-render dataset` makes of an output for the training frames."""
        command = [script("ns-render"), "dataset", "--load-config", self.config, "--split", "train"]
        command += ["--rendered-output-names", output, "--output-path", self.folder / "render", *options]
        run_measured(command, self.folder / f"render-{output}.log")
        return sorted((self.folder / "render/train" / output).iterdir(), key=natural_order)

    def radiance(self) -> Float[np.ndarray, "height width 3"]:
        """Linear all-in-focus radiance, the same numbers as in `ns-render`'s `raw-hdr`."""
        command = [script("neucam-export"), "hdr", "--load-config", self.config, "--precision", "float"]
        run_measured([*command, "--output-path", self.folder / "export"], self.folder / "export.log")
        return read_radiance(self.folder / "export/hdr.exr")

    def all_in_focus(self) -> Path:
        """The file with the all-in-focus photograph at the reference frame's exposure, PNG."""
        command = [script("neucam-export"), "images", "--load-config", self.config, "--bits", "16"]
        command += ["--rendered-output-names", "all_in_focus", "--output-path", self.folder / "export"]
        run_measured(command, self.folder / "export.log")
        return self.folder / "export/all_in_focus.png"

    def evaluation_psnr(self) -> float:
        """Mean PSNR of the evaluation frames in dB, as `ns-eval` reports it."""
        report = self.folder / "eval.json"
        command = [script("ns-eval"), "--load-config", self.config, "--output-path", report]
        run_measured(command, self.folder / "eval.log")
        return json.loads(report.read_text())["results"]["psnr"]


@dataclass(frozen=True)
class Pace:
    """How long the `ns-train` command of a method takes, as a straight line in its steps.

    Attributes:
        fixed_seconds: Start-up, warm-up and saving.
        step_seconds: One training step.
    """

    fixed_seconds: float
    step_seconds: float

    def steps_within(self, seconds: float) -> int:
        """How many steps fit in the time of a whole command, at least one."""
        return max(1, int((seconds - self.fixed_seconds) / self.step_seconds))


def measure_pace(method: str, capture: Path, folder: Path, few: int = 2, more: int = 6) -> Pace:
    """Finds a slow method's pace from two short runs: what the longer one takes more is steps.

    Args:
        method: Such as `neucam-paper`.
        capture: Any capture: the published method draws the same number of pixels a step whatever it is.
        folder: For the two runs.
        few: Steps of the shorter run.
        more: Steps of the longer run.
    """
    shorter, longer = (
        Training(method, capture, iterations=steps).run(folder / f"{steps}-steps")[1].seconds for steps in (few, more)
    )
    step_seconds = max(longer - shorter, 0.1) / (more - few)  # a difference below 0.1 s is noise
    return Pace(shorter - few * step_seconds, step_seconds)
