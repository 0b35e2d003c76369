"""The path of a capture's frames is one that nerfstudio reads and that shows the whole picture at each frame's time."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch
from nerfstudio.cameras.camera_paths import get_path_from_json

from neucam_nerfstudio.rendering.view import write_camera_path
from neucam_nerfstudio.scene.image_plane import ImagePlane

TIMES = (0.0, 0.25, 1.0)


@pytest.fixture
def path_of_frames(tmp_path) -> Callable[[ImagePlane], dict[str, Any]]:
    """The path that is written for frames at 25 a second, read again."""

    def written(plane: ImagePlane) -> dict[str, Any]:
        write_camera_path(tmp_path / "run" / "camera_path.json", plane, TIMES, 25.0)
        assert [file.name for file in (tmp_path / "run").iterdir()] == ["camera_path.json"]
        return json.loads((tmp_path / "run" / "camera_path.json").read_text())

    return written


@pytest.mark.parametrize(("height", "width"), [(20, 32), (32, 20), (21, 33), (33, 20)])
def test_nerfstudio_s_rays_meet_every_pixel_at_its_centre(path_of_frames, height, width):
    plane = ImagePlane(height, width)
    path = path_of_frames(plane)
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


def test_plays_at_the_capture_s_speed(path_of_frames):
    path = path_of_frames(ImagePlane(20, 32))
    assert path["seconds"] == pytest.approx(3 / 25)
    assert path["fps"] == 25.0
