"""What photographs of real size cost: CPU seconds, wall time and memory of `neucam-fuse`, beside enfuse, in one run.

    python -m benchmarks.real_size [--only bracket stack] [--before CHECKOUT]

| part | what is fused |
| --- | --- |
| `bracket` | a capture of three focus settings at three exposures, repeated to 24 megapixels, mirrored |
| `stack` | 60 photographs of 6 megapixels (`made_stacks`) through a lens that breathes, also by enfuse, aligned |
| `hundred` | 100 such photographs of 24 megapixels |
| `pixels` | the bracket at a sixteenth, a quarter and all of its size |
| `frames` | stacks of 15, 30 and 60 photographs |

Writes `real_size.md`, `real_size.json` and, of the last two, `real_size.png`: cost over pixels and over frames. Wall
times count only on a machine that does nothing else.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.command_costs import Code, first_on_path, installed
from benchmarks.commands import Measurement, run_measured
from benchmarks.focus_stackers import FocusStackFiles, NotInstalled, enfuse
from benchmarks.large_pictures import repeat_capture, repeated
from benchmarks.made_stacks import write_stack
from benchmarks.results_table import Column, Result, Table, number, score_column
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.photometry import decode_srgb, encode_srgb

Part = Literal["bracket", "stack", "hundred", "pixels", "frames"]
PARTS: tuple[Part, ...] = ("bracket", "stack", "hundred", "pixels", "frames")

BORDER_SHARE = 0.03
"""Of each side, left out where pictures are scored: aligned frames may have nothing to show there."""

COLUMNS = (
    score_column("PSNR", "psnr"),
    score_column("PSNR mu", "psnr_mu_scale"),
    Column("CPU s a megapixel and frame", lambda result: number(result.scores.get("cost"), 3)),
)


@dataclass
class RealSize:
    """Measures what photographs of real size cost."""

    capture: Path = Path("dataset/MFME/Desk")
    """Capture of nine photographs with exposure.txt and gt/all_in_focus_hdr.exr, from which all others are made."""
    repeats: int = 13
    """How often it is repeated each way for `bracket`: 13 makes 22.8 megapixels of 450 x 300."""
    stack_repeats: tuple[int, int] = (7, 2)
    """How often its sharp picture is repeated each way before it is blurred, and once more for `hundred`: 7 makes 6.6
    megapixels of 450 x 300, and twice that each way 26."""
    num_frames: int = 60
    """Frames of the stack."""
    before: Path | None = None
    """Another checkout of this repository, to measure beside this one."""
    only: tuple[Part, ...] = PARTS
    """What to measure."""
    output_path: Path = Path("benchmarks/results")
    """Folder for the results."""

    def main(self) -> None:
        """Measures everything, writes the table and the plot."""
        table, results = Table("real_size", self.output_path, COLUMNS), []
        with tempfile.TemporaryDirectory(prefix="real-size-") as name:
            scratch = Path(name)
            self._codes = [Code("neucam-fuse", None, scratch / "this")]
            if self.before is not None:
                packages = installed(self.before, scratch / "installed")
                self._codes.append(Code("neucam-fuse, before", packages, scratch / "before"))
            for part in self.only:
                for result in getattr(self, f"_{part}")(scratch / part):
                    results.append(result)
                    CONSOLE.print(result.run, result.method, result.scores, f"{number(result.cpu_seconds, 1)} CPU s")
                    table.write(results, ())
        plot(results, self.output_path / "real_size.png")

    def _bracket(self, folder: Path) -> Iterator[Result]:
        yield from self._brackets(folder, (self.repeats,), self._codes)

    def _pixels(self, folder: Path) -> Iterator[Result]:
        yield from self._brackets(
            folder, tuple(sorted({max(1, self.repeats // part) for part in (4, 2, 1)})), self._codes[:1]
        )

    def _brackets(self, folder: Path, repeats: tuple[int, ...], codes: list[Code]) -> Iterator[Result]:
        for times in repeats:
            capture = repeat_capture(open_capture(self.capture)[0], times, folder / f"{times}x{times}")
            truth = read_radiance(capture / "gt/all_in_focus_hdr.exr")
            for code in codes:
                fused, took = run_fuse(code, capture, folder / f"{code.folder.name}-{times}", "settings")
                scores = hdr_scores(read_radiance(fused / "hdr.exr"), truth)
                yield _result(code.name, took, truth.shape, 9, scores)

    def _stack(self, folder: Path) -> Iterator[Result]:
        yield from self._stacks(folder, (self.num_frames,), 1, with_others=True)

    def _frames(self, folder: Path) -> Iterator[Result]:
        yield from self._stacks(folder, tuple(self.num_frames // part for part in (4, 2, 1)), 1, with_others=False)

    def _hundred(self, folder: Path) -> Iterator[Result]:
        yield from self._stacks(folder, (100,), self.stack_repeats[1], with_others=False)

    def _stacks(self, folder: Path, counts: tuple[int, ...], times: int, with_others: bool) -> Iterator[Result]:
        radiance = read_radiance(self.capture / "gt/all_in_focus_hdr.exr").astype(np.float32)
        sharp = repeated(np.clip(0.2 * radiance / np.median(radiance), 0, 1) ** (1 / 2.2), self.stack_repeats[0])
        for count in counts:
            truth = write_stack(sharp, count, folder / f"stack-{count}", times) / np.float32(255)
            stack = FocusStackFiles(sorted((folder / f"stack-{count}").iterdir()), (count - 1) // 2)
            reference = stack.files[(count - 1) // 2].stem
            for code in self._codes if with_others else self._codes[:1]:
                options = ("--reference", reference, "--image-format", "png")
                fused, took = run_fuse(
                    code, folder / f"stack-{count}", folder / f"{code.folder.name}-{count}", "focus-stack", *options
                )
                scores = _stack_scores(read_radiance(fused / "hdr.exr"), truth)
                yield _result(code.name, took, truth.shape, count, scores)
            if with_others:
                try:
                    picture, took = enfuse(stack, folder / "enfuse")
                except NotInstalled as program:
                    yield Result(f"{count} frames", f"enfuse ({program} is not installed)", {}, None)
                else:
                    scores = ldr_scores(*map(_inner, (read_sharp(picture), truth)))
                    yield _result("align_image_stack + enfuse", took, truth.shape, count, scores)


def run_fuse(code: Code, capture: Path, output: Path, frames: str, *options: str) -> tuple[Path, Measurement]:
    """Fuses a capture with a version of our command: the folder with its files, and what it took."""
    command = [code.programs / "neucam-fuse", capture, "--output-path", output, "--frames", frames, *options]
    with first_on_path(code.packages):
        return output, run_measured(command, output.with_suffix(".log"))


def _result(
    method: str, took: Measurement, shape: tuple[int, ...], num_frames: int, scores: dict[str, float]
) -> Result:
    megapixels = shape[0] * shape[1] / 1e6
    cost = {"cost": took.cpu_seconds / megapixels / num_frames, "megapixels": megapixels, "frames": num_frames}
    return Result(f"{num_frames} photographs of {megapixels:.1f} MP", method, {**scores, **cost}, **asdict(took))


def _stack_scores(radiance: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Of the photograph that the radiance makes: one exposure tells no response, and that of sRGB is taken then."""
    light, shown = _inner(radiance), _inner(truth)
    scale = np.median(decode_srgb(shown)) / np.median(light)
    return ldr_scores(encode_srgb(np.clip(light * scale, 0, 1)).astype(np.float32), shown)


def _inner(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    border = round(BORDER_SHARE * min(height, width))
    return picture[border : height - border, border : width - border]


def plot(results: list[Result], path: Path) -> None:
    """CPU seconds over megapixels of nine photographs, and over the number of photographs of one size."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    ours = [result for result in results if result.method == "neucam-fuse"]
    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.5))
    for axis, of_what, same, label in (
        (axes[0], "megapixels", "frames", "megapixels of nine photographs"),
        (axes[1], "frames", "megapixels", "photographs of one size"),
    ):
        groups: dict[float, dict[float, float]] = {}
        for result in ours:
            scores = result.scores
            groups.setdefault(scores[same], {})[scores[of_what]] = result.cpu_seconds or 0
        for points in groups.values():
            if len(points) > 1:
                places = sorted(points)
                axis.plot(places, [points[place] for place in places], "o-")
        axis.set(xlabel=label, ylabel="CPU seconds", xlim=(0, None), ylim=(0, None))
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


if __name__ == "__main__":
    tyro.cli(RealSize).main()
