"""Reliefs and stereo pairs by hand: where corners are, which side is the front, and what hides what."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.imaging.mesh_files import write_glb
from neucam_nerfstudio.rendering.relief import filled_by_confidence, grid_size, relief_of, stereo_pair


@pytest.mark.parametrize(("height", "width"), [(4000, 6000), (300, 450), (2, 9000)])
def test_a_grid_has_no_more_triangles_than_allowed_and_no_more_corners_than_pixels(height, width):
    rows, columns = grid_size(height, width, 500_000)
    assert 2 * (rows - 1) * (columns - 1) <= 500_000 and rows <= height and columns <= width
    assert grid_size(300, 450, 500_000) == (300, 450)


def test_places_that_are_not_sure_are_as_it_is_around_them():
    focus, confidence = np.full((60, 80), 2.0, np.float32), np.full((60, 80), 0.5, np.float32)
    focus[20:30, 30:40], confidence[20:30, 30:40] = 9, 0
    focus[:, 60:] = 5
    filled = filled_by_confidence(focus, confidence)
    np.testing.assert_allclose(filled[20:30, 30:40], 2, atol=0.1)
    np.testing.assert_allclose(filled[:, :20], 2, atol=1e-4)
    assert filled[40, 59] < 2.1 and filled[40, 60] > 4.9, "what is sure keeps its edges"
    unsure = filled_by_confidence(focus, np.zeros_like(focus))
    np.testing.assert_allclose(unsure, focus.mean(), atol=0.01)


def test_corners_of_a_slope_and_its_front():
    nearness = np.tile(np.linspace(0, 1, 6), (4, 1))
    relief = relief_of(nearness, (40, 60), depth_scale=0.5)
    assert relief.places.shape == (24, 3) and relief.triangles.shape == (2 * 3 * 5, 3)
    np.testing.assert_allclose(relief.places[0], [-0.5 * 5 / 6, 0.5 * 3 / 4 * 40 / 60, -0.25], atol=1e-6)
    np.testing.assert_allclose(relief.places[-1], [0.5 * 5 / 6, -0.5 * 3 / 4 * 40 / 60, 0.25], atol=1e-6)
    np.testing.assert_allclose(relief.uv[[0, -1]], [[1 / 12, 1 / 8], [11 / 12, 7 / 8]], atol=1e-6)
    slope = 0.5 / (5 / 6)
    np.testing.assert_allclose(relief.normals, np.tile([-slope, 0, 1], (24, 1)) / np.hypot(slope, 1), atol=1e-5)
    first, second, third = (relief.places[relief.triangles[:, corner]] for corner in range(3))
    fronts = np.cross(second - first, third - first)
    assert (fronts[:, 2] > 0).all(), "counterclockwise from the front"
    np.testing.assert_allclose(np.abs(fronts[:, 2]).sum() / 2, 5 / 6 * 3 / 4 * 40 / 60, rtol=1e-5)


def test_a_lone_place_makes_no_spike():
    nearness = np.full((9, 9), 0.5)
    nearness[4, 4] = 1
    assert np.ptp(relief_of(nearness, (9, 9), 1.0).places[:, 2]) == 0


def test_a_mesh_is_read_by_others(tmp_path):
    import trimesh

    relief = relief_of(np.tile(np.linspace(0, 1, 6), (4, 1)), (40, 60), 0.5)
    texture = np.zeros((40, 60, 3), np.uint8)
    texture[:20, :30] = (250, 10, 10)
    write_glb(tmp_path / "a.glb", *relief, texture)
    (mesh,) = trimesh.load(tmp_path / "a.glb").geometry.values()
    np.testing.assert_allclose(mesh.vertices, relief.places, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, relief.triangles)
    np.testing.assert_allclose(mesh.visual.uv, np.stack([relief.uv[:, 0], 1 - relief.uv[:, 1]], -1), atol=1e-6)
    shown = np.asarray(mesh.visual.material.baseColorTexture)
    assert shown.shape == texture.shape and np.abs(shown[:16, :24].astype(int) - (250, 10, 10)).max() < 12


def test_near_things_stand_before_the_paper_and_hide_what_is_behind():
    """A near bar, 8 px of disparity: for the left eye it is 2 px to the right, and all else 2 px to the left."""
    height, width = 8, 64
    columns = np.arange(width)
    picture = np.zeros((height, width, 3), np.float32)
    picture[:, :, 2] = columns / width
    bar = (columns >= 28) & (columns < 36)
    picture[:, bar] = (1, 0, 0)
    nearness = np.tile(bar.astype(np.float32), (height, 1))
    left, right = stereo_pair(picture, nearness, 8.0)
    assert left.shape == right.shape == (height, width - 4, 3)
    for eye, shift in ((left, 2), (right, -2)):
        red = np.flatnonzero(eye[0, :, 0] > 0.99) + 2
        assert red.min() == 28 + shift and red.max() == 35 + shift
        np.testing.assert_allclose(eye[0, :20, 2], (columns[2:22] + shift) / width, atol=1e-5)
        np.testing.assert_allclose(eye[0, -20:, 2], (columns[-22:-2] + shift) / width, atol=1e-5)
        assert (np.diff(eye[0, :, 2][eye[0, :, 0] < 0.01]) >= -1e-6).all(), "nothing is seen twice"
    np.testing.assert_array_equal(left, np.tile(left[:1], (height, 1, 1)))


def test_without_depth_both_eyes_see_the_picture():
    picture = np.random.default_rng(0).random((5, 20, 3), np.float32)
    for eye in stereo_pair(picture, np.full((5, 20), 0.5, np.float32), 4.0):
        np.testing.assert_allclose(eye, picture[:, 1:-1], atol=1e-4)
