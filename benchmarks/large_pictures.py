"""What large pictures take: a capture repeated n x n times, mirrored so that nothing ends, learned in several ways.

    python -m benchmarks.large_pictures [--capture dataset/MFME/Desk] [--repeats 2 4]

Its ground truth repeats alike, so that scores compare with the capture's own. Each size is scored as the classical
start leaves it (one step), after `neucam` as it is, and after learning every pixel: with as many rays in all as a
small picture gets, and with as many rays a pixel. Writes `large_pictures.md` and `large_pictures.json`, anew after each
result.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tyro
from jaxtyping import Shaped
from nerfstudio.utils.rich_utils import CONSOLE

from benchmarks.commands import Training
from benchmarks.results_table import HDR_COLUMNS, Result, Table, number
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.radiance_files import read_radiance, write_radiance
from neucam_nerfstudio.method_configs.methods import neucam

RAYS = neucam.config.pipeline.datamanager.train_num_rays_per_batch
"""That `neucam` draws a step."""

Picture = Shaped[np.ndarray, "height width 3"]


@dataclass
class LargePictures:
    """Measures what large pictures take and give."""

    capture: Path = Path("dataset/MFME/Desk")
    """Still capture with exposure.txt, 8-bit photographs and gt/all_in_focus_hdr.exr."""
    repeats: tuple[int, ...] = (4,)
    """How often it is repeated each way."""
    output_path: Path = Path("benchmarks/results")
    """Folder for large_pictures.md and large_pictures.json."""

    def main(self) -> None:
        """Runs all sizes and writes the table."""
        table, results = Table("large_pictures", self.output_path, HDR_COLUMNS), []
        capture = open_capture(self.capture)[0]
        with tempfile.TemporaryDirectory(prefix="large-pictures-") as scratch:
            for times in self.repeats:
                repeated = repeat_capture(capture, times, Path(scratch) / f"{capture.folder.name}-{times}x{times}")
                for way, options in ways(capture.height * capture.width * times**2, times).items():
                    folder = Path(scratch) / f"{times}-{len(results)}"
                    results.append(measured(repeated, way, options, folder))
                    CONSOLE.print(results[-1].run, way, results[-1].scores, f"{number(results[-1].seconds, 1)} s")
                    table.write(results, ())


def ways(num_pixels: int, times: int) -> dict[str, tuple[str, ...]]:
    """Options of `ns-train neucam`, by what they do."""
    every_pixel = tuple(
        word for part in ("scene", "blur") for word in (f"--pipeline.model.{part}.most-learned-cells", str(num_pixels))
    )
    return {
        "classical start": ("--max-num-iterations", "1"),
        "neucam": (),
        "neucam, every pixel learned": every_pixel,
        "neucam, every pixel learned, rays in proportion": (
            *every_pixel,
            "--pipeline.datamanager.train-num-rays-per-batch",
            str(RAYS * times**2),
        ),
    }


def repeat_capture(capture: Capture, times: int, folder: Path) -> Path:
    """Writes a capture whose photographs and ground truth are those of another, n x n times."""
    (folder / "gt").mkdir(parents=True)
    for frame, pixels in zip(capture.frames, PixelStore(capture).stack(capture.train_indices), strict=True):
        write_image(folder / f"{frame.name}.png", repeated(pixels, times) / 255)
    shutil.copy(capture.folder / "exposure.txt", folder)
    truth = repeated(read_radiance(capture.radiance_truth[capture.reference_index]).astype(np.float32), times)
    write_radiance(folder / "gt/all_in_focus_hdr.exr", truth, "float")
    return folder


def repeated(picture: Picture, times: int) -> Picture:
    """A picture n x n times, every other one mirrored."""

    def along(axis: int, flip: Callable[[Picture], Picture], picture: Picture) -> Picture:
        return np.concatenate([flip(picture) if number % 2 else picture for number in range(times)], axis)

    return np.ascontiguousarray(along(0, np.flipud, along(1, np.fliplr, picture)))


def measured(capture: Path, way: str, options: tuple[str, ...], folder: Path) -> Result:
    """Trains and scores `neucam` on a capture."""
    run, measurement = Training("neucam", capture, options=options).run(folder)
    truth = read_radiance(capture / "gt/all_in_focus_hdr.exr")
    height, width = truth.shape[:2]
    return Result(
        run=f"{capture.name}, {width}x{height}",
        method=way,
        scores=hdr_scores(run.radiance(), truth),
        **asdict(measurement),
    )


if __name__ == "__main__":
    tyro.cli(LargePictures).main()
