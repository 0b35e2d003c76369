"""`make demo`: from nine photographs of a desk to one all-in-focus, high-dynamic-range picture, and how good it is."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from datetime import datetime
from pathlib import Path

from nerfstudio.utils.rich_utils import CONSOLE

CAPTURE = Path("dataset/MFME/Desk")
RUN = Path("outputs/Desk/neucam")
BIN = Path(sys.executable).parent
"""Where this Python environment has its commands."""


def main() -> None:
    """Trains, exports and evaluates with the commands a user would type, and shows them."""
    if not CAPTURE.is_dir():
        sys.exit(
            f"{CAPTURE}: no such folder. The demo needs the photographs in a clone of the repository: run it there."
        )
    timestamp = f"{datetime.now():%Y-%m-%d_%H%M%S}"
    config, pictures, scores = (RUN / timestamp / name for name in ("config.yml", "pictures", "scores.json"))

    start = time.monotonic()
    _run(f"ns-train neucam --data {CAPTURE} --vis tensorboard --timestamp {timestamp}")
    training_seconds = time.monotonic() - start
    _run(f"neucam-export hdr --load-config {config} --output-path {pictures}")
    _run(f"neucam-export images --load-config {config} --output-path {pictures}")
    _run(f"ns-eval --load-config {config} --output-path {scores}")

    CONSOLE.rule("NeuCam demo")
    CONSOLE.print(f"ns-train took {training_seconds:.0f} s. Pictures at the reference frame's settings:", markup=False)
    for picture in sorted(pictures.iterdir()):
        CONSOLE.print(f"  {picture}", markup=False)
    CONSOLE.print("Against the photographs (psnr, ssim) and the ground truth's radiance (the others):", markup=False)
    for name, value in _mean_scores(scores).items():
        CONSOLE.print(f"  {name:24} {value:8.3f}", markup=False)
    CONSOLE.print("Look at it and turn its dials:")
    CONSOLE.print(f"  {BIN}/ns-viewer --load-config {config}", markup=False, soft_wrap=True)


def _run(command: str) -> None:
    """Runs one of this Python environment's commands; ends the demo with its exit code if it fails."""
    CONSOLE.print(f"$ {command}", style="bold", markup=False, soft_wrap=True)
    program, *arguments = shlex.split(command)
    completed = subprocess.run([BIN / program, *arguments], env={"OMP_WAIT_POLICY": "PASSIVE", **os.environ})
    if completed.returncode != 0:
        sys.exit(completed.returncode)


def _mean_scores(path: Path) -> dict[str, float]:
    """Mean scores of the evaluation frames, without their spread and the speed, from `ns-eval`'s file."""
    results = json.loads(path.read_text())["results"]
    return {
        name: value
        for name, value in results.items()
        if name.startswith(("psnr", "ssim")) and not name.endswith("_std")
    }


if __name__ == "__main__":
    main()
