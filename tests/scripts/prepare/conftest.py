"""Photographs of a few places, and poses that stand in for COLMAP's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.made_viewpoints import Shoot, cards_before_wall, write_shoot
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.radiance_files import picture_size
from neucam_nerfstudio.scripts.prepare import command_line
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses, Seen

MADE = Shoot(width=200, num_places=5, focus_distances_m=(1.4, 2.8), exposure_stops=(-1.0, 2.0), lens_samples=5)
"""Five places, at each two focus distances and two exposures."""


@pytest.fixture(scope="session")
def made_shoot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photographs of `MADE`, as `write_shoot` writes them; read only."""
    folder = tmp_path_factory.mktemp("made")
    write_shoot(folder, MADE, cards_before_wall(num_cards=5))
    return folder


@pytest.fixture
def write_places(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of brackets: `write_places({"a": {"E0.png": 0.1, "E1.png": 0.4}})`, a picture times numbers."""

    def write(places: dict[str, dict[str, float]], size: tuple[int, int] = (24, 36)) -> Path:
        picture = np.random.default_rng(0).uniform(0.2, 1, (*size, 3)).astype(np.float32)
        for place, photographs in places.items():
            for name, brightness in photographs.items():
                write_image(tmp_path / "shoot" / place / name, picture * np.float32(brightness))
        return tmp_path / "shoot"

    return write


@pytest.fixture
def stand_in_for_colmap(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Poses without COLMAP: picture i stands at x = i, those with `lost` in the name nowhere. Lists what it got."""
    given: list[list[str]] = []

    def find_poses(folder: Path, names: list[str], scale: float, *options: object) -> Poses:
        assert all(picture_size(folder / name) == (24 * scale, 36 * scale) for name in names)
        given.append(list(names))
        placed = {name: number for number, name in enumerate(names) if "lost" not in name}
        poses = {name: np.column_stack([np.eye(3), [number, 0.0, 0.0]]) for name, number in placed.items()}
        lens = {"camera_model": "OPENCV", "fl_x": 40.0, "fl_y": 40.0, "cx": 18.0, "cy": 12.0, "k1": 0.01}
        points = np.array([[0.0, 0.0, -2.0], [1.0, 0.5, -3.0]])
        seen = Seen(np.array([0, 1]), np.array([[0.2, 0.9], [20.0, 10.0]]), np.array([2.0, 3.0]))
        return Poses(poses, dict.fromkeys(poses, lens), points, dict.fromkeys(poses, seen), 0.5)

    monkeypatch.setattr(command_line, "import_pycolmap", lambda: None)
    monkeypatch.setattr(command_line, "find_poses", find_poses)
    return given
