"""nerfstudio's view of many views: rays that do not train, point clouds, and settings along its own paths."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from nerfstudio.cameras.camera_paths import get_interpolated_camera_path, get_path_from_json, get_spiral_path
from nerfstudio.cameras.rays import RayBundle

from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.image_formation import develop
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.dataparsers.views_dataparser import view_cameras
from neucam_nerfstudio.datasets.capture_datamanager import as_bundle
from neucam_nerfstudio.datasets.pixel_sampling import single_frames
from neucam_nerfstudio.datasets.views_datamanager import ViewSampler
from neucam_nerfstudio.models import views_model
from neucam_nerfstudio.models.views_model import Neucam3dModel, Neucam3dModelConfig

from ..nerfstudio_models import model_of
from ..scene.volume import FARTHEST_M, BlobsConfig
from ..viewer.many_views import BLOBS, FAR, NEAR, REFERENCE, three_views


def views_model_of(**changed: object) -> Neucam3dModel:
    config = Neucam3dModelConfig(scene=BlobsConfig(blobs=BLOBS), blur=ThinLensBlurConfig())
    return model_of(replace(three_views(), **changed), config).eval()


def sampler_of(model: Neucam3dModel) -> ViewSampler:
    capture = model.capture
    cameras = view_cameras(capture, capture.train_indices)
    black = torch.zeros(3, capture.height, capture.width, 3, dtype=torch.uint8)
    return ViewSampler(cameras, black, capture, capture.train_indices, "cpu")


def some_rays(model: Neucam3dModel, count: int = 64) -> RayBundle:
    torch.manual_seed(1)
    return as_bundle(sampler_of(model).sample(count, single_frames(3)))[0]


def test_rays_of_frames_are_photographs_or_all_in_focus_at_one_exposure():
    model = views_model_of()
    rays = some_rays(model)
    outputs = model(rays)
    with torch.no_grad():
        expected = model.learned.photograph_rays(
            views_model.Rays(rays.origins, rays.directions, rays.times, rays.metadata["axes"]),
            *(rays.metadata[name].long() for name in ("focus_index", "exposure_index")),
            rays.camera_indices[:, 0],
            0,
        )[0]
        radiance = model.learned.scene.radiance(views_model.Rays(rays.origins, rays.directions, rays.times))
    torch.testing.assert_close(outputs["rgb"], expected.squeeze(1))
    torch.testing.assert_close(outputs["hdr"], radiance)
    stops = torch.full((64, 1), model.learned.camera.stops_of_frame(REFERENCE))
    sharp = develop(model.learned.camera.response, radiance, stops)[:, 0]
    torch.testing.assert_close(outputs["all_in_focus"], sharp)
    assert (outputs["all_in_focus"] - outputs["rgb"]).abs().max() > 1e-4, "a blurred rim"


def test_nothing_is_computed_before_it_is_asked_for(monkeypatch):
    model = views_model_of()
    monkeypatch.setattr(model.learned, "photograph_rays", lambda *_: pytest.fail("blurred"))
    monkeypatch.setattr(views_model, "Film", lambda *_: pytest.fail("marched"))
    assert {"rgb", "depth", "all_in_focus"} <= set(model(some_rays(model)))


def test_rays_of_no_frame_are_all_in_focus():
    """As ns-render --render-nearest-camera and the check of ns-export for normals ask for them."""
    model = views_model_of()
    origins = torch.zeros(1, 3)
    bundle = RayBundle(
        origins=origins,
        directions=torch.ones_like(origins),
        pixel_area=torch.ones(1, 1),
        camera_indices=torch.zeros(1, 1),
        metadata={},
    )
    outputs = model.get_outputs(bundle)
    assert "normals" not in outputs and "rays" not in outputs
    torch.testing.assert_close(outputs["rgb"], outputs["all_in_focus"])
    torch.testing.assert_close(outputs["depth"], torch.full((1, 1), FARTHEST_M))


def test_a_point_cloud_of_nerfstudio_s_has_places_and_colours_of_what_is_seen(monkeypatch):
    from nerfstudio.exporter.exporter_utils import generate_point_cloud

    model = views_model_of()
    sampler = sampler_of(model)
    frames = single_frames(3)
    pipeline = SimpleNamespace(
        model=model, datamanager=SimpleNamespace(next_train=lambda step: as_bundle(sampler.sample(256, frames)))
    )
    march = model.learned.scene.march

    def nothing_behind(rays):
        seen = march(rays)
        return seen._replace(distance=torch.where(seen.distance < 10, seen.distance, torch.nan))

    monkeypatch.setattr(model.learned.scene, "march", nothing_behind)
    cloud = generate_point_cloud(
        pipeline, num_points=300, remove_outliers=False, estimate_normals=True, reorient_normals=True
    )
    points, colours = np.asarray(cloud.points), np.asarray(cloud.colors)
    assert len(points) >= 300 and np.isfinite(points).all() and len(cloud.normals) == len(points)
    large = np.array(BLOBS[1].centre_m)
    assert (np.linalg.norm(points - large, axis=1) < 4 * BLOBS[1].radius_m).mean() > 0.6
    assert colours.min() >= 0 and colours.max() <= 1 and colours[:, 1].mean() > colours[:, 0].mean()


def test_pictures_have_an_alpha():
    model = views_model_of()
    outputs = model.get_outputs_for_camera(view_cameras(model.capture, (NEAR,)))
    rgba = model.get_rgba_image(outputs)
    torch.testing.assert_close(rgba[..., :3], outputs["rgb"])
    assert (rgba[..., 3] == 1).all()


def test_pictures_of_ray_bundles_as_meshes_ask_for_them():
    model = views_model_of()
    camera = view_cameras(model.capture, (FAR,))
    outputs = model.get_outputs_for_camera_ray_bundle(camera.generate_rays(camera_indices=0, keep_shape=True))
    own = model.get_outputs_for_camera(camera)
    torch.testing.assert_close(outputs["depth"], own["depth"], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(outputs["hdr"], own["hdr"], atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(outputs["rgb"], outputs["all_in_focus"])


@pytest.fixture
def path_with_times():
    """Three cameras at times 0, 0.5 and 1."""
    pose = torch.eye(4).flatten().tolist()
    cameras = [{"camera_to_world": pose, "fov": 40.0, "render_time": time} for time in (0.0, 0.5, 1.0)]
    return {"render_height": 8, "render_width": 12, "camera_path": cameras}


KEYFRAMES = [
    {"time": 0, "focus_distance_m": 1, "f_number": 2, "exposure_stops": 0},
    {"time": 1, "focus_distance_m": 3, "f_number": 8, "exposure_stops": 2},
]


def with_keyframes(folder, keyframes=KEYFRAMES) -> Neucam3dModel:
    (folder / "camera_settings.json").write_text(json.dumps({"neucam": keyframes}))
    return views_model_of(folder=folder)


def test_settings_along_a_path_go_by_the_time_of_its_cameras(tmp_path, path_with_times, capsys):
    model = with_keyframes(tmp_path)
    cameras = get_path_from_json(path_with_times)
    settings = [model.settings_of(cameras[index : index + 1]) for index in range(3)]
    assert [each.focus_position for each in settings] == pytest.approx([1, 2 / 3, 1 / 3])
    assert [each.aperture for each in settings] == pytest.approx([2, 1, 0.5]), "the reference frame has f/4"
    assert [each.exposure_stops for each in settings] == pytest.approx([0, 1, 2])
    said = capsys.readouterr().out.replace("\n", "")
    assert said.count("camera_settings.json (2 keyframes)") == 1
    shown = model.get_outputs_for_camera(cameras[2:3])["rgb"]
    view = views_model.NeucamModel.get_outputs_for_camera(model, cameras[0:1])["rgb"]
    assert (shown - view).abs().max() > 0.05


def test_frames_are_as_they_were_taken_whatever_keyframes_say(tmp_path):
    model = with_keyframes(tmp_path)
    settings = model.settings_of(view_cameras(model.capture, (NEAR,)))
    assert settings.frame == NEAR and settings.focus_position == 1.0


def test_a_spiral_has_times_and_an_interpolation_has_none(tmp_path, capsys):
    model = with_keyframes(tmp_path)
    camera = view_cameras(model.capture, (REFERENCE,))
    spiral = get_spiral_path(camera, steps=3, radius=0.1)
    assert model.settings_of(spiral[1:2]).exposure_stops == pytest.approx(1)
    between = get_interpolated_camera_path(view_cameras(model.capture, (NEAR, FAR)), steps=2, order_poses=False)
    assert [model.settings_of(between[index : index + 1]) for index in range(2)] == [CameraSettings()] * 2
    said = " ".join(capsys.readouterr().out.split())
    assert said.count("is not used: the cameras of this path tell no time") == 1


def test_paths_without_keyframes_are_as_the_reference_frame(tmp_path, path_with_times):
    cameras = get_path_from_json(path_with_times)
    assert views_model_of(folder=tmp_path).settings_of(cameras[1:2]) == CameraSettings()
