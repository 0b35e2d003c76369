"""What `neucam-3d` makes of captures of many views, scored on the views that were held out.

    python -m benchmarks.multi_view DATA... [--only told pinhole]

DATA is whatever `neucam-3d-data` opens: captures of `render_views`, and the published ones of HDR-NeRF, Deblur-NeRF,
Cinematic Gaussians and RealX3D, for whoever has a graphics card and the data.

| row | what is different |
| --- | --- |
| `told` | nothing |
| `pinhole` | no lens: `--pipeline.model.blur none` |
| `untold` | exposures and focus distances are taken out of transforms.json |
| `sharp` | sharp, at the same exposures: made of the true radiance, where gt/ has all, in 16 bits without noise |
| `even` | the same, all at one exposure, of which the lens knows nothing |
| `even_plain` | and no camera: `--pipeline.model.blur none --pipeline.model.response srgb` |

Writes `multi_view.md` and `multi_view.json`. Radiance is scored with one gain for all views (`views_psnr_mu`), and as
`score_hdr` does with one for each channel of each view (`psnr_mu`); photographs by PSNR and SSIM as they are. Where
nothing tells the exposures, one power is fitted, too. Nothing else is fitted to anything.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import tyro
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.commands import Training, run_measured, script
from benchmarks.results_table import Column, Result, Table, aligned_score_column, alignment_of, score_column
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.photometry import MIDDLE_GREY, encode_srgb

Row = Literal["told", "pinhole", "untold", "sharp", "even", "even_plain"]
ROWS: tuple[Row, ...] = ("told", "pinhole", "untold", "sharp", "even", "even_plain")

OPTIONS: dict[Row, tuple[str, ...]] = {
    "pinhole": ("--pipeline.model.blur", "none"),
    "sharp": ("--pipeline.model.blur", "none"),
    "even_plain": ("--pipeline.model.blur", "none", "--pipeline.model.response", "srgb"),
}
"""What a row's command has besides."""

COLUMNS = (
    aligned_score_column("PSNR mu", "psnr_mu"),
    aligned_score_column("SSIM mu", "ssim_mu", 4),
    score_column("PSNR mu, one gain", "views_psnr_mu"),
    score_column("PSNR PU21, one gain", "views_psnr_pu21"),
    Column("aligned", alignment_of),
    score_column("PSNR of photographs", "psnr"),
    score_column("SSIM of photographs", "ssim", 4),
)

POSES = "transforms.json"
SETTINGS = ("exposure_stops", "exposure_time", "iso", "exposure_index", "focus_distance_m")
"""What a frame of transforms.json tells of exposure and focus."""


@dataclass
class MultiView:
    """Measures `neucam-3d`."""

    data: Annotated[tuple[Path, ...], tyro.conf.Positional]
    """Captures of many views."""
    only: tuple[Row, ...] = ROWS
    """Which rows."""
    iterations: int | None = None
    """Steps of training; the method's own without."""
    output_path: Path = Path("benchmarks/results")
    """Folder for the results."""

    def main(self) -> None:
        """Measures every row of every capture that has it, and writes the table anew after each."""
        table, results, notes = Table("multi_view", self.output_path, COLUMNS), [], []
        with tempfile.TemporaryDirectory(prefix="multi-view-") as scratch:
            for data in self.data:
                for row, capture in self._captures(data, Path(scratch) / data.name):
                    if isinstance(capture, str):
                        notes.append(f"{data.name}, {row}: {capture}")
                        continue
                    results.append(self._measured(row, capture, data.name, Path(scratch) / "runs" / data.name / row))
                    CONSOLE.print(results[-1].run, row, results[-1].scores)
                    table.write(results, notes)
        table.write(results, notes)

    def _captures(self, data: Path, folder: Path) -> Iterator[tuple[Row, Path | str]]:
        """The capture of each row, or why there is none."""
        for row in self.only:
            if row in ("told", "pinhole"):
                yield row, data
            elif not (data / POSES).is_file():
                yield row, f"skipped, for {POSES} would have to be changed."
            elif row == "untold":
                yield row, without_settings(data, folder / "untold")
            else:
                even_stops = None if row == "sharp" else 0.0
                true = with_true_photographs(data, folder / row, even_stops)
                yield row, true or "skipped, not all true radiance is there."

    def _measured(self, row: Row, capture: Path, name: str, folder: Path) -> Result:
        training = Training("neucam-3d", capture, iterations=self.iterations, options=OPTIONS.get(row, ()))
        run, took = training.run(folder)
        report = folder / "eval.json"
        run_measured([script("ns-eval"), "--load-config", run.config, "--output-path", report], folder / "eval.log")
        scores = {key: value for key, value in json.loads(report.read_text())["results"].items() if value is not None}
        return Result(name, row, scores, **asdict(took), steps=self.iterations)


def without_settings(data: Path, folder: Path) -> Path:
    """The same capture, of which nothing tells exposures and focus distances."""
    return _changed(data, folder, lambda frame: {key: frame[key] for key in frame if key not in SETTINGS})


def with_true_photographs(data: Path, folder: Path, even_stops: float | None = None) -> Path | None:
    """The same views without blur and noise, as the sRGB standard develops them; None where the true radiance of a
    photograph is missing.

    Args:
        data: The capture.
        folder: Of the other one.
        even_stops: Exposure of all; None keeps that of each.
    """
    frames = json.loads((data / POSES).read_text())["frames"]
    truth = {frame["file_path"]: data / "gt" / f"{Path(frame['file_path']).stem}.exr" for frame in frames}
    if not all(path.is_file() for path in truth.values()):
        return None

    photographs = folder / "photographs"  # what lies in gt/ is nobody's photograph

    def true(frame: dict[str, Any]) -> dict[str, Any]:
        kept = {key: frame[key] for key in frame if key not in (*SETTINGS, "f_number")}
        if frame.get("split") == "test":
            return kept
        path, stops = truth[frame["file_path"]], frame.get("exposure_stops", 0.0) if even_stops is None else even_stops
        developed = encode_srgb(np.clip(MIDDLE_GREY * 2.0**stops * read_radiance(path), 0, 1))
        write_image(photographs / f"{path.stem}.png", developed.astype(np.float32), 16)
        return kept | {"file_path": f"{photographs.name}/{path.stem}.png", "exposure_stops": stops}

    return _changed(data, folder, true)


def _changed(data: Path, folder: Path, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Path:
    """A folder with links to what a capture has, and transforms.json with every frame changed."""
    folder.mkdir(parents=True)
    for path in data.iterdir():
        if path.name != POSES:
            (folder / path.name).symlink_to(path.resolve())
    told = json.loads((data / POSES).read_text())
    told["frames"] = [change(frame) for frame in told["frames"]]
    (folder / POSES).write_text(json.dumps(told))
    return folder


if __name__ == "__main__":
    tyro.cli(MultiView).main()
