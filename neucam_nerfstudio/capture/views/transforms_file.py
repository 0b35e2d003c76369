"""nerfstudio's `transforms.json`: poses, cameras, splits, and the settings of each frame beside them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.views.checks import check_pose
from neucam_nerfstudio.capture.views.description import (
    NO_DISTORTION,
    DescribedView,
    Description,
    Intrinsics,
    LensSettings,
    Split,
    number_of,
)
from neucam_nerfstudio.capture.views.points_file import read_points
from neucam_nerfstudio.errors import NeucamError

TRANSFORMS_NAME = "transforms.json"
PERSPECTIVE_MODELS = frozenset({"OPENCV", "PINHOLE", "SIMPLE_PINHOLE", "SIMPLE_RADIAL", "RADIAL", "PERSPECTIVE"})
"""Values of `camera_model` for which light goes through one point, with distortion as OpenCV has it or none."""
DISTORTION_KEYS = ("k1", "k2", "k3", "k4", "p1", "p2")
SETTING_KEYS = ("focus_distance_m", "f_number", "focal_length_mm", "exposure_stops", "exposure_time", "iso")
"""What a frame, or the file for all frames, may say of how it was taken; null where it is not known."""
SPLITS: dict[str, Split] = {"train": "train", "test": "test", "val": "test", "eval": "test"}


def read_transforms(path: Path) -> Description:
    """Reads a capture in nerfstudio's layout.

    Args:
        path: `transforms.json`. Beside nerfstudio's keys a frame may have those of `SETTING_KEYS`, and `split`; the
            file may have them for all frames, and `sensor_width_mm` and `metres_per_unit`.

    Raises:
        NeucamError: The file is none, or has no poses, or something in it is not what it should be.
    """
    meta = read_json(path)
    frames = meta.get("frames")
    if not isinstance(frames, list) or not frames:
        raise NeucamError(f'{path}: has no frames. Expected nerfstudio\'s "frames", each with a transform_matrix.')
    check_camera_model(meta.get("camera_model"), path)
    split_of = _splits_by_lists(meta, path)
    views = tuple(_view(frame, meta, path, split_of) for frame in frames)
    metres = number_of(meta.get("metres_per_unit"), "metres_per_unit", path)
    if metres is not None and not (math.isfinite(metres) and metres > 0):
        raise NeucamError(f"{path}: metres_per_unit is {metres:g}. Expected how many metres a unit of the poses has.")
    points, masked = meta.get("ply_file_path"), [frame for frame in frames if "mask_path" in frame]
    notes = ()
    if masked:
        notes = (
            f"Masks are not used, which {len(masked)} frames have (mask_path): make what is not to be learned"
            " transparent instead.",
        )
    return Description(
        told_by=path,
        folder=path.parent,
        views=views,
        metres_per_unit=metres,
        scale_evidence=f"metres_per_unit in {path.name}" if metres is not None else "",
        applied_transform=_applied(meta, path),
        is_reconstructed=any("colmap_im_id" in frame for frame in frames),
        points=None if points is None else read_points(path.parent / points),
        notes=notes,
    )


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file with an object in it.

    Raises:
        NeucamError: It is not there, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise NeucamError(
            f"{path}, line {error.lineno}: not JSON ({error.msg}). Correct it, or export it anew."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise NeucamError(f"{path}: cannot be read ({error}). Give --data a folder with poses.") from error
    if not isinstance(content, dict):
        raise NeucamError(f"{path}: holds a {type(content).__name__}. Expected an object with the frames' poses.")
    return content


def check_camera_model(model: Any, path: Path) -> None:
    """Raises `NeucamError` for a camera that is no perspective one."""
    if model is not None and model not in PERSPECTIVE_MODELS:
        raise NeucamError(
            f"{path}: camera_model is {model!r}. A lens that focuses needs a perspective camera"
            f" ({', '.join(sorted(PERSPECTIVE_MODELS))}): undistort the pictures first, for instance with"
            " `colmap image_undistorter`."
        )


def pose_of(frame: Mapping[str, Any], told_by: Path) -> Float[np.ndarray, "3 4"]:
    """The pose of a frame of such a file.

    Raises:
        NeucamError: There is none, or it is none.
    """
    name = frame.get("file_path", "a frame")
    if "transform_matrix" not in frame:
        raise NeucamError(f"{told_by}: {name} has no transform_matrix. Add its pose, or take the frame out.")
    try:
        matrix = np.array(frame["transform_matrix"], np.float64)
    except (TypeError, ValueError):
        matrix = np.empty(0)
    if matrix.shape not in ((4, 4), (3, 4)):
        raise NeucamError(f"{told_by}: transform_matrix of {name} is no matrix of 4x4 or 3x4 numbers. Correct it.")
    return check_pose(matrix[:3], str(name), told_by)


def settings_of(frame: Mapping[str, Any], meta: Mapping[str, Any], told_by: Path) -> LensSettings:
    """How a frame was taken, as it or the whole file says."""
    told = {key: number_of(frame.get(key, meta.get(key)), f"{key} of {frame.get('file_path')}", told_by)
            for key in SETTING_KEYS}  # fmt: skip
    if "exposure_stops" in frame or "exposure_time" not in frame:  # the frame's own word goes before the file's
        told["exposure_time"] = told["exposure_time"] if told["exposure_stops"] is None else None
    else:
        told["exposure_stops"] = None
    focal_length_mm = told["focal_length_mm"]
    sensor_mm = number_of(frame.get("sensor_width_mm", meta.get("sensor_width_mm")), "sensor_width_mm", told_by)
    focal_px, width = (frame.get(key, meta.get(key)) for key in ("fl_x", "w"))
    if focal_length_mm is None and sensor_mm is not None and focal_px and width:
        focal_length_mm = sensor_mm * float(focal_px) / float(width)
    return LensSettings(
        focus_distance_m=told["focus_distance_m"],
        f_number=told["f_number"],
        focal_length_mm=focal_length_mm,
        exposure_stops=told["exposure_stops"],
        exposure_time_s=told["exposure_time"],
        iso=told["iso"],
        evidence=told_by.name,
    )


def intrinsics_of(frame: Mapping[str, Any], meta: Mapping[str, Any], told_by: Path) -> Intrinsics:
    """The camera of a frame, as it or the whole file says.

    Raises:
        NeucamError: Its focal length is told by neither.
    """
    name = frame.get("file_path", "a frame")

    def said(key: str) -> float | None:
        return number_of(frame.get(key, meta.get(key)), f"{key} of {name}", told_by)

    width, height = said("w"), said("h")
    size = None if width is None or height is None else (int(width), int(height))
    focal_x = said("fl_x")
    focal_y = said("fl_y") or focal_x
    if focal_x is None or focal_y is None or not min(focal_x, focal_y) > 0:
        raise NeucamError(
            f"{told_by}: fl_x of {name} is {'not there' if focal_x is None else f'{focal_x:g}'}. Expected its focal"
            " length in pixels, for the frame or for all."
        )
    centre_x, centre_y = said("cx"), said("cy")
    distortion = frame.get("distortion_params", meta.get("distortion_params"))
    if distortion is None:
        distortion = [said(key) or 0.0 for key in DISTORTION_KEYS]
    if not isinstance(distortion, list) or len(distortion) != len(NO_DISTORTION):
        raise NeucamError(f"{told_by}: distortion_params of {name} are {distortion!r}. Expected k1 k2 k3 k4 p1 p2.")
    return Intrinsics(
        focal_px=(focal_x, focal_y),
        centre_px=None if centre_x is None or centre_y is None else (centre_x, centre_y),
        size_px=size,
        distortion=tuple(map(float, distortion)),
    )


def _view(frame: Any, meta: dict[str, Any], path: Path, split_of: Mapping[Path, Split]) -> DescribedView:
    if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str):
        raise NeucamError(f"{path}: a frame has no file_path. Expected the name of its photograph.")
    name = Path(frame["file_path"])
    said, split = frame.get("split"), split_of.get(path.parent / name)
    if said is not None and said not in SPLITS:
        raise NeucamError(f"{path}: split of {name} is {said!r}. Expected train, test or val.")
    if split is None and said is not None:
        split = SPLITS[said]
    return DescribedView(
        path=path.parent / name,
        camera_to_world=pose_of(frame, path),
        intrinsics=intrinsics_of(frame, meta, path),
        split=split,
        settings=settings_of(frame, meta, path),
    )


def _applied(meta: Mapping[str, Any], path: Path) -> tuple[Float[np.ndarray, "3 4"], float] | None:
    """nerfstudio's `applied_transform` and `applied_scale`, which the poses have had."""
    scale = number_of(meta.get("applied_scale"), "applied_scale", path)
    if "applied_transform" not in meta and scale is None:
        return None
    matrix = np.array(meta.get("applied_transform", np.eye(4)[:3]), np.float64)
    if matrix.shape not in ((3, 4), (4, 4)):
        raise NeucamError(f"{path}: applied_transform is no matrix of 3x4 numbers. Correct it, or leave it out.")
    return matrix[:3], 1.0 if scale is None else scale


def _splits_by_lists(meta: Mapping[str, Any], path: Path) -> dict[Path, Split]:
    """What nerfstudio's `train_filenames`, `val_filenames` and `test_filenames` say of photographs."""
    of_path: dict[Path, Split] = {}
    named = {frame.get("file_path") for frame in meta["frames"] if isinstance(frame, dict)}
    for word in ("val", "test", "train"):
        files: Iterable[str] = meta.get(f"{word}_filenames") or ()
        if missing := [name for name in files if name not in named]:
            raise NeucamError(f"{path}: {word}_filenames has {missing[0]}, which is no frame. Correct the list.")
        of_path |= {path.parent / name: SPLITS[word] for name in files}
    return of_path
