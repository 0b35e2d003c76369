"""What COLMAP's results mean in nerfstudio's terms, and what is said where it finds nothing."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.scripts.prepare.structure_from_motion import _lens, find_poses


def camera(model: str, *parameters: float) -> SimpleNamespace:
    return SimpleNamespace(model=SimpleNamespace(name=model), params=np.array(parameters))


def test_lenses_have_nerfstudios_names():
    assert _lens(camera("SIMPLE_RADIAL", 400, 200, 100, 0.1), 1) == {
        "camera_model": "OPENCV",
        "fl_x": 400.0,
        "fl_y": 400.0,
        "cx": 200.0,
        "cy": 100.0,
        "k1": 0.1,
    }
    opencv = _lens(camera("OPENCV", 400, 410, 200, 100, 0.1, 0.2, 0.3, 0.4), 1)
    assert [opencv[name] for name in ("fl_x", "fl_y", "k1", "k2", "p1", "p2")] == [400, 410, 0.1, 0.2, 0.3, 0.4]
    assert _lens(camera("OPENCV_FISHEYE", 4, 4, 2, 1, 0.1, 0.2, 0.3, 0.4), 1)["camera_model"] == "OPENCV_FISHEYE"


def test_lenses_are_of_pictures_before_they_were_enlarged():
    lens = _lens(camera("SIMPLE_RADIAL", 400, 200, 100, 0.1), 4)
    assert (lens["fl_x"], lens["cx"], lens["cy"], lens["k1"]) == (100, 50, 25, 0.1)


def test_pictures_without_detail_are_named(tmp_path):
    pytest.importorskip("pycolmap", reason="poses are found by pycolmap: pip install 'neucam-nerfstudio[poses]'")
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / name, np.full((60, 80, 3), 0.5, np.float32))
    with pytest.raises(NeucamError, match=r"0 of 3 viewpoints.*hardly any detail in a.png, b.png, c.png"):
        find_poses(tmp_path, ["a.png", "b.png", "c.png"], 1.0)


def test_pictures_that_share_nothing_are_told(tmp_path):
    pytest.importorskip("pycolmap", reason="poses are found by pycolmap: pip install 'neucam-nerfstudio[poses]'")
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        coarse = np.random.default_rng(seed).uniform(0, 1, (20, 30, 3)).astype(np.float32)
        write_image(tmp_path / name, np.kron(coarse, np.ones((10, 10, 1), np.float32)))
    with pytest.raises(NeucamError, match="0 of 3 viewpoints.*Neighbours must overlap"):
        find_poses(tmp_path, ["a.png", "b.png", "c.png"], 1.0)


@pytest.mark.slow
def test_the_same_pictures_give_the_same_poses(made_shoot):
    pytest.importorskip("pycolmap", reason="poses are found by pycolmap: pip install 'neucam-nerfstudio[poses]'")
    names = sorted(path.name for path in (made_shoot / "sharp").iterdir())
    first, second = (find_poses(made_shoot / "sharp", names, 1.0, "simple-pinhole") for _ in range(2))
    assert first.camera_to_world.keys() == second.camera_to_world.keys() == set(names)
    for name in names:
        np.testing.assert_array_equal(first.camera_to_world[name], second.camera_to_world[name])
    # what a picture sees lies where its pose and lens say
    lens, pose = first.lenses[names[0]], first.camera_to_world[names[0]]
    points, (x, y), distance = first.seen[names[0]][0], first.seen[names[0]][1].T, first.seen[names[0]][2]
    here = np.stack([(x - lens["cx"]) / lens["fl_x"], -(y - lens["cy"]) / lens["fl_y"], -np.ones_like(x)]) * distance
    places = (pose[:, :3] @ here).T + pose[:, 3]
    apart = np.linalg.norm(places - first.points[points], axis=-1)
    assert np.median(apart / distance) < 0.005
