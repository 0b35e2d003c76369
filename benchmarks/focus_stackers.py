"""Focus stacks fused by other people's programs, as a user with their manuals would: what ours has to beat.

| program | where to find it | how it is called |
| --- | --- | --- |
| `enfuse` | Debian's `enfuse`; hand-held: `align_image_stack` of `hugin-tools` | as its manual fuses focus stacks |
| `focus-stack` | github.com/PetteriAimonen/focus-stack | uncropped; it aligns always |
| `focusweave` | `pip install focusweave` | defaults; `--no-align` where frames lie on one another |
| `shinestacker` | `pip install shinestacker`, Python 3.12 or later | both of its algorithms, with its defaults |

All are looked for on PATH. The two from PyPI need other versions of NumPy and OpenCV than we do: give each a virtual
environment of its own, and append its `bin` to PATH. `shinestacker` is a desktop program; the Python of its environment
is called.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.commands import Measurement, run_measured

ENFUSE_FOCUS = ("--exposure-weight=0", "--saturation-weight=0", "--contrast-weight=1", "--hard-mask")
"""How enfuse's manual fuses a focus stack."""

SHINESTACKER_JOB = """
import sys
from shinestacker import algorithms as steps

folder, algorithm, reference = sys.argv[1:]
job = steps.StackJob("job", folder, input_path="photographs")
if reference:
    job.add_action(steps.CombinedActions("align", actions=[steps.AlignFrames()], reference_index=int(reference)))
job.add_action(steps.FocusStack("fused", getattr(steps, algorithm)(), plot_stack=False))
job.run()
"""
"""Runs in shinestacker's own Python: its folder, an algorithm, and the reference frame counted from 1, or nothing where
nothing is to be aligned."""


class NotInstalled(RuntimeError):
    """A program that is not on this machine."""


@dataclass(frozen=True)
class FocusStackFiles:
    """A focus stack as programs read it.

    Attributes:
        files: One photograph a focus setting, in the order of distance.
        reference: Number of the photograph at whose place the picture is to be, where frames have to be aligned; None
            where they lie on one another, and programs are told so.
    """

    files: Sequence[Path]
    reference: int | None = None

    def copy_to(self, folder: Path) -> list[Path]:
        """Files that sort in the stack's order, alone in a folder."""
        folder.mkdir(parents=True)
        copies = [folder / f"{number:03d}{file.suffix}" for number, file in enumerate(self.files)]
        for file, copy in zip(self.files, copies, strict=True):
            shutil.copyfile(file, copy)
        return copies


FocusStacker = Callable[[FocusStackFiles, Path], tuple[Path, Measurement]]
"""Fuses a stack in a folder of its own: gives the picture's file, and what it took.

Raises `NotInstalled`, or `CommandFailed`."""


def enfuse(stack: FocusStackFiles, folder: Path) -> tuple[Path, Measurement]:
    """Exposure fusion by contrast alone (Mertens et al. 2007); `align_image_stack` aligns to the first of its files."""
    program, picture, files, stages = installed("enfuse"), folder / "fused.tif", list(stack.files), []
    folder.mkdir(parents=True, exist_ok=True)
    if stack.reference is not None:
        files.insert(0, files.pop(stack.reference))
        aligner = [installed("align_image_stack"), "-m", "-a", folder / "aligned_"]
        stages.append(run_measured([*aligner, *files], folder / "align.log"))
        files = sorted(folder.glob("aligned_*.tif"))
    stages.append(run_measured([program, *ENFUSE_FOCUS, f"--output={picture}", *files], folder / "fused.log"))
    return picture, together(stages)


def focus_stack(stack: FocusStackFiles, folder: Path) -> tuple[Path, Measurement]:
    """Complex wavelets (Forster et al. 2004)."""
    program, picture = installed("focus-stack"), folder / "fused.png"
    command = [program, "--nocrop", f"--output={picture}"]
    if stack.reference is not None:
        command.append(f"--reference={stack.reference}")
    return picture, run_measured([*command, *stack.files], folder / "log.txt")


def focusweave(stack: FocusStackFiles, folder: Path) -> tuple[Path, Measurement]:
    """Laplacian pyramids, weighted by local sharpness."""
    program, picture = installed("focusweave"), folder / "fused.tif"
    stack.copy_to(folder / "photographs")
    aligning = ("--no-align",) if stack.reference is None else ("--reference", str(stack.reference))
    command = [program, folder / "photographs", *aligning, "--keep-size", "--output", picture]
    return picture, run_measured(command, folder / "log.txt")


def shinestacker(stack: FocusStackFiles, folder: Path, algorithm: str) -> tuple[Path, Measurement]:
    """Laplacian pyramids, or a map of the sharpest frame: `PyramidStack` (its default) or `DepthMapStack`."""
    python = Path(installed("shinestacker")).resolve().with_name("python")
    stack.copy_to(folder / "photographs")
    reference = "" if stack.reference is None else str(stack.reference + 1)
    command = [python, "-c", SHINESTACKER_JOB, folder, algorithm, reference]
    measurement = run_measured(command, folder / "log.txt")
    (picture,) = (folder / "fused").iterdir()
    return picture, measurement


FOCUS_STACKERS: dict[str, FocusStacker] = {
    "enfuse": enfuse,
    "focus-stack": focus_stack,
    "focusweave": focusweave,
    "shinestacker (pyramid)": partial(shinestacker, algorithm="PyramidStack"),
    "shinestacker (depth map)": partial(shinestacker, algorithm="DepthMapStack"),
}


def installed(program: str) -> str:
    """Where a program is.

    Raises:
        NotInstalled: It is not on this machine.
    """
    found = shutil.which(program)
    if found is None:
        raise NotInstalled(program)
    return found


def together(stages: Sequence[Measurement]) -> Measurement:
    """What commands one after the other took."""
    return Measurement(
        sum(stage.seconds for stage in stages),
        sum(stage.cpu_seconds for stage in stages),
        max(stage.peak_gigabytes for stage in stages),
    )
