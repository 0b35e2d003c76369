"""Poses in `poses_bounds.npy`: LLFF's layout, as Deblur-NeRF has it, and HDR-NeRF with exposure times."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.views.checks import check_pose
from neucam_nerfstudio.capture.views.description import DescribedView, Description, Intrinsics, LensSettings, Split
from neucam_nerfstudio.capture.views.split_transforms_files import TRAINED_EXPOSURES
from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.photographs import find_photographs

POSES_NAME, POSES_WITH_TIMES_NAME = "poses_bounds.npy", "poses_bounds_exps.npy"
LLFF_COLUMNS = 17
"""Of each view: a matrix of 3x5 with the pose and height, width and focal length; the nearest and farthest depth."""
PICTURE_FOLDERS = ("images", "input_images")
REDUCED_FOLDER = re.compile(r"(?:input_)?images_(\d+)")
"""Folders with pictures that are that many times smaller."""
HOLD_NAME = re.compile(r"hold=(\d+)")
"""An empty file of Deblur-NeRF's data whose name says that views 0, k, 2k, ... are held out."""
EXPOSURES_OF_VIEWPOINT = 5
"""That HDR-NeRF's data have of each viewpoint, one picture after the other."""


def read_llff(path: Path) -> Description:
    """Reads a capture in LLFF's layout.

    Args:
        path: `poses_bounds.npy`, or `poses_bounds_exps.npy` with an exposure time in seconds in a last column. Pictures
            are in `images`, or `input_images`, beside it, in name order.

    Raises:
        NeucamError: The file is none, or there are not as many pictures as poses.
    """
    try:
        rows = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise NeucamError(broken_file_message(path, error)) from error
    has_times = path.name == POSES_WITH_TIMES_NAME
    columns = LLFF_COLUMNS + has_times
    if rows.ndim != 2 or rows.shape[1] != columns or rows.dtype.kind not in "fiu":
        raise NeucamError(
            f"{path}: holds {rows.dtype} of shape {rows.shape}. Expected {columns} numbers for each view."
        )
    folder, photographs, notes = path.parent, *_pictures(path.parent)
    if len(photographs) != len(rows):
        raise NeucamError(
            f"{path}: has {len(rows)} poses, but {photographs[0].parent} has {len(photographs)} pictures. Expected one"
            " pose for each picture in name order: take pictures without a pose out of the folder."
        )
    matrices = rows[:, :15].reshape(-1, 3, 5).astype(np.float64)
    splits, split_note = _splits(photographs, has_times)
    views = []
    for photograph, matrix, row, split in zip(photographs, matrices, rows, splits, strict=True):
        height, width, focal_px = matrix[:, 4]
        time_s = float(row[17]) if has_times else None
        views.append(
            DescribedView(
                path=photograph,
                camera_to_world=check_pose(opengl_of_llff(matrix[:, :4]), photograph.name, path),
                intrinsics=Intrinsics((float(focal_px), float(focal_px)), size_px=(round(width), round(height))),
                split=split,
                settings=LensSettings(exposure_time_s=time_s, evidence=path.name),
                bounds=_bounds(row, photograph, path),
            )
        )
    return Description(
        told_by=path,
        folder=folder,
        views=tuple(views),
        is_reconstructed=True,
        eval_every=held_out_every(folder) or 8,
        notes=(*notes, *split_note),
    )


def opengl_of_llff(pose: Float[np.ndarray, "3 4"]) -> Float[np.ndarray, "3 4"]:
    """A pose with axes right, up, backward of one with axes down, right, backward (Mildenhall et al., LLFF, 2019)."""
    down, right, backward, place = pose.T
    return np.stack([right, -down, backward, place], axis=1)


def held_out_every(folder: Path) -> int | None:
    """The k of a file `hold=k`; None where there is none."""
    named = (HOLD_NAME.fullmatch(path.name) for path in folder.iterdir())
    return next((int(found[1]) for found in named if found), None)


def picture_folder(folder: Path) -> tuple[Path | None, str | None]:
    """The folder with the pictures of a capture, those of full size where there are; and what was chosen."""
    for name in PICTURE_FOLDERS:
        if (folder / name).is_dir() and find_photographs(folder / name):
            return folder / name, None
    reduced = [(int(found[1]), path) for path in folder.iterdir() if (found := REDUCED_FOLDER.fullmatch(path.name))]
    for factor, path in sorted(reduced):
        if path.is_dir() and find_photographs(path):
            return path, f"There are no pictures of full size: those in {path.name}, {factor} times smaller, are used."
    return None, None


def _pictures(folder: Path) -> tuple[list[Path], list[str]]:
    pictures, note = picture_folder(folder)
    if pictures is None:
        raise NeucamError(f"{folder}: has poses but no pictures. Expected them in {' or '.join(PICTURE_FOLDERS)}.")
    return find_photographs(pictures), [note] if note else []


def _splits(photographs: Sequence[Path], has_times: bool) -> tuple[list[Split | None], list[str]]:
    """What each frame is for where several exposures of each viewpoint follow each other, as HDR-NeRF uses them."""
    viewpoints = [path.stem.rpartition("_")[0] for path in photographs]
    is_bracketed = has_times and all(viewpoints.count(name) == EXPOSURES_OF_VIEWPOINT for name in set(viewpoints))
    if not is_bracketed:
        return [None] * len(photographs), []
    trained = {
        viewpoint * EXPOSURES_OF_VIEWPOINT + TRAINED_EXPOSURES[turn % len(TRAINED_EXPOSURES)]
        for turn, viewpoint in enumerate(range(0, len(photographs) // EXPOSURES_OF_VIEWPOINT, 2))
    }
    splits: list[Split | None] = ["train" if index in trained else "test" for index in range(len(photographs))]
    return splits, [
        "Of every second viewpoint one exposure trains, the first, third and fifth in turn, as HDR-NeRF does; all"
        " others are held out. --eval-every 8 holds out every 8th view instead."
    ]


def _bounds(row: Float[np.ndarray, " columns"], photograph: Path, path: Path) -> tuple[float, float]:
    near, far = float(row[15]), float(row[16])
    if not 0 < near < far < np.inf:
        raise NeucamError(f"{path}: depths of {photograph.name} from {near:g} to {far:g}. Expected 0 < near < far.")
    return near, far
