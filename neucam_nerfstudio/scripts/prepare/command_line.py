"""`neucam-prepare`: fuses the photographs of each viewpoint, and finds poses by the fused pictures."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal

import tyro
from PIL import Image

from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files, written_whole
from neucam_nerfstudio.scripts.batch.captures import PREPARED_NAME, FoundCapture
from neucam_nerfstudio.scripts.fusion_record import states_of_files, version_of_package
from neucam_nerfstudio.scripts.prepare.pictures import colours_of_points, common_brightness, write_pictures
from neucam_nerfstudio.scripts.prepare.scale import metres_per_unit
from neucam_nerfstudio.scripts.prepare.structure_from_motion import (
    LEAST_VIEWPOINTS,
    LensModel,
    Matching,
    find_poses,
    import_pycolmap,
)
from neucam_nerfstudio.scripts.prepare.transforms_file import write_transforms
from neucam_nerfstudio.scripts.prepare.viewpoints import (
    Viewpoint,
    check_sizes,
    find_viewpoints,
    fused_viewpoint,
    single_viewpoints,
    with_comparable_exposures,
)
from neucam_nerfstudio.scripts.run_command import run_command, say, share_of_work

FUSED_FOLDER, PICTURES_FOLDER = "fused", "pictures"


@dataclass(kw_only=True)
class Prepare:
    """Finds out where photographs were taken from, although they are out of focus or unevenly exposed.

    Each folder with two photographs or more is a viewpoint: a focus stack, an exposure bracket, or both, from one
    place. They are fused into a picture, all in focus and all of one brightness; COLMAP places these pictures, and
    transforms.json gives every photograph the pose of its viewpoint's reference photograph, and its settings as far as
    they are told. If there is one such folder, each of its photographs is a viewpoint.
    """

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of viewpoints, or folders above them."""
    output_dir: Path
    """Folder for transforms.json, sparse_pc.ply, pictures/ (what COLMAP saw) and fused/ (radiance of each viewpoint).
    It is made if missing. Run again, what is there of the same photographs and options is not made again."""
    single_frames: bool = False
    """Every photograph is a viewpoint of its own, in whatever folder it lies."""
    frames: Literal["settings", "focus-stack"] = "settings"
    """Whether the photographs of a viewpoint are a focus stack, each focused elsewhere, where nothing tells."""
    align: AlignChoice = "auto"
    """Align the photographs of a viewpoint where focusing moves the picture."""
    lens_model: LensModel = "simple-radial"
    """COLMAP's model of the lens. Those with more parameters, as opencv, want more viewpoints and sharper detail."""
    one_lens: bool = True
    """All photographs have one lens and focal length; else each viewpoint has its own."""
    matching: Matching = "auto"
    """Compare each picture with each other one (exhaustive), or with those that follow it in the order of names
    (sequential), which auto does beyond 100 viewpoints."""
    memory_budget: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory that fusing may take, about. None takes half of what is free, and at most 2.4 GB."""

    def main(self) -> None:
        """Makes what is missing, and says what was found."""
        self._check()
        import_pycolmap()
        found, notes = find_viewpoints(self.folders, self.output_dir, self.single_frames)
        for note in notes:
            say(note)
        if len(found) < LEAST_VIEWPOINTS:
            raise NeucamError(
                f"{', '.join(map(str, self.folders))}: {len(found)} viewpoint{'s' * (len(found) != 1)} found, expected"
                f" at least {LEAST_VIEWPOINTS}, better ten or more. Give a folder for each place that the camera stood"
                " at, or one folder of photographs that were taken from a place each (--single-frames for several)."
            )
        check_sizes(found, self.frames)
        viewpoints = self._viewpoints(found)
        made_from = self._made_from(viewpoints)
        if self._is_there(made_from):
            say(f"{self.output_dir}: holds what these photographs and options give. Nothing to do.")
            return
        viewpoints, note = with_comparable_exposures(viewpoints)
        say(note)
        pictures = self.output_dir / PICTURES_FOLDER
        self.output_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".colmap-", dir=self.output_dir) as for_colmap:
            with share_of_work("Evening out the exposure of viewpoints") as report:
                brightness = common_brightness(viewpoints, lambda share: report(share / 2))
                names, scale = write_pictures(
                    viewpoints, pictures, Path(for_colmap), brightness, lambda share: report((1 + share) / 2)
                )
            say(f"COLMAP looks for the places of {len(names)} viewpoints (pictures: {pictures}).")
            poses = find_poses(Path(for_colmap), names, scale, self.lens_model, self.one_lens, self.matching)
        by_name = dict(zip(names, viewpoints, strict=True))
        self._report(by_name, poses.camera_to_world.keys())
        with Image.open(pictures / names[0]) as picture:
            size = picture.size
        metres, note = metres_per_unit(by_name, poses)
        say(note)
        colours = colours_of_points(poses, pictures)
        files = write_transforms(self.output_dir, by_name, poses, colours, size, self.one_lens, metres)
        placed = [viewpoint for name, viewpoint in by_name.items() if name in poses.camera_to_world]
        if any(len(viewpoint.frames) > 1 for viewpoint in placed):
            say("Photographs have the pose of their viewpoint's reference: what focusing or a hand moved is not in it.")
        say(
            f"Wrote {files[0]}: {sum(len(viewpoint.frames) for viewpoint in placed)} photographs from"
            f" {len(placed)} viewpoints, {len(poses.points)} points, {poses.mean_error_px:.2f} px from where they are"
            " seen."
        )
        self._write_record(made_from, [*files, *(pictures / name for name in names)])

    def _check(self) -> None:
        if not self.folders:
            raise NeucamError("FOLDER: none is given. Give the folders of the viewpoints, or the folder above them.")
        if self.memory_budget is not None and not 0 < self.memory_budget < math.inf:
            raise NeucamError(f"--memory-budget {self.memory_budget:g}: expected a number of GB above 0.")
        try:
            check_folder_takes_files(self.output_dir)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"--output-dir {self.output_dir}: is a file, or lies in one. Give a folder.") from error

    def _viewpoints(self, found: Sequence[FoundCapture | Path]) -> list[Viewpoint]:
        """The viewpoints in their order, fused where they are several photographs."""
        budget_bytes = None if self.memory_budget is None else int(self.memory_budget * 1e9)
        singles, notes = single_viewpoints([each for each in found if isinstance(each, Path)])
        for note in notes:
            say(note)
        of_photograph, viewpoints = {viewpoint.reference: viewpoint for viewpoint in singles}, []
        for each in found:
            if isinstance(each, Path):
                viewpoints.append(of_photograph[each])
                continue
            try:
                with share_of_work(f"Fusing {each.name}") as report:
                    viewpoint, fused = fused_viewpoint(
                        each,
                        self.output_dir / FUSED_FOLDER / each.name,
                        self.frames,
                        self.align,
                        budget_bytes,
                        report,
                    )
            except NeucamError as error:
                raise NeucamError(f"Viewpoint {each.name}: {error}") from error
            viewpoints.append(viewpoint)
            if fused is not None:
                say(f"{each.name}: {len(viewpoint.frames)} photographs fused, reference {viewpoint.reference.name}.")
                for note in fused.notes:
                    say(f"  {note}")
        return viewpoints

    def _report(self, viewpoints: dict[str, Viewpoint], placed: Sequence[str] | Any) -> None:
        missing = [viewpoint.name for name, viewpoint in viewpoints.items() if name not in placed]
        if missing:
            say(
                f"COLMAP places {len(placed)} of {len(viewpoints)} viewpoints. Left out, as they share too little"
                f" detail with the others: {listed(missing)}."
            )
        if self.matching == "auto" and missing and len(viewpoints) > 100:
            say("Each was compared with those that follow it; --matching exhaustive compares each with each.")

    def _made_from(self, viewpoints: Sequence[Viewpoint]) -> dict[str, Any]:
        """Photographs and options, as the record has them."""
        options = (self.lens_model, self.one_lens, self.matching)
        inputs = [path for viewpoint in viewpoints for path in (*viewpoint.inputs, *viewpoint.frames)]
        return {
            "version": version_of_package(),
            "options": list(options),
            "viewpoints": [[viewpoint.name, viewpoint.stops, viewpoint.told_by] for viewpoint in viewpoints],
            "files": states_of_files({path.resolve() for path in inputs}, self.output_dir.resolve()),
        }

    def _is_there(self, made_from: dict[str, Any]) -> bool:
        """Whether the record says that everything is there, made from this."""
        try:
            record = json.loads((self.output_dir / PREPARED_NAME).read_text(encoding="utf-8"))
            files = [self.output_dir / name for name in record["made"]]
            made = states_of_files(files, self.output_dir)
        except (OSError, ValueError, TypeError, KeyError):
            return False
        return record == json.loads(json.dumps({"made_from": made_from, "made": made}))

    def _write_record(self, made_from: dict[str, Any], files: Sequence[Path]) -> None:
        record = {"made_from": made_from, "made": states_of_files(files, self.output_dir)}
        with written_whole(self.output_dir / PREPARED_NAME) as temporary:
            temporary.write_text(json.dumps(record), encoding="utf-8")


def entrypoint() -> None:
    """Runs `neucam-prepare`."""
    run_command(Prepare)
