"""Results of a benchmark as JSON, to compute with, and as a Markdown table, to read."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from neucam_nerfstudio.rendering.file_writing import written_whole


@dataclass(frozen=True)
class Result:
    """One method on one capture.

    Attributes:
        run: What was run, in words.
        method: By which method.
        scores: By the names `hdr_scores` gives, and `psnr_held_out` and `psnr_photograph`; in dB but for SSIM.
        seconds: Wall time of the command, or of the computation.
        peak_gigabytes: Peak memory, where it ran as a command.
        steps: Training steps, where they were not the method's own number.
        asked: What was asked of it.
    """

    run: str
    method: str
    scores: dict[str, float]
    seconds: float
    peak_gigabytes: float | None = None
    steps: int | None = None
    asked: str = ""


COLUMNS = ("run", "method", "PSNR mu", "SSIM mu", "PSNR PU21", "aligned", "other PSNR", "steps", "s", "GB", "asked")


def write_results(results: Sequence[Result], notes: Sequence[str], folder: Path, name: str) -> None:
    """Writes `<name>.json` and `<name>.md` to `folder`."""
    with written_whole(folder / f"{name}.json") as path:
        content = {"machine": machine(), "notes": list(notes), "results": [asdict(result) for result in results]}
        path.write_text(json.dumps(content, indent=2) + "\n")
    with written_whole(folder / f"{name}.md") as path:
        path.write_text(markdown(results, notes))


def machine() -> str:
    """What the times were measured on."""
    packages = ", ".join(f"{package} {version(package)}" for package in ("torch", "nerfstudio"))
    return f"{os.cpu_count()} CPU cores ({platform.machine()}), Python {platform.python_version()}, {packages}"


def markdown(results: Sequence[Result], notes: Sequence[str]) -> str:
    """The table, with the machine below it and a line for each note."""
    rows = [COLUMNS, ("---",) * len(COLUMNS), *(_cells(result) for result in results)]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([table, "", f"Measured on {machine()}.", *(f"- {note}" for note in notes), ""])


def _cells(result: Result) -> tuple[str, ...]:
    alignment = next((name.removeprefix("psnr_mu_") for name in result.scores if name.startswith("psnr_mu_")), "")
    hdr = [(f"psnr_mu_{alignment}", 2), (f"ssim_mu_{alignment}", 4), (f"psnr_pu21_{alignment}", 2)]
    other = {"psnr_held_out": "held out", "psnr_photograph": "all in focus"}
    return (
        result.run,
        result.method,
        *(_number(result.scores.get(name), digits) for name, digits in hdr),
        alignment,
        ", ".join(f"{_number(result.scores[key], 2)} {what}" for key, what in other.items() if key in result.scores),
        "" if result.steps is None else str(result.steps),
        _number(result.seconds, 1),
        _number(result.peak_gigabytes, 2),
        result.asked,
    )


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
