"""Scenes that move as nerfstudio handles them: time in, layers and motion out, losses along the rays, a warm-up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallbackLocation

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import frame_cameras
from neucam_nerfstudio.datasets.exposure_groups import ExposureGroups
from neucam_nerfstudio.datasets.pixel_sampling import PixelSampler
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.checkpoint_loading import MOTION_PARTS
from neucam_nerfstudio.models.motion_losses import MotionTraining
from neucam_nerfstudio.models.training_losses import LossWeights
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes

from .conftest import camera_without_settings, start

ALWAYS = {"all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused", "accumulation", "depth"}
TINY = MotionNetworkSizes(layer_width=8)
SIZES = NetworkSizes(atlas_width=8, blur_width=8, response_width=8, **dict.fromkeys(MOTION_PARTS, TINY))
PUBLISHED = {
    **{"exposures": "bounded", "response": "neural-curve", "mixing": "log-light", "start_from_classical": False},
    **{"network_sizes": SIZES},
}


def rays_of_frames(capture, frames: tuple[int, ...], num_rays: int) -> RayBundle:
    """Training rays at random pixels of training frames."""
    cameras = frame_cameras(capture, capture.train_indices)
    sampler = PixelSampler(torch.zeros(len(cameras), 60, 90, 3, dtype=torch.uint8), cameras, "cpu")
    return sampler.sample(num_rays, ExposureGroups(torch.tensor(frames)[:, None], None))[0]


@pytest.fixture
def moving_model(build_model, desk_with_frames):
    """A published model of three moments: `moving_model("layered-siren", blur="none")`."""
    return lambda scene, **config: build_model(desk_with_frames(3), **{**PUBLISHED, "scene": scene, **config})


def camera_at(frame_camera, time: float) -> Cameras:
    """A camera that tells nothing but its time."""
    camera = camera_without_settings(frame_camera(0))
    camera.times = torch.tensor([[time]])
    return camera


@pytest.mark.parametrize(
    ("scene", "blur", "added"),
    [
        ("deformed-siren", "none", {"motion"}),
        ("layered-siren", "none", {"opacity", "background", "foreground", "motion"}),
        ("layered-siren", "neural-kernel-9", {"opacity", "background", "foreground", "motion", "defocus"}),
    ],
)
def test_scenes_that_move_show_what_they_have(moving_model, frame_camera, scene, blur, added):
    outputs = moving_model(scene, blur=blur).eval().get_outputs_for_camera(camera_at(frame_camera, 1.0))
    assert set(outputs) == ALWAYS | added
    for name in added:
        picture = outputs[name]
        assert picture.shape == (60, 90, 1 if name in ("opacity", "defocus") else 3), name
        assert picture.isfinite().all() and picture.min() >= 0 and picture.max() <= 1, name


@pytest.mark.parametrize("blur", ["none", "neural-kernel-9"])
def test_a_step_reaches_deformations_opacity_and_settings(moving_model, blur):
    motion = MotionTraining(rigidity_mult=1e-2, rigidity_steps=9, hidden_foreground_mult=1e-3, undecided_opacity_mult=1)
    model = moving_model("layered-siren", blur=blur, motion=motion).train()
    rays = rays_of_frames(model.capture, frames=(0, 1, 2), num_rays=120)
    outputs = model(rays)
    losses = model.get_loss_dict(outputs, {"image": torch.rand(120, 3)})
    assert {"photographs", "rigidity", "hidden_foreground", "undecided_opacity"} <= set(losses)
    sum(losses.values()).backward()
    groups = model.get_param_groups()
    assert set(groups) == {"scene", "exposures", "response"} | ({"blur", "focus"} if blur != "none" else set())
    for name, parameters in groups.items():
        assert all(p.grad is not None and p.grad.isfinite().all() and p.grad.abs().sum() > 0 for p in parameters), name


def test_terms_along_the_rays_are_for_training_rays_alone(moving_model):
    model = moving_model("layered-siren", blur="none", motion=MotionTraining(opacity_mult=1.0)).eval()
    with torch.no_grad():
        outputs = model(rays_of_frames(model.capture, frames=(0,), num_rays=10))
        assert "opacity" not in model.get_loss_dict(outputs, {"image": torch.rand(10, 3)})


def test_steps_are_counted_from_where_a_run_goes_on(moving_model):
    motion = MotionTraining(rigidity_mult=1.0, rigidity_steps=10)
    model = moving_model("deformed-siren", blur="none", motion=motion).train()
    rays, batch = rays_of_frames(model.capture, frames=(1,), num_rays=5), {"image": torch.rand(5, 3)}
    trainer = SimpleNamespace(pipeline=SimpleNamespace(datamanager=SimpleNamespace(train_dataset=None)))
    callbacks = model.get_training_callbacks(trainer)
    for step, acts in ((9, True), (10, False)):
        for callback in callbacks:
            callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
        assert ("rigidity" in model.get_loss_dict(model(rays), batch)) == acts


def test_reference_frame_counts_more_in_a_frozen_run(moving_model):
    losses = LossWeights(other_frames_mult=0.2, reference_first_step=5)
    model = moving_model("deformed-siren", blur="none", losses=losses).train()
    for frame, share in ((1, 1.0), (2, 0.2)):
        rays, batch = rays_of_frames(model.capture, frames=(frame,), num_rays=50), {"image": torch.zeros(50, 3)}
        outputs = model(rays)
        model.step = 4
        before = model.get_loss_dict(outputs, batch)["photographs"]
        model.step = 5
        assert model.get_loss_dict(outputs, batch)["photographs"].item() == pytest.approx(share * before.item())


def test_deformations_warm_up_before_the_first_step(moving_model, capsys):
    motion = MotionTraining(warm_up_rounds=2, mapping_scale=0.8)
    model = moving_model("layered-siren", blur="none", motion=motion)
    before = {name: value.clone() for name, value in model.scene.state_dict().items()}
    start(model, dataset=None)
    assert "Warming up 2 deformations: 2 rounds over 3 frames." in capsys.readouterr().out
    changed = {name for name, value in model.scene.state_dict().items() if not torch.equal(value, before[name])}
    assert changed and all("deformation" in name for name in changed)


def test_deformations_without_rounds_start_as_they_are(moving_model, capsys):
    model = moving_model("deformed-siren", blur="none")
    before = {name: value.clone() for name, value in model.scene.state_dict().items()}
    start(model, dataset=None)
    assert all(torch.equal(value, before[name]) for name, value in model.scene.state_dict().items())
    assert "Warming up" not in capsys.readouterr().out


def test_time_moves_the_picture_and_brings_the_nearest_frame_s_exposure(moving_model, frame_camera):
    model = moving_model("deformed-siren", blur="none").eval()
    with torch.no_grad():
        model.camera.exposures.unbounded.copy_(torch.tensor([-2.0, 0.0, 2.0]))
        model.scene.deformation.network.layers[0].weight.mul_(3)
    first, last = (model.get_outputs_for_camera(camera_at(frame_camera, time)) for time in (0.0, 1.0))
    assert not torch.allclose(first["hdr"], last["hdr"], rtol=1e-3)
    frame = model.get_outputs_for_camera(frame_cameras(model.capture, (2,)))
    torch.testing.assert_close(last["rgb"], frame["rgb"])
    model.camera_back.follow()
    model.dials.exposure_stops = -1.0
    dialled = model.get_outputs_for_camera(camera_at(frame_camera, 1.0))
    assert not torch.allclose(dialled["rgb"], frame["rgb"], atol=1e-3)


def test_every_frame_can_be_rendered_at_the_reference_frame_s_time(moving_model):
    moving, still = (moving_model("deformed-siren", blur="none", at_reference=on).eval() for on in (False, True))
    still.load_state_dict(moving.state_dict())
    cameras = [frame_cameras(still.capture, (index,)) for index in range(3)]
    own = [moving.get_outputs_for_camera(camera) for camera in cameras]
    fixed = [still.get_outputs_for_camera(camera) for camera in cameras]
    assert not torch.allclose(own[0]["hdr"], own[1]["hdr"], rtol=1e-4)
    for picture in fixed:
        assert torch.equal(picture["hdr"], own[1]["hdr"])
    assert torch.equal(fixed[0]["motion"], own[0]["motion"])  # of the frame's own moment
    training = still.train()(rays_of_frames(still.capture, frames=(0,), num_rays=5))
    assert training["rays"].times.unique().tolist() == [0.0]


@pytest.mark.parametrize("in_viewer", [False, True], ids=["a path or an export", "the viewer"])
def test_who_chooses_the_time_gets_it_whatever_the_method_renders(moving_model, frame_camera, monkeypatch, in_viewer):
    model = moving_model("deformed-siren", blur="none", at_reference=True).eval()
    with torch.no_grad():
        model.scene.deformation.network.layers[0].weight.mul_(3)
    monkeypatch.setattr("neucam_nerfstudio.models.neucam_model.viewer_is_rendering", lambda: in_viewer)
    name = "All in focus, HDR" if in_viewer else "all_in_focus_hdr"
    first, last = (model.get_outputs_for_camera(camera_at(frame_camera, time))[name] for time in (0.0, 1.0))
    assert not torch.allclose(first, last, atol=1e-4)


def test_without_a_time_a_moving_scene_is_seen_at_the_reference_frame(moving_model, frame_camera):
    model = moving_model("deformed-siren", blur="none").eval()
    timeless = model.get_outputs_for_camera(camera_without_settings(frame_camera(0)))
    assert torch.equal(timeless["hdr"], model.get_outputs_for_camera(camera_at(frame_camera, 0.5))["hdr"])


def test_a_method_for_brackets_refuses_one_known_exposure(build_model, tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("*E1",))[0]
    build_model(capture, **PUBLISHED)
    with pytest.raises(NeucamError, match="have one exposure .* neucam-deblur for a video"):
        build_model(capture, **PUBLISHED, needs_bracket=True)
