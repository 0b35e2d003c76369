"""Tiny captures of many views, written by hand: photographs of noise, and cameras that look at one place."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from neucam_nerfstudio.capture.views.opening import open_views

HEIGHT, WIDTH, FOCAL_PX = 12, 16, 20.0
STRAIGHT = np.eye(4)[:3]
"""The pose of a camera at the origin that looks along -z, up being +y."""


def write_photograph(path: Path, brightness: float = 1.0, size: tuple[int, int] = (HEIGHT, WIDTH)) -> Path:
    """Noise that is another one for each name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(list(str(path.name).encode())).uniform(0.05, 0.6, (*size, 3))
    Image.fromarray((255 * np.clip(brightness * noise, 0, 1)).astype(np.uint8)).save(path)
    return path


def looking_at_origin(angle: float, distance: float = 2.0) -> np.ndarray:
    """The pose [3, 4] of a camera on a circle around the y axis."""
    sine, cosine = np.sin(angle), np.cos(angle)
    backward = np.array([sine, 0, cosine])
    return np.stack([[cosine, 0, -sine], [0, 1, 0], backward, distance * backward], axis=1)


def frame(name: str, angle: float = 0.0, pose: np.ndarray | None = None, **settings: object) -> dict:
    """A frame of `transforms.json`."""
    matrix = looking_at_origin(angle) if pose is None else pose
    return {"file_path": f"images/{name}", "transform_matrix": [*matrix.tolist(), [0, 0, 0, 1]], **settings}


def frames(count: int = 4, **settings: list) -> list[dict]:
    """Frames `a.png`, `b.png`, ... from a circle; settings are lists, None leaves one out."""
    rows = [{key: value[i] for key, value in settings.items() if value[i] is not None} for i in range(count)]
    return [frame(f"{chr(97 + i)}.png", 0.1 * i, **row) for i, row in enumerate(rows)]


def write_transforms(folder: Path, of: list[dict], write: bool = True, **meta: object) -> Path:
    """Writes `transforms.json` and the photographs that are not there."""
    for each in of if write else ():
        if not (folder / each["file_path"]).exists():
            write_photograph(folder / each["file_path"])
    cameras = {"fl_x": FOCAL_PX, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT}
    folder.mkdir(exist_ok=True)
    (folder / "transforms.json").write_text(json.dumps({**cameras, **meta, "frames": of}))
    return folder


def opened(folder: Path, of: list[dict], *, meta: dict | None = None, **options: object):
    """The capture of such a file."""
    return open_views(write_transforms(folder, of, **(meta or {})), **options)[0]
