"""COLMAP's models, text or binary: cameras, images with poses, points.

The formats are described at https://colmap.github.io/format.html.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.views.checks import check_pose
from neucam_nerfstudio.capture.views.description import DescribedView, Description, Intrinsics
from neucam_nerfstudio.capture.views.geometry import Points
from neucam_nerfstudio.capture.views.lens_lists import read_lens_lists
from neucam_nerfstudio.capture.views.llff_file import held_out_every, picture_folder
from neucam_nerfstudio.errors import NeucamError, broken_file_message

MODEL_FOLDERS = ("colmap/sparse/0", "sparse/0", "colmap/sparse", "sparse", "colmap", "")
"""Where a capture's model may be."""
MODEL_NAMES = (
    *("SIMPLE_PINHOLE", "PINHOLE", "SIMPLE_RADIAL", "RADIAL", "OPENCV", "OPENCV_FISHEYE", "FULL_OPENCV", "FOV"),
    *("SIMPLE_RADIAL_FISHEYE", "RADIAL_FISHEYE", "THIN_PRISM_FISHEYE"),
)
"""By their numbers in binary files."""
PARAMETERS = {"SIMPLE_PINHOLE": 3, "PINHOLE": 4, "SIMPLE_RADIAL": 4, "RADIAL": 5, "OPENCV": 8}
"""How many numbers the perspective models have."""


class ColmapImage(NamedTuple):
    """An image as a model has it: its pose, which camera took it, and the numbers of the points seen in it."""

    name: str
    camera: int
    camera_to_world: Float[np.ndarray, "3 4"]
    seen: frozenset[int]


def find_model(folder: Path) -> Path | None:
    """The folder of a capture's COLMAP model; None where there is none."""
    places = (folder / name for name in MODEL_FOLDERS)
    return next((place for place in places if any((place / f"images{s}").is_file() for s in (".bin", ".txt"))), None)


def read_colmap(folder: Path, model: Path) -> Description:
    """Reads a capture whose poses are a COLMAP model.

    Args:
        folder: Of the capture: pictures are in `images` or `input_images` there, or in itself. Lists of focus
            distances, f-numbers and exposures may lie there; see `read_lens_lists`.
        model: Folder of the model.

    Raises:
        NeucamError: The model is broken, its cameras are no perspective ones, or lists do not fit.
    """
    suffix = ".bin" if (model / "images.bin").is_file() else ".txt"
    told_by = model / f"images{suffix}"
    try:
        cameras = _cameras_of_text(model / "cameras.txt") if suffix == ".txt" else _cameras(model / "cameras.bin")
        images = list(_images_of_text(told_by) if suffix == ".txt" else _images(told_by))
        points = _points_of_text(model / "points3D.txt") if suffix == ".txt" else _points(model / "points3D.bin")
    except (OSError, ValueError, IndexError, struct.error, UnicodeDecodeError) as error:
        raise NeucamError(broken_file_message(told_by, error)) from error
    pictures, note = picture_folder(folder)
    settings, list_notes = read_lens_lists(folder, len(images))
    views = []
    for image, lens in zip(images, settings, strict=True):
        if image.camera not in cameras:
            raise NeucamError(
                f"{told_by}: {image.name} has camera {image.camera}, which cameras{suffix} does not have."
            )
        path = next(
            (place / image.name for place in (pictures, folder) if place and (place / image.name).is_file()), None
        )
        views.append(
            DescribedView(
                path=path or (pictures or folder) / image.name,
                camera_to_world=check_pose(image.camera_to_world, image.name, told_by),
                intrinsics=cameras[image.camera],
                settings=lens,
                seen=image.seen,
            )
        )
    scale = 1.0 if any(lens.evidence for lens in settings) else None
    return Description(
        told_by=told_by,
        folder=folder,
        views=tuple(sorted(views, key=lambda view: view.path.name)),
        metres_per_unit=scale,
        scale_evidence="lists that are in the unit of the poses" if scale else "",
        is_reconstructed=True,
        points=points if len(points) else None,
        eval_every=held_out_every(folder) or 8,
        notes=tuple(filter(None, (note, *list_notes))),
    )


