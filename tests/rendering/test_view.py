"""The rays of a picture, row by row: of the camera that just sees the photographs, and of any pinhole camera."""

from __future__ import annotations

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras

from neucam_nerfstudio.rendering.view import front_view, pinhole_view
from neucam_nerfstudio.scene.image_plane import ImagePlane, pixel_lattice


@pytest.mark.parametrize("size", [(None, None), (7, 11)], ids=["the photographs' size", "another size"])
def test_the_front_shows_every_place_of_the_picture(size):
    plane = ImagePlane(20, 30)
    view = front_view(plane, "cpu", *size)
    assert (view.height, view.width) == ((20, 30) if size == (None, None) else size)
    uv, _, inside = plane.intersect(*view.rays_of_rows(slice(None)))
    assert inside.all()
    expected = pixel_lattice(view.height, view.width).reshape(-1, 2)
    torch.testing.assert_close(uv, expected, atol=1e-5, rtol=0)


def test_a_pinhole_s_rays_are_nerfstudio_s():
    pose = ImagePlane(20, 30).camera_to_world.clone()
    pose[:, 3] += torch.tensor([0.1, 0.2, -0.3])
    camera = Cameras(pose[None], 25.0, 26.0, 14.0, 11.0, 30, 20)
    rays = camera.generate_rays(camera_indices=0)
    origins, directions = pinhole_view(pose, (25.0, 26.0), (14.0, 11.0), 20, 30).rays_of_rows(slice(None))
    torch.testing.assert_close(origins, rays.origins.reshape(-1, 3))
    torch.testing.assert_close(directions, rays.directions.reshape(-1, 3), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    "view",
    [front_view(ImagePlane(6, 8), "cpu"), pinhole_view(ImagePlane(6, 8).camera_to_world, (8, 8), (4, 3), 6, 8)],
    ids=["front", "pinhole"],
)
def test_rows_are_a_part_of_the_whole(view):
    whole, rows = view.rays_of_rows(slice(None)), view.rays_of_rows(slice(2, 4))
    for of_all, of_rows in zip(whole, rows, strict=True):
        assert torch.equal(of_all.reshape(6, 8, 3)[2:4].reshape(-1, 3), of_rows)
