"""The benchmark of poses: its errors, and the scene that it photographs."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.made_viewpoints import Shoot, cards_before_wall
from benchmarks.pose_errors import pose_errors

SHOOT = Shoot(width=60, num_places=4, lens_samples=4)


def turned(angle_deg: float) -> np.ndarray:
    c, s = np.cos(np.deg2rad(angle_deg)), np.sin(np.deg2rad(angle_deg))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def test_errors_are_those_that_no_similarity_explains():
    true = {str(place): SHOOT.camera_to_world(place) for place in range(4)}
    turn = turned(40)
    moved = {name: np.column_stack([turn @ pose[:, :3], 3 * turn @ pose[:, 3] + 5]) for name, pose in true.items()}
    errors = pose_errors(moved, true, 110.0, 100.0)
    assert errors.num_placed == 4 and errors.focal_percent == pytest.approx(10)
    assert max(*errors.rotation_deg, *errors.place_percent) < 1e-4
    moved["0"][:, :3] = moved["0"][:, :3] @ turned(8)
    assert pose_errors(moved, true, 1, 1).rotation_deg[1] == pytest.approx(6, abs=0.1)  # the others take two of eight
    del moved["0"]
    assert pose_errors(moved, true, 1, 1).num_placed == 3


def test_what_is_in_focus_is_sharp_and_the_rest_is_not():
    wall = cards_before_wall()[:1]
    distance = 2.1 - 2.0 + 3.4
    place = Shoot(width=60, num_places=3, lens_samples=4)  # the middle place looks straight at the wall, but for 0.12 m
    sharp = place.radiance(wall, 1, None)
    focused, blurred = place.radiance(wall, 1, distance), place.radiance(wall, 1, 0.8)
    inner = slice(10, 30)
    changes = [np.abs(np.log(picture[inner] / sharp[inner])).mean() for picture in (focused, blurred)]
    assert changes[0] < 0.15 < changes[1]