def camera_of_model(model: str, width: int, height: int, numbers: list[float], told_by: Path) -> Intrinsics:
    """A camera of COLMAP's.

    Raises:
        NeucamError: It is no perspective camera that is known.
    """
    if PARAMETERS.get(model) != len(numbers):
        raise NeucamError(
            f"{told_by}: camera model {model} with {len(numbers)} numbers is not known here. Expected"
            f" {', '.join(PARAMETERS)}: undistort the pictures with `colmap image_undistorter`."
        )
    if model not in ("PINHOLE", "OPENCV"):
        numbers = [numbers[0], *numbers]  # one focal length for both directions
    focal_x, focal_y, centre_x, centre_y, *bends = numbers
    k1, k2, p1, p2 = (*bends, 0.0, 0.0, 0.0, 0.0)[:4]
    return Intrinsics((focal_x, focal_y), (centre_x, centre_y), (width, height), (k1, k2, 0.0, 0.0, p1, p2))


def opengl_pose(quaternion: list[float], move: list[float]) -> Float[np.ndarray, "3 4"]:
    """Camera to world with axes right, up, backward, of COLMAP's world to camera with axes right, down, forward.

    Args:
        quaternion: w, x, y, z.
        move: The translation.
    """
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    turn = np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
    )
    place = -turn.T @ np.array(move)
    return np.concatenate([turn.T @ np.diag([1.0, -1.0, -1.0]), place[:, None]], axis=1)


class _Bytes:
    """Reads numbers from a binary file, one after the other."""

    def __init__(self, path: Path) -> None:
        self.content, self.place = path.read_bytes(), 0

    def take(self, layout: str) -> tuple:
        """Numbers in the layout of `struct`, little-endian."""
        values = struct.unpack_from(f"<{layout}", self.content, self.place)
        self.place += struct.calcsize(f"<{layout}")
        return values

    def text(self) -> str:
        """Up to the next zero byte."""
        end = self.content.index(b"\0", self.place)
        text, self.place = self.content[self.place : end].decode(), end + 1
        return text

    def rows(self, layout: list[tuple[str, str]], count: int) -> np.ndarray:
        """Many records at once."""
        rows = np.frombuffer(self.content, np.dtype(layout), count, self.place)
        self.place += rows.nbytes
        return rows


def _cameras(path: Path) -> dict[int, Intrinsics]:
    file = _Bytes(path)
    cameras = {}
    for _ in range(file.take("Q")[0]):
        number, model, width, height = file.take("iiQQ")
        name = MODEL_NAMES[model] if 0 <= model < len(MODEL_NAMES) else str(model)
        if name not in PARAMETERS:
            camera_of_model(name, width, height, [], path)
        cameras[number] = camera_of_model(name, width, height, list(file.take(f"{PARAMETERS[name]}d")), path)
    return cameras


def _images(path: Path) -> Iterator[ColmapImage]:
    file = _Bytes(path)
    for _ in range(file.take("Q")[0]):
        _, *pose, camera = file.take("i7di")
        name, (count,) = file.text(), file.take("Q")
        points = file.rows([("x", "<f8"), ("y", "<f8"), ("point", "<i8")], count)["point"]
        yield ColmapImage(name, camera, opengl_pose(pose[:4], pose[4:]), frozenset(points[points >= 0].tolist()))


def _points(path: Path) -> Points:
    if not path.is_file():
        return np.empty((0, 3))
    file = _Bytes(path)
    places = []
    for _ in range(file.take("Q")[0]):
        _, x, y, z, _, _, _, _, length = file.take("Q3d3BdQ")
        places.append((x, y, z))
        file.place += 8 * length
    return np.array(places, np.float64).reshape(-1, 3)


def _lines(path: Path) -> list[list[str]]:
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#"))
    return list(lines)


def _cameras_of_text(path: Path) -> dict[int, Intrinsics]:
    cameras = {}
    for words in filter(None, _lines(path)):
        numbers = [float(word) for word in words[4:]]
        cameras[int(words[0])] = camera_of_model(words[1], int(words[2]), int(words[3]), numbers, path)
    return cameras


def _images_of_text(path: Path) -> Iterator[ColmapImage]:
    lines = _lines(path)
    for words, places in zip(lines[::2], [*lines[1::2], []], strict=False):  # the last may have no line of points
        if not words:
            continue
        pose = [float(word) for word in words[1:8]]
        seen = frozenset(int(word) for word in places[2::3] if int(word) >= 0)
        yield ColmapImage(" ".join(words[9:]), int(words[8]), opengl_pose(pose[:4], pose[4:]), seen)


def _points_of_text(path: Path) -> Points:
    if not path.is_file():
        return np.empty((0, 3))
    return np.array([[float(word) for word in words[1:4]] for words in _lines(path) if words]).reshape(-1, 3)
