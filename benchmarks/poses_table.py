"""Measures poses: of `neucam-prepare`, and of COLMAP on the photographs as they are.

    python -m benchmarks.poses_table [--data-root DATA] [--rows made-fused made-varied ...]

`made` is the scene of `made_viewpoints`: twelve places, at each three focus distances times three exposures, 3 stops
apart. `gallery` is `multi-view/GalleryMultiview` in the data root: 24 photographs, each from its own place, at one of
three focus distances and one of three exposures. Everyone's pictures go through the same calls of COLMAP, those of
`neucam-prepare`, so what differs is what COLMAP sees.

Errors are those that a similarity of the worlds leaves: angles, and distances between places in percent of the largest
distance between two of them; median and largest. Places that are not placed count as such only. Writes
`poses_table.md` and `poses_table.json`, anew after each result.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import tyro

from benchmarks.made_viewpoints import Shoot, write_shoot
from benchmarks.pose_errors import Pose, PoseErrors, pose_errors, read_poses
from benchmarks.results_table import Column, Result, Table, score_column
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.scripts.prepare.command_line import Prepare
from neucam_nerfstudio.scripts.prepare.pictures import resized, scale_for_colmap
from neucam_nerfstudio.scripts.prepare.structure_from_motion import LensModel, find_poses

Way = Literal["as they are", "neucam-prepare"]


def _placed(result: Result) -> str:
    return f"{result.scores['placed']:.0f} of {result.scores['given']:.0f}" if result.scores else ""


COLUMNS = (
    Column("placed", _placed),
    score_column("rotation, degrees", "rotation_median", 3),
    score_column("largest", "rotation_largest", 3),
    score_column("place, %", "place_median", 3),
    score_column("largest", "place_largest", 3),
    score_column("focal length, %", "focal", 1),
)


@dataclass(frozen=True)
class Row:
    """One set of photographs, and what COLMAP sees of it.

    Attributes:
        name: To choose it by.
        title: What it is, for the table.
        capture: Folder under the data root; `.` of what is made here.
        frames: Of each place: all; sharp truth; the one in the middle; or another one at each place.
        way: What is done with them.
    """

    name: str
    title: str
    capture: str
    frames: Literal["all", "sharp", "middle", "another"]
    way: Way


ROWS = (
    Row("made-sharp", "made, sharp and evenly exposed (the ceiling)", ".", "sharp", "as they are"),
    Row("made-fused", "made, nine a place", ".", "all", "neucam-prepare"),
    Row("made-middle", "made, the middle one of each place", ".", "middle", "as they are"),
    Row("made-varied", "made, another focus and exposure at each place", ".", "another", "as they are"),
    Row("made-evened", "made, another focus and exposure at each place", ".", "another", "neucam-prepare"),
    Row("gallery", "GalleryMultiview", "multi-view/GalleryMultiview", "all", "as they are"),
    Row("gallery-evened", "GalleryMultiview", "multi-view/GalleryMultiview", "all", "neucam-prepare"),
)


@dataclass
class PosesTable:
    """Measures poses found on fused and evenly exposed pictures, and on photographs as they are."""

    data_root: Path = Path("dataset")
    """Folder that holds the captures; rows whose capture is not there are skipped."""
    output_path: Path = Path("benchmarks/results")
    """Folder for poses_table.md and poses_table.json."""
    rows: tuple[str, ...] = tuple(row.name for row in ROWS)
    """Rows to measure."""
    lens_model: LensModel = "simple-radial"
    """As of neucam-prepare."""
    made: Path | None = None
    """Folder with the made scene, to keep it; it is written if missing."""

    def main(self) -> None:
        """Runs the rows and writes the table."""
        Table("poses_table", self.output_path, COLUMNS).fill(ROWS, self.rows, self.data_root, self._results)

    def _results(self, row: Row, scratch: Path) -> Iterator[Result]:
        if row.capture == ".":
            shoot, home = Shoot(), self.made or scratch / "made"
            if not home.is_dir():
                write_shoot(home, shoot)
            true = {f"place_{place:02}": shoot.camera_to_world(place) for place in range(shoot.num_places)}
            photographs, true_focal_px = _of_made(row, home), shoot.focal_px
        else:
            home = self.data_root / row.capture
            true, true_focal_px = read_poses(home / "transforms.json")
            true = {name: pose for name, pose in true.items() if name.startswith("train")}
            photographs = {name: home / "images" / f"{name}.png" for name in true}
        folder, start = scratch / row.name, time.process_time()
        folder.mkdir()
        try:
            if row.frames == "all" and row.capture == ".":
                found, focal_px = self._prepared(home / "shoot", folder / "out")
            else:
                single = _copied(row, photographs, home, folder / "single")
                found, focal_px = (
                    self._prepared(single, folder / "out") if row.way == "neucam-prepare" else self._found(single, true)
                )
            scores = _scores(pose_errors(found, true, focal_px, true_focal_px))
        except NeucamError:
            scores = {"placed": 0.0, "given": float(len(true))}
        yield Result(row.title, row.way, scores, None, cpu_seconds=time.process_time() - start)

    def _prepared(self, folder: Path, output: Path) -> tuple[dict[str, Pose], float]:
        Prepare(folders=(folder,), output_dir=output, lens_model=self.lens_model).main()
        found, focal_px = read_poses(output / "transforms.json")
        return {name.split("/")[-1]: pose for name, pose in found.items()}, focal_px

    def _found(self, folder: Path, true: dict[str, Pose]) -> tuple[dict[str, Pose], float]:
        names = [f"{name}.png" for name in true]
        larger = folder / "larger"
        for name in names:
            pixels = read_photograph(folder / name) / np.float32(255)
            scale = scale_for_colmap(*pixels.shape[:2])
            write_image(larger / name, resized(pixels, scale))
        poses = find_poses(larger, names, scale, self.lens_model)
        found = {Path(name).stem: pose for name, pose in poses.camera_to_world.items()}
        return found, float(next(iter(poses.lenses.values()))["fl_x"])


def _of_made(row: Row, home: Path) -> dict[str, Path]:
    """The photograph of each place."""
    places = sorted((home / "shoot").iterdir())
    if row.frames == "sharp":
        return {place.name: home / "sharp" / f"{place.name}.png" for place in places}
    # three places have the three focus settings in turn, whose exposures are shifted by one after them: all nine occur
    chosen = {
        place.name: "F1E1" if row.frames == "middle" else f"F{number % 3}E{(number + number // 3) % 3}"
        for number, place in enumerate(places)
    }
    return {name: home / "shoot" / name / f"{photograph}.png" for name, photograph in chosen.items()}


def _copied(row: Row, photographs: dict[str, Path], home: Path, folder: Path) -> Path:
    """A folder of photographs under the names of their places, with their exposures where those are told."""
    folder.mkdir()
    for name, path in photographs.items():
        shutil.copy(path, folder / f"{name}.png")
    stops: list[float] = []
    if row.frames == "another":
        of_exposure = Shoot().exposure_stops
        stops = [of_exposure[int(path.stem[-1])] for path in photographs.values()]
    elif row.capture != ".":
        frames = json.loads((home / "transforms.json").read_text())["frames"]
        told = {Path(frame["file_path"]).stem: frame.get("exposure_stops") for frame in frames}
        stops = [told[name] for name in photographs]
    if stops:
        (folder / "exposure.txt").write_text("".join(f"{value:g}\n" for value in stops))
    return folder


def _scores(errors: PoseErrors) -> dict[str, float]:
    return {
        "placed": float(errors.num_placed),
        "given": float(errors.num_given),
        "rotation_median": errors.rotation_deg[0],
        "rotation_largest": errors.rotation_deg[1],
        "place_median": errors.place_percent[0],
        "place_largest": errors.place_percent[1],
        "focal": errors.focal_percent,
    }


if __name__ == "__main__":
    tyro.cli(PosesTable).main()
