"""Poses in `transforms_train.json` and `transforms_test.json`: Blender's layout, as HDR-NeRF and RealX3D have it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from neucam_nerfstudio.capture.views.description import (
    DescribedView,
    Description,
    Intrinsics,
    LensSettings,
    Split,
    number_of,
)
from neucam_nerfstudio.capture.views.pixels import RADIANCE_SUFFIXES
from neucam_nerfstudio.capture.views.transforms_file import (
    check_camera_model,
    intrinsics_of,
    pose_of,
    read_json,
    settings_of,
)
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import PHOTOGRAPH_SUFFIXES
from neucam_nerfstudio.imaging.radiance_files import picture_size

TRAIN_NAME = "transforms_train.json"
RADIANCE_FOLDERS = ("", "exr", "hdr", "gt")
"""Beside photographs, or beside their folder, where data sets keep the radiance of views."""
TRAINED_EXPOSURES = (0, 2, 4)
"""Of the five that each viewpoint of HDR-NeRF's data has (Huang et al., CVPR 2022): one of these trains, in turn here;
the others, and all of held-out viewpoints, are for evaluation."""
CINEMATIC_KEYS = {"focus_distance": "focus_distance_m", "aperture": "f_number", "exp": "exposure_stops"}
"""What frames of Cinematic Gaussians' rendered scenes call their settings (Wang et al., Pacific Graphics 2024)."""


def read_split_transforms(folder: Path) -> Description:
    """Reads a capture with a file of poses for each split.

    `exposure_train.json` and `exposure_test.json` may tell exposure times of photographs, several of one pose
    (`file_path` + `_0.png`, ...), as HDR-NeRF has them. A file of a training view's name in `val/` is its photograph
    without blur, as RealX3D has it.

    Raises:
        NeucamError: Something in the files is not what it should be.
    """
    views: list[DescribedView] = []
    files: dict[Split, Path] = {"train": folder / TRAIN_NAME, "test": folder / "transforms_test.json"}
    has_brackets = False
    for split, path in files.items():
        if not path.is_file():
            continue
        meta = read_json(path)
        check_camera_model(meta.get("camera_model"), path)
        frames = meta.get("frames")
        if not isinstance(frames, list) or not frames:
            raise NeucamError(f'{path}: has no frames. Expected "frames", each with file_path and transform_matrix.')
        times_path = folder / f"exposure_{split}.json"
        times = read_json(times_path) if times_path.is_file() else {}
        for number, frame in enumerate(frames):
            if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
                raise NeucamError(f"{path}: a frame has no file_path. Expected the name of its photograph.")
            bracket = _bracket(frame["file_path"], times, times_path)
            has_brackets |= len(bracket) > 1
            if bracket:
                views += _of_bracket(frame, meta, path, split, bracket, number)
            else:
                views.append(_view(frame, meta, path, split, _photograph(folder / frame["file_path"])))
    notes = (
        ["Of each training viewpoint one exposure trains, in turn; the others are held out."] if has_brackets else []
    )
    return Description(
        files["train"], folder, tuple(views), is_reconstructed=_is_reconstructed(folder), notes=tuple(notes)
    )


def _bracket(file_path: str, times: Mapping[str, Any], times_path: Path) -> dict[str, LensSettings]:
    """The photographs of a pose, by their names in the file of exposure times, in order."""
    names = [name for name in times if name.rpartition("_")[0] == file_path or name.rpartition(".")[0] == file_path]
    seconds = {name: number_of(times[name], name, times_path) for name in sorted(names)}
    return {name: LensSettings(exposure_time_s=s, evidence=times_path.name) for name, s in seconds.items()}


def _of_bracket(
    frame: Mapping[str, Any],
    meta: Mapping[str, Any],
    path: Path,
    split: Split,
    bracket: Mapping[str, LensSettings],
    number: int,
) -> Sequence[DescribedView]:
    trained = TRAINED_EXPOSURES[number % len(TRAINED_EXPOSURES)] % len(bracket)
    truth = _radiance(path.parent / frame["file_path"])
    views = []
    for place, (name, settings) in enumerate(bracket.items()):
        used_for: Split = "train" if split == "train" and place == trained else "test"
        view = _view(frame, meta, path, used_for, path.parent / name)
        views.append(replace(view, settings=settings, truth=truth))
    return views


def _view(
    frame: Mapping[str, Any], meta: Mapping[str, Any], path: Path, split: Split, photograph: Path
) -> DescribedView:
    """A view of which the file may say the angle of view instead of the focal length."""
    said = {CINEMATIC_KEYS.get(key, key): value for key, value in frame.items()}
    sharp = photograph.parents[1] / "val" / photograph.name
    return DescribedView(
        path=photograph,
        camera_to_world=pose_of(frame, path),
        intrinsics=_intrinsics(frame, meta, path, photograph),
        split=split,
        settings=settings_of(said, meta, path),
        truth=_radiance(path.parent / frame["file_path"]),
        sharp_truth=sharp if split == "train" and photograph.parent.name == "train" and sharp.is_file() else None,
    )


def _intrinsics(frame: Mapping[str, Any], meta: Mapping[str, Any], path: Path, photograph: Path) -> Intrinsics:
    angle = number_of(meta.get("camera_angle_x"), "camera_angle_x", path)
    if "fl_x" in frame or "fl_x" in meta or angle is None:
        return intrinsics_of(frame, meta, path)
    if not 0 < angle < math.pi:
        raise NeucamError(f"{path}: camera_angle_x is {angle:g}. Expected the angle of view in radians, 0 to pi.")
    height, width = picture_size(photograph) if photograph.is_file() else (1, 1)
    focal_px = width / 2 / math.tan(angle / 2)
    return Intrinsics((focal_px, focal_px), size_px=(width, height))


def _photograph(path: Path) -> Path:
    """The photograph that a file means, which may leave its suffix out."""
    if path.suffix.lower() in PHOTOGRAPH_SUFFIXES | RADIANCE_SUFFIXES:
        return path
    named = [path.with_name(path.name + suffix) for suffix in (".png", ".jpg", ".JPG")]
    return next((file for file in named if file.is_file()), named[0])


def _radiance(path: Path) -> Path | None:
    """The file with the radiance of a pose; None where there is none."""
    stem = path.stem if path.suffix.lower() in PHOTOGRAPH_SUFFIXES else path.name
    places = [place / folder for place in (path.parent, path.parents[1]) for folder in RADIANCE_FOLDERS]
    files = (place / f"{stem}{suffix}" for place in places for suffix in sorted(RADIANCE_SUFFIXES))
    return next((file for file in files if file.is_file() and file != path), None)


def _is_reconstructed(folder: Path) -> bool:
    return (folder / "sparse").is_dir() or (folder / "colmap").is_dir()
