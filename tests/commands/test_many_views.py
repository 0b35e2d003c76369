"""`ns-render` and `ns-export` of many views: nerfstudio's own commands, on a run that has hardly been trained."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from nerfstudio.scripts.exporter import ExportPointCloud
from nerfstudio.scripts.render import DatasetRender, RenderCameraPath, RenderInterpolated, SpiralRender

from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.scripts.export.hdr import ExportHdr

from .conftest import Run, train

HEIGHT, WIDTH, FOCAL_PX = 16, 24, 40.0
FOCI_M = (1.5, 4.0)


@pytest.fixture(scope="module")
def capture(tmp_path_factory) -> Path:
    """Eight views of a wall of coloured squares two metres away, half of them focused before it and half behind."""
    folder = tmp_path_factory.mktemp("wall")
    squares = np.random.default_rng(3).random((12, 20, 3)).astype(np.float32)
    frames = []
    for index in range(8):
        right = 0.05 * (index - 3.5)
        pose = np.eye(4)
        pose[0, 3] = right
        column, row = np.meshgrid(np.arange(WIDTH) + 0.5 - WIDTH / 2, np.arange(HEIGHT) + 0.5 - HEIGHT / 2)
        x, y = column / FOCAL_PX * 2 + right, row / FOCAL_PX * 2
        picture = squares[(y / 0.1 + 6).astype(int) % 12, (x / 0.1 + 10).astype(int) % 20]
        write_image(folder / f"{index}.png", picture)
        frames.append(
            {
                **{"file_path": f"{index}.png", "transform_matrix": pose.tolist(), "f_number": 1.0},
                **{"focus_distance_m": FOCI_M[index % 2], "exposure_stops": 0},
                "split": "test" if index in (3, 6) else "train",
            }
        )
    camera = {"fl_x": FOCAL_PX, "fl_y": FOCAL_PX, "cx": WIDTH / 2, "cy": HEIGHT / 2, "w": WIDTH, "h": HEIGHT}
    meta = {**camera, "focal_length_mm": 50, "metres_per_unit": 1.0, "frames": frames}
    (folder / "transforms.json").write_text(json.dumps(meta))
    return folder


@pytest.fixture(scope="module")
def views_run(capture, tmp_path_factory) -> Run:
    return train("neucam-3d", capture, tmp_path_factory.mktemp("runs"), num_steps=2, rays=64)


def path_at(folder: Path, times: list[float] | None) -> Path:
    """Three cameras in one place: nothing but the lens can make a difference."""
    camera = {"camera_to_world": np.eye(4).flatten().tolist(), "fov": 22.6, "aspect": 1.5}
    cameras = [dict(camera, **({} if times is None else {"render_time": times[index]})) for index in range(3)]
    path = {"render_height": HEIGHT, "render_width": WIDTH, "seconds": 1, "camera_path": cameras}
    keyframes = [{"time": 0, "exposure_stops": -1, "f_number": 1}, {"time": 1, "exposure_stops": 1, "f_number": 8}]
    (folder / "path.json").write_text(json.dumps(path | {"neucam": keyframes}))
    return folder / "path.json"


def pictures(folder: Path) -> list[np.ndarray]:
    return [cv2.imread(str(file)) / 255 for file in sorted(folder.iterdir())]


@pytest.mark.slow
def test_exposure_ramps_along_a_path_of_ns_render(views_run, capture, tmp_path):
    path = path_at(tmp_path, [0.0, 0.5, 1.0])
    (capture / "camera_settings.json").write_text(path.read_text())
    options = {"camera_path_filename": path, "output_format": "images", "image_format": "png"}
    RenderCameraPath(views_run.config, tmp_path / "ramp", rendered_output_names=["rgb"], **options).main()
    brightness = [picture.mean() for picture in pictures(tmp_path / "ramp")]
    assert brightness[0] + 0.05 < brightness[1] < brightness[2] - 0.05
    (capture / "camera_settings.json").unlink()
    RenderCameraPath(views_run.config, tmp_path / "still", rendered_output_names=["rgb"], **options).main()
    first, *others = pictures(tmp_path / "still")
    assert all(np.array_equal(first, other) for other in others)


@pytest.mark.slow
def test_other_renders_and_radiance_of_views(views_run, tmp_path):
    names = ["rgb", "raw-hdr", "gt-rgb"]
    DatasetRender(views_run.config, tmp_path, image_format="png", rendered_output_names=names).main()
    assert sorted(path.name for path in (tmp_path / "test/rgb").iterdir()) == ["3.png", "6.png"]
    with gzip.open(tmp_path / "test/raw-hdr/6.npy.gz") as file:
        radiance = np.load(file)
    ExportHdr(views_run.config, tmp_path / "own", frames=("6",), precision="float").main()
    from neucam_nerfstudio.imaging.radiance_files import read_radiance

    np.testing.assert_allclose(read_radiance(tmp_path / "own/hdr_6.exr"), radiance, rtol=1e-4, atol=1e-6)
    images = {"rendered_output_names": ["rgb"], "output_format": "images"}
    RenderInterpolated(views_run.config, tmp_path / "between", interpolation_steps=2, **images).main()
    SpiralRender(views_run.config, tmp_path / "spiral", seconds=1, frame_rate=2, **images).main()
    for folder in ("between", "spiral"):
        assert all(picture.shape == (HEIGHT, WIDTH, 3) for picture in pictures(tmp_path / folder))
        assert all(picture.mean() > 0.05 for picture in pictures(tmp_path / folder))


@pytest.mark.slow
def test_a_point_cloud_is_where_the_wall_is(views_run, tmp_path):
    import open3d as o3d

    command = ExportPointCloud(views_run.config, tmp_path, num_points=500, num_rays_per_batch=256)
    command.normal_method, command.save_world_frame = "open3d", True
    command.main()
    cloud = o3d.io.read_point_cloud(str(tmp_path / "point_cloud.ply"))
    depths = -np.asarray(cloud.points)[:, 2]
    assert len(depths) >= 450 and np.median(depths) == pytest.approx(2, abs=0.5)
    assert len(cloud.normals) == len(cloud.points)


@pytest.mark.slow
def test_normals_that_no_volume_of_ours_has_are_told(views_run, tmp_path, capsys):
    with pytest.raises(SystemExit):
        ExportPointCloud(views_run.config, tmp_path, num_points=500).main()
    assert "Normal output 'normals' not found" in capsys.readouterr().out
