"""The plane just fills the camera's view; rays and places on the picture belong together."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from nerfstudio.cameras.cameras import Cameras

from neucam_nerfstudio.scene.image_plane import CAMERA_DISTANCE, ImagePlane, picture_lattice, pixel_lattice

SIZES = st.tuples(st.integers(1, 60), st.integers(1, 60))


def test_extent_by_hand():
    assert ImagePlane(height=100, width=400).extent == (1.0, 0.25)
    assert ImagePlane(height=200, width=50).extent == (0.25, 1.0)


def test_corners_lie_left_up_and_right_down_of_the_camera():
    plane = ImagePlane(height=50, width=100)
    # +x is to the left of the picture and z is up.
    directions = plane.pixel_directions(torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    expected = torch.tensor([[0.5, -1.0, 0.25], [-0.5, -1.0, -0.25]]) / (0.25 + 1 + 0.0625) ** 0.5
    torch.testing.assert_close(directions, expected)


def test_pose_is_a_rotation_that_looks_at_the_picture_with_z_up():
    pose = ImagePlane(3, 4).camera_to_world
    right, up, backward, position = pose.unbind(-1)
    torch.testing.assert_close(torch.linalg.cross(right, up), backward)
    assert up.tolist() == [0, 0, 1]
    assert backward.tolist() == [0, 1, 0] and position.tolist() == [0, CAMERA_DISTANCE, 0]


@given(size=SIZES, u=st.floats(0.01, 0.99), v=st.floats(0.01, 0.99))
def test_a_pixel_s_ray_meets_its_place(size, u, v):
    plane, uv = ImagePlane(*size), torch.tensor([[u, v]])
    seen, distance, inside = plane.intersect(plane.camera_to_world[:, 3].expand(1, 3), plane.pixel_directions(uv))
    torch.testing.assert_close(seen, uv, atol=1e-5, rtol=0)
    assert inside.item() and distance.item() >= CAMERA_DISTANCE * (1 - 1e-6)


@pytest.mark.parametrize("size", [(20, 30), (30, 20)])
def test_nerfstudio_s_camera_of_this_focal_length_sees_exactly_the_picture(size):
    height, width = size
    plane = ImagePlane(height, width)
    focal = plane.focal_length_px
    camera = Cameras(plane.camera_to_world[None], focal, focal, width / 2, height / 2, width, height)
    rays = camera.generate_rays(camera_indices=0, keep_shape=True)
    uv, _, inside = plane.intersect(rays.origins, rays.directions)
    assert inside.all()
    torch.testing.assert_close(uv[0, 0], torch.tensor([0.5 / width, 0.5 / height]), atol=1e-5, rtol=0)
    torch.testing.assert_close(uv[-1, -1], 1 - uv[0, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(rays.directions, plane.pixel_directions(uv), atol=1e-5, rtol=0)


def test_distance_is_measured_along_the_ray():
    plane = ImagePlane(10, 10)
    direction = torch.tensor([[-0.6, -0.8, 0.0]])
    uv, distance, _ = plane.intersect(torch.tensor([[0.3, 0.4, 0.0]]), direction)
    assert distance.item() == pytest.approx(0.5)
    torch.testing.assert_close(uv, torch.tensor([[0.5, 0.5]]))


@pytest.mark.parametrize(
    ("origin", "direction"),
    [
        pytest.param((0.0, 1.0, 0.0), (0.0, 1.0, 0.0), id="looking away"),
        pytest.param((0.0, 1.0, 0.0), (1.0, 0.0, 0.0), id="along the picture"),
        pytest.param((0.0, -1.0, 0.0), (0.0, 1.0, 0.0), id="from behind"),
        pytest.param((0.0, -1.0, 0.0), (0.0, -1.0, 0.0), id="behind, looking away"),
        pytest.param((2.0, 1.0, 0.0), (0.0, -1.0, 0.0), id="beside"),
        pytest.param((0.0, 1.0, 0.4), (0.0, -1.0, 0.0), id="above"),
        pytest.param((0.0, 0.0, 0.0), (0.0, -1.0, 0.0), id="from within"),
    ],
)
def test_rays_that_miss_are_told_and_finite(origin, direction):
    uv, distance, inside = ImagePlane(50, 100).intersect(torch.tensor([origin]), torch.tensor([direction]))
    assert not inside.item()
    assert uv.isfinite().all() and distance.isfinite().all()


def test_lattices_are_of_pixel_centres_row_by_row():
    lattice = pixel_lattice(2, 4)
    assert lattice.shape == (2, 4, 2)
    assert lattice[0, 0].tolist() == [0.125, 0.25] and lattice[1, 3].tolist() == [0.875, 0.75]
    assert pixel_lattice(2, 4, rows=slice(1, 2)).equal(lattice[1:])
    assert picture_lattice(2).tolist() == [[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]]
