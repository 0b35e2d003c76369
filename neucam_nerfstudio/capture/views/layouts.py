"""Which layout a capture of many views has, told by its files."""

from __future__ import annotations

from pathlib import Path

from neucam_nerfstudio.capture.views.colmap_model import find_model, read_colmap
from neucam_nerfstudio.capture.views.description import Description
from neucam_nerfstudio.capture.views.llff_file import POSES_NAME, POSES_WITH_TIMES_NAME, read_llff
from neucam_nerfstudio.capture.views.split_transforms_files import TRAIN_NAME, read_split_transforms
from neucam_nerfstudio.capture.views.transforms_file import TRANSFORMS_NAME, read_transforms
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import find_photographs

PREPARE = "neucam-prepare finds poses of photographs"


def describe(data: Path) -> Description:
    """What the files of a capture of many views say of it.

    Args:
        data: Its folder, or its file of poses: nerfstudio's `transforms.json`; `transforms_train.json` beside others,
            as of Blender, HDR-NeRF and RealX3D; LLFF's `poses_bounds.npy` and HDR-NeRF's `poses_bounds_exps.npy`; or a
            COLMAP model in one of its usual folders. The first that is there counts.

    Raises:
        NeucamError: There are no poses, or they cannot be used.
    """
    if not data.exists():
        raise NeucamError(
            f"{data}: there is no such folder or file. Give --data the folder that holds views and poses."
        )
    folder, name = (data.parent, data.name) if data.is_file() else (data, None)
    if name is not None and data.suffix == ".json" and name != TRAIN_NAME:
        return read_transforms(data)
    names = [name] if name is not None else [TRANSFORMS_NAME, TRAIN_NAME, POSES_WITH_TIMES_NAME, POSES_NAME]
    for known in names:
        path = folder / known
        if not path.is_file():
            continue
        if known == TRANSFORMS_NAME:
            return read_transforms(path)
        if known == TRAIN_NAME:
            return read_split_transforms(folder)
        if path.suffix == ".npy":
            return read_llff(path)
    model = find_model(folder)
    if model is not None and name is None:
        return read_colmap(folder, model)
    if name is not None:
        raise NeucamError(f"{data}: this file is not read as poses. Give --data the folder, or its {TRANSFORMS_NAME}.")
    raise NeucamError(_no_poses_message(folder))


def _no_poses_message(folder: Path) -> str:
    photographs = find_photographs(folder)
    held = f"{len(photographs)} photographs, but " if photographs else ""
    said = (
        f"{folder}: {held}no camera poses. Expected {TRANSFORMS_NAME} (nerfstudio), {TRAIN_NAME}, {POSES_NAME} (LLFF),"
        f" or a COLMAP model in sparse/0. {PREPARE}"
    )
    one_view = "; photographs of one view need none: `ns-train neucam`." if photographs else "."
    inside = [path.name for path in sorted(folder.iterdir()) if path.is_dir() and (path / TRANSFORMS_NAME).is_file()]
    return said + one_view + (f" If {inside[0]} is the capture, give that folder." if inside else "")
