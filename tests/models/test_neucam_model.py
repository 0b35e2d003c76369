"""The model as nerfstudio handles it: rays in, outputs out, groups of parameters, a start and checkpoints."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

from .conftest import camera_without_settings, start

OUTPUTS = {
    *("all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused", "defocus"),
    *("accumulation", "depth"),
}


def datamanager(folder, **options):
    config = CaptureDataManagerConfig(
        dataparser=NeucamDataParserConfig(data=folder, **options), train_num_rays_per_batch=32
    )
    return config.setup(device="cpu", test_mode="val", world_size=1, local_rank=0)


def learned_groups(model) -> set[str]:
    return set(model.get_param_groups())


def test_a_camera_gets_every_output_as_a_picture_of_its_size(build_model, frame_camera):
    outputs = build_model().eval().get_outputs_for_camera(frame_camera(4))
    assert set(outputs) == OUTPUTS and next(iter(outputs)) == "all_in_focus_hdr"
    for name, picture in outputs.items():
        channels = 1 if name in ("defocus", "accumulation", "depth") else 3
        assert picture.shape == (60, 90, channels) and picture.isfinite().all(), name


def test_training_rays_only_get_pixel_values_and_tell_where_they_went(build_model, tiny_desk):
    model, manager = build_model().train(), datamanager(tiny_desk)
    rays, batch = manager.next_train(0)
    outputs = model(rays)
    assert set(outputs) == {"rgb", "rays"} and outputs["rgb"].shape == batch["image"].shape == (32, 3, 3)
    assert outputs["rays"].uv.shape == (32, 2) and outputs["rays"].layers is None


def test_a_step_reaches_every_group_of_parameters(build_model, tiny_desk):
    manager = datamanager(tiny_desk, exposures="refine")
    model = build_model(manager.train_dataset.metadata["capture"])
    start(model, manager.train_dataset)
    rays, batch = manager.next_train(0)
    outputs = model.train()(rays)
    sum(model.get_loss_dict(outputs, batch, model.get_metrics_dict(outputs, batch)).values()).backward()
    groups = model.get_param_groups()
    assert set(groups) == {"scene", "blur", "focus", "exposures", "response"}
    for name, parameters in groups.items():
        assert all(p.grad is not None and p.grad.abs().sum() > 0 and p.grad.isfinite().all() for p in parameters), name


def test_psnr_of_rays_by_hand(build_model):
    outputs, batch = {"rgb": torch.full((5, 3), 0.6)}, {"image": torch.full((5, 3), 0.5)}
    assert build_model().get_metrics_dict(outputs, batch)["psnr"].item() == pytest.approx(20.0, abs=1e-3)


@pytest.mark.parametrize(
    ("capture_options", "model_options", "groups"),
    [
        pytest.param({}, {}, {"scene", "blur", "focus", "response"}, id="known exposures are fixed"),
        pytest.param({"exposures": "learn"}, {}, {"scene", "blur", "focus", "exposures", "response"}, id="learned"),
        pytest.param({"focus": "fix"}, {}, {"scene", "blur", "response"}, id="focus is fixed"),
        pytest.param({}, {"blur": "none"}, {"scene", "response"}, id="no blur, so no focus"),
        pytest.param({}, {"response": "none"}, {"scene", "blur", "focus"}, id="no response"),
        pytest.param({}, {"response": "srgb"}, {"scene", "blur", "focus"}, id="response stays"),
        pytest.param(
            {"train_frames": ("*E1",)}, {}, {"scene", "blur", "focus"}, id="one exposure tells nothing of the response"
        ),
    ],
)
def test_what_is_learned(build_model, tiny_desk, capture_options, model_options, groups):
    model = build_model(open_capture(tiny_desk, **capture_options)[0], **model_options)
    assert learned_groups(model) == groups


@pytest.mark.parametrize("model_options", [{}, {"response": "neural-curve", "start_from_classical": False}])
@pytest.mark.parametrize("train_frames", [("*",), ("F1*",), ("*E1",)], ids=["all", "one focus", "one exposure"])
def test_starts_on_any_capture_and_then_trains(build_model, tiny_desk, train_frames, model_options):
    manager = datamanager(tiny_desk, train_frames=train_frames)
    model = build_model(manager.train_dataset.metadata["capture"], **model_options)
    start(model, manager.train_dataset)
    rays, batch = manager.next_train(0)
    loss = sum(model.get_loss_dict(model.train()(rays), batch).values())
    loss.backward()
    assert math.isfinite(loss.item())


def test_dials_stand_at_the_reference_frame(build_model, desk, frame_camera):
    model = build_model().eval()
    own = model.get_outputs_for_camera(frame_camera(desk.reference_index))
    dialled = model.get_outputs_for_camera(camera_without_settings(frame_camera(0)))
    for name, picture in own.items():
        torch.testing.assert_close(picture, dialled[name], msg=name)


def test_dials_are_for_cameras_without_settings_of_their_own(build_model, frame_camera):
    model = build_model().eval()
    before = model.get_outputs_for_camera(frame_camera(0))["rgb"]
    model.dials.exposure_stops, model.dials.focus_position = 2.0, 0.7
    assert torch.equal(model.get_outputs_for_camera(frame_camera(0))["rgb"], before)
    path = camera_without_settings(frame_camera(0), metadata={"cam_idx": 0})
    assert not torch.allclose(model.get_outputs_for_camera(path)["rgb"], before, atol=0.05)


def test_a_response_that_is_dialled_off_leaves_captured_frames_developed(build_model, frame_camera):
    model = build_model().eval()
    camera = frame_camera(0)
    frame, dialled = camera, camera_without_settings(camera)
    before = [model.get_outputs_for_camera(seen)["rgb"] for seen in (frame, dialled)]
    model.dials.response_on = False
    after = [model.get_outputs_for_camera(seen)["rgb"] for seen in (frame, dialled)]
    assert torch.equal(after[0], before[0]) and not torch.allclose(after[1], before[1], atol=0.05)


def test_tone_mapping_dial_changes_the_hdr_picture_only(build_model, frame_camera):
    model = build_model().eval()
    camera = camera_without_settings(frame_camera(0))
    plain = model.get_outputs_for_camera(camera)
    model.dials.tone_mapping = "log"
    log = model.get_outputs_for_camera(camera)
    assert [name for name in plain if not torch.equal(plain[name], log[name])] == ["all_in_focus_hdr"]


def test_local_tone_mapping_is_of_the_whole_picture_whatever_is_rendered_together(build_model, frame_camera):
    model = build_model().eval()
    with torch.no_grad():
        model.scene.pyramid.start_from(torch.linspace(-3, 3, 90).expand(60, 90)[..., None].expand(-1, -1, 3))
    model.dials.tone_mapping = "local"
    camera = camera_without_settings(frame_camera(0))
    whole = model.get_outputs_for_camera(camera)["all_in_focus_hdr"]
    model.config.eval_num_rays_per_chunk = 1000
    torch.testing.assert_close(model.get_outputs_for_camera(camera)["all_in_focus_hdr"], whole)
    model.dials.tone_mapping = "reinhard"
    assert not torch.allclose(model.get_outputs_for_camera(camera)["all_in_focus_hdr"], whole, atol=0.02)


def test_the_viewer_compares_with_a_photograph_at_its_own_settings(build_model, frame_camera, desk, monkeypatch):
    model = build_model().eval()
    own = model.get_outputs_for_camera(frame_camera(5))["rgb"]
    monkeypatch.setattr("neucam_nerfstudio.models.neucam_model.viewer_is_rendering", lambda: True)
    camera = camera_without_settings(frame_camera(0))
    assert model.get_outputs_for_camera(camera)[RESIDUAL].max() == 0
    model.camera_back.frame_dials.compare_with(5)
    outputs = model.get_outputs_for_camera(camera)
    torch.testing.assert_close(outputs["Photograph"], own)
    photograph = torch.from_numpy(PixelStore(desk).whole(5)) / 255
    expected = (4 * (own - photograph).abs()).clamp(max=1)
    torch.testing.assert_close(outputs[RESIDUAL], expected, atol=1e-3, rtol=0)
    assert list(outputs)[-2:] == ["accumulation", "depth"] and "rgb" not in outputs


def test_beside_the_picture_there_is_nothing(build_model, frame_camera):
    camera = camera_without_settings(frame_camera(0))
    camera.camera_to_worlds[0, 0, 3] += 0.5  # half a picture to the side
    outputs = build_model().eval().get_outputs_for_camera(camera)
    seen = outputs["accumulation"][..., 0]
    assert set(seen.unique().tolist()) == {0.0, 1.0} and seen.mean().item() == pytest.approx(0.5, abs=0.02)
    for name in OUTPUTS - {"depth"}:
        assert (outputs[name][seen == 0] == 0).all(), name
    assert outputs["depth"].isfinite().all() and (outputs["depth"] > 0).all()


def test_camera_that_looks_away_kills_nothing(build_model, frame_camera):
    camera = camera_without_settings(frame_camera(0))
    camera.camera_to_worlds[0, :, :3] *= -1
    outputs = build_model().eval().get_outputs_for_camera(camera)
    assert all(picture.isfinite().all() for picture in outputs.values())
    assert outputs["accumulation"].max() == 0


def test_checkpoint_brings_back_pictures_and_dials(build_model, frame_camera):
    torch.manual_seed(1)
    trained = build_model(exposures="bounded")
    with torch.no_grad():
        for parameter in trained.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    loaded = build_model(exposures="bounded")
    loaded.load_state_dict(trained.state_dict())
    pictures = [model.eval().get_outputs_for_camera(frame_camera(5)) for model in (trained, loaded)]
    assert all(torch.equal(pictures[0][name], pictures[1][name]) for name in OUTPUTS)
    reference = trained.capture.frames[trained.capture.reference_index]
    assert loaded.dials.focus_position == pytest.approx(trained.camera.focus.positions[reference.focus_index].item())
    assert loaded.dials.exposure_stops == pytest.approx(trained.camera.exposures.stops[reference.exposure_index].item())


def test_display_follows_training(build_model, frame_camera):
    model = build_model().eval()
    camera = frame_camera(0)
    before = model.get_outputs_for_camera(camera)["all_in_focus_hdr"]
    with torch.no_grad():
        model.scene.pyramid.grids[0].add_(2.0)  # all light grows alike, so grey and white move with it
    torch.testing.assert_close(model.get_outputs_for_camera(camera)["all_in_focus_hdr"], before, atol=1e-4, rtol=0)
