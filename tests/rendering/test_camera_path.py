"""The path of a capture's frames is one that nerfstudio reads and that shows the whole picture at each frame's time."""

from __future__ import annotations

import json

import pytest
import torch
from nerfstudio.cameras.camera_paths import get_path_from_json

from neucam_nerfstudio.rendering.camera_path import path_of_frames, write_camera_path
from neucam_nerfstudio.scene.image_plane import ImagePlane

TIMES = (0.0, 0.25, 1.0)


@pytest.mark.parametrize(("height", "width"), [(20, 32), (32, 20), (21, 33), (33, 20)])
def test_nerfstudio_s_rays_meet_every_pixel_at_its_centre(height, width):
    plane = ImagePlane(height, width)
    path = path_of_frames(plane, TIMES, 25.0)
    cameras = get_path_from_json(path)
    assert len(cameras) == 3
    assert cameras.times.flatten().tolist() == pytest.approx(TIMES)
    rays = cameras.generate_rays(camera_indices=2)
    uv, _, inside = plane.intersect(rays.origins, rays.directions)
    assert uv.shape[:2] == (height // 2 * 2, width // 2 * 2)
    assert inside.all()
    uv_px = uv * torch.tensor([width, height])
    column_px, row_px = torch.arange(uv.shape[1]) + 0.5, torch.arange(uv.shape[0]) + 0.5
    torch.testing.assert_close(uv_px[..., 0], column_px.expand(uv.shape[:2]), atol=1e-4, rtol=0)
    torch.testing.assert_close(uv_px[..., 1], row_px[:, None].expand(uv.shape[:2]), atol=1e-4, rtol=0)


def test_plays_at_the_capture_s_speed():
    path = path_of_frames(ImagePlane(20, 32), TIMES, 25.0)
    assert path["seconds"] == pytest.approx(3 / 25)
    assert path["fps"] == 25.0


def test_written_file_is_json(tmp_path):
    path = path_of_frames(ImagePlane(20, 32), TIMES, 24.0)
    write_camera_path(tmp_path / "run" / "camera_path.json", path)
    assert json.loads((tmp_path / "run" / "camera_path.json").read_text()) == path
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["camera_path.json"]
