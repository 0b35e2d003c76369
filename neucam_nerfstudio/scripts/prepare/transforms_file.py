"""Poses and settings of photographs as nerfstudio's `transforms.json`, and the points that were found beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.capture.focus_distances import LEAST_DIOPTRES
from neucam_nerfstudio.capture.views.transforms_file import TRANSFORMS_NAME
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses
from neucam_nerfstudio.scripts.prepare.viewpoints import Viewpoint

POINTS_NAME = "sparse_pc.ply"
"""As nerfstudio has it."""
MOST_METRES = 1 / LEAST_DIOPTRES
"""What stands for infinity, of which JSON has none."""


def write_transforms(
    folder: Path,
    viewpoints: Mapping[str, Viewpoint],
    poses: Poses,
    colours: UInt8[np.ndarray, "points 3"],
    size: tuple[int, int],
    one_lens: bool,
    metres: float | None,
) -> list[Path]:
    """Writes the pose and the settings of every photograph of the viewpoints that have poses.

    Args:
        folder: To write to; photographs are named from there.
        viewpoints: By the name of their picture.
        poses: Of pictures.
        colours: Of the points, sRGB.
        size: Width and height of all photographs.
        one_lens: Whether all have the same lens.
        metres: How long a unit of the poses is; None where nothing tells.

    Returns:
        The files.
    """
    transforms, points = folder / TRANSFORMS_NAME, folder / POINTS_NAME
    width, height = size
    content: dict[str, Any] = {"w": width, "h": height}
    content |= next(iter(poses.lenses.values())) if one_lens else {}
    content |= {} if metres is None else {"metres_per_unit": metres}
    content |= {"ply_file_path": points.name, "frames": []}
    for name, viewpoint in viewpoints.items():
        if name not in poses.camera_to_world:
            continue
        matrix = [*poses.camera_to_world[name].tolist(), [0.0, 0.0, 0.0, 1.0]]
        own = {} if one_lens else poses.lenses[name]
        stops: Sequence[float | None] = viewpoint.stops or [None] * len(viewpoint.frames)
        for path, exif, exposure in zip(viewpoint.frames, viewpoint.exif, stops, strict=True):
            content["frames"].append(
                {
                    "file_path": _from(folder, path),
                    "transform_matrix": matrix,
                    **own,
                    "viewpoint": viewpoint.name,
                    **_told(exif, exposure),
                }
            )
    with written_whole(points) as temporary:
        _write_points(temporary, poses.points, colours)
    with written_whole(transforms) as temporary:
        temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
    return [transforms, points]


def _told(exif: ExifSettings, exposure_stops: float | None) -> dict[str, float]:
    """The settings of a photograph that are known; names as `neucam-3d-data` reads them."""
    distance = exif.focus_distance_m
    settings = {
        "exposure_stops": exposure_stops,
        "exposure_time": exif.exposure_time_s,
        "iso": exif.iso,
        "f_number": exif.f_number,
        "focal_length_mm": exif.focal_length_mm,
        "focus_distance_m": None if distance is None else min(distance, MOST_METRES),
    }
    return {name: value for name, value in settings.items() if value is not None}


def _from(folder: Path, photograph: Path) -> str:
    """A photograph's path from a folder; absolute where no path leads there, as from another drive."""
    try:
        return Path(os.path.relpath(photograph.resolve(), folder.resolve())).as_posix()
    except ValueError:
        return photograph.resolve().as_posix()


def _write_points(path: Path, places: Float[np.ndarray, "points 3"], colours: UInt8[np.ndarray, "points 3"]) -> None:
    """Points with their colours as a binary PLY file."""
    kind = [(axis, "<f4") for axis in "xyz"] + [(colour, "u1") for colour in ("red", "green", "blue")]
    table = np.empty(len(places), kind)
    for number, axis in enumerate("xyz"):
        table[axis] = places[:, number]
    for number, colour in enumerate(("red", "green", "blue")):
        table[colour] = colours[:, number]
    words = {"<f4": "float", "u1": "uchar"}
    properties = "".join(f"property {words[type]} {name}\n" for name, type in kind)
    header = f"ply\nformat binary_little_endian 1.0\nelement vertex {len(table)}\n{properties}end_header\n"
    path.write_bytes(header.encode() + table.tobytes())
