"""Poses and lenses as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.views.geometry import Views

from .view_files import STRAIGHT, looking_at_origin


def views_of(*poses: np.ndarray, points: np.ndarray | None = None) -> Views:
    count = len(poses)
    return Views(
        camera_to_world=np.stack(poses),
        focal_px=np.full((count, 2), 100.0),
        centre_px=np.tile([50.0, 25.0], (count, 1)),
        distortion=None,
        metres_per_unit=0.5,
        scale_evidence="told",
        focus_distance_m=np.full(count, 3.0),
        f_number=np.full(count, 2.0),
        focal_length_mm=np.full(count, 50.0),
        points=points,
    )


def test_the_aperture_is_focal_length_over_twice_the_f_number():
    assert views_of(STRAIGHT).aperture_radius_m == pytest.approx([0.0125])


def test_cameras_look_along_minus_z_of_their_own():
    views = views_of(STRAIGHT, looking_at_origin(np.pi / 2))
    assert np.allclose(views.axes, [[0, 0, -1], [-1, 0, 0]])
    assert np.allclose(views.places, [[0, 0, 0], [2, 0, 0]])


def test_a_placed_world_is_turned_and_moved_then_scaled():
    turn = np.array([[0.0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]])
    views = views_of(looking_at_origin(0.0), points=np.array([[1.0, 0, 0]]))
    placed = views.placed(turn, 4.0)
    assert np.allclose(placed.places, [[4 * 1, 4 * 2, 4 * (2 + 3)]])
    assert np.allclose(placed.camera_to_world[0, :, 0], [0, 1, 0])
    assert np.allclose(placed.points, [[4 * 1, 4 * (1 + 2), 4 * 3]])
    assert placed.metres_per_unit == pytest.approx(0.125)


def test_metres_stay_metres_wherever_the_world_is_placed():
    points = np.random.default_rng(0).normal(size=(5, 3))
    views = views_of(looking_at_origin(0.3), looking_at_origin(-0.4), points=points)
    placed = views.placed(np.concatenate([looking_at_origin(1.1)[:, :3], [[5.0], [6], [7]]], axis=1), 0.3)
    for frame in range(2):
        before = views.in_camera(frame, points) * views.metres_per_unit
        after = placed.in_camera(frame, placed.points) * placed.metres_per_unit
        assert np.allclose(before, after)


def test_points_have_depths_where_the_picture_shows_them():
    points = np.array([[0.0, 0, -2], [0.9, 0, -2], [1.1, 0, -2], [0, 0.4, -2], [0, 0.6, -2], [0, 0, 2]])
    depths = views_of(STRAIGHT).depths(0, points)
    assert np.allclose(depths, [2, 2, np.nan, 2, np.nan, np.nan], equal_nan=True)
