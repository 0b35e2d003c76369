"""The model as nerfstudio handles it: rays in, outputs out, a start, steps and scores."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType

from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.neucam_model import NeucamModel, OutputsOnDemand, view_of
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import SirenSceneConfig
from neucam_nerfstudio.training.optimizers import FusedAdam

from ..learned import load_capture
from ..nerfstudio_models import (
    camera_of_frame,
    camera_without_settings,
    datamanager,
    model_of,
    rays_of_frames,
    run_before_step,
)

OUTPUTS = {
    *("all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused", "defocus"),
    *("confidence", "accumulation", "depth"),
}
IMAGE = torch.tensor([[0.5, 0.5, 0.5], [0.2, 0.4, 0.6]])
LDR = torch.tensor([[0.5, 0.5, 0.5], [0.1, 0.4, 0.9]])


def robust(squared_error: float, median: float = 0.0) -> float:
    """Of a ray whose mean squared error, counted in [-1, 1], is given, and the median of all."""
    contradiction = max(4 * 0.02**2, 2.0**2 * median)
    return contradiction * math.log(1 + squared_error / contradiction)


ERROR = robust(4 * (0.1**2 + 0.3**2) / 3) / 2
"""Mean error of the two rays of LDR against IMAGE, of which the first has none."""


def photographic_loss(model: NeucamModel, ldr: torch.Tensor, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    rays = rays_of_frames(model.capture, (0,), 1)
    outputs = {"rgb": ldr, "rays": model(rays)["rays"]}
    losses = model.eval().get_loss_dict(outputs, batch)
    assert set(losses) == {"photographs"}  # terms of the parts are for training rays
    return losses["photographs"]


def test_a_camera_gets_every_output_as_a_picture_of_its_size(desk):
    outputs = model_of(desk).eval().get_outputs_for_camera(camera_of_frame(desk, 4))
    assert set(outputs) == OUTPUTS and next(iter(outputs)) == "all_in_focus_hdr"
    for name, picture in outputs.items():
        channels = 1 if name in ("defocus", "confidence", "accumulation", "depth") else 3
        assert picture.shape == (60, 90, channels) and picture.isfinite().all(), name


def test_outputs_are_rendered_when_they_are_looked_at_and_once():
    rendered = []
    outputs = OutputsOnDemand(("hdr", "rgb"), lambda name: (rendered.append(name), torch.zeros(1))[1])
    assert list(outputs) == ["hdr", "rgb"] and "rgb" in outputs and len(outputs) == 2 and rendered == []
    assert outputs["rgb"] is outputs["rgb"] and rendered == ["rgb"]
    assert all(isinstance(picture, torch.Tensor) for picture in outputs.values()) and rendered == ["rgb", "hdr"]
    assert outputs.get("rgb") is outputs["rgb"] and outputs.get("none") is None
    outputs["added"] = torch.ones(1)  # nerfstudio adds outputs of its own
    assert outputs["added"] == 1 and rendered == ["rgb", "hdr"]
    with pytest.raises(KeyError):
        outputs["none"]


def test_a_camera_s_outputs_are_rendered_when_they_are_looked_at(desk, monkeypatch):
    model = model_of(desk).eval()
    asked, render = [], model.learned.renderer.render
    monkeypatch.setattr(model.learned.renderer, "render", lambda *of: (asked.extend(of[-1]), render(*of))[1])
    outputs = model.get_outputs_for_camera(camera_of_frame(desk, 4))
    assert asked == [] and outputs["hdr"].shape == (60, 90, 3) and asked == ["hdr"]


def test_a_copy_is_a_model_of_its_own(desk):
    model = model_of(desk).eval()
    copied = copy.deepcopy(model)
    camera = camera_of_frame(desk, 4)
    before = model.get_outputs_for_camera(camera)["rgb"]
    assert torch.equal(copied.get_outputs_for_camera(camera)["rgb"], before)
    with torch.no_grad():
        for parameter in copied.learned.scene.parameters():
            parameter += 1
    assert (copied.get_outputs_for_camera(camera)["rgb"] > before).any()
    assert torch.equal(model.get_outputs_for_camera(camera)["rgb"], before)


def test_training_rays_only_get_pixel_values_and_tell_where_they_went(desk, tiny_desk):
    rays, batch = datamanager(tiny_desk).next_train(0)
    outputs = model_of(desk).train()(rays)
    assert set(outputs) == {"rgb", "rays"} and outputs["rgb"].shape == batch["image"].shape == (32, 3, 3)
    assert outputs["rays"].places.uv.shape == (32, 2)


def test_indices_that_nerfstudio_turned_into_floats_are_understood(desk):
    model = model_of(desk).eval()
    rays, as_floats = (rays_of_frames(desk, (3, 7), 6) for _ in range(2))
    as_floats.origins, as_floats.directions = rays.origins, rays.directions
    as_floats.metadata = {name: values.float() for name, values in rays.metadata.items()}
    assert torch.equal(model(rays)["rgb"], model(as_floats)["rgb"])


def test_a_step_reaches_every_group_of_parameters(tiny_desk):
    manager = datamanager(tiny_desk, exposures="refine")
    model = model_of(manager.train_dataset.metadata["capture"])
    run_before_step(model, 0)
    rays, batch = manager.next_train(0)
    outputs = model.train()(rays)
    losses = model.get_loss_dict(outputs, batch, model.get_metrics_dict(outputs, batch))
    assert set(losses) == {"photographs", "scene_variation", "start", "defocus_variation", "exposure_prior"}
    sum(losses.values()).backward()
    groups = model.get_param_groups()
    assert set(groups) == {"scene", "blur", "focus", "exposures", "response"}
    for name, parameters in groups.items():
        assert all(p.grad is not None and p.grad.abs().sum() > 0 and p.grad.isfinite().all() for p in parameters), name


def test_numbers_of_a_step_by_hand(desk):
    outputs, batch = {"rgb": torch.full((5, 3), 0.6)}, {"image": torch.full((5, 3), 0.5)}
    metrics = model_of(desk).get_metrics_dict(outputs, batch)
    assert metrics["psnr"].item() == pytest.approx(20.0, abs=1e-3)
    assert metrics["blur_radius_px"].item() == pytest.approx(3.0)


def test_photographic_error_by_hand(desk):
    assert photographic_loss(model_of(desk), LDR, {"image": IMAGE}).item() == pytest.approx(ERROR)


def test_padding_has_no_say(desk):
    batch = {"image": IMAGE[None], "is_frame": torch.tensor([[False, True]])}
    error = 4 * (0.1**2 + 0.3**2) / 3  # of the one ray that is shown
    assert photographic_loss(model_of(desk), LDR[None], batch).item() == pytest.approx(robust(error, error))
    worse = LDR.clone()
    worse[0] = 7.0
    ldr = worse[None].requires_grad_()
    loss = photographic_loss(model_of(desk), ldr, batch)
    loss.backward()
    assert loss.item() == pytest.approx(robust(error, error))
    assert ldr.grad[0, 0].tolist() == [0, 0, 0] and ldr.grad[0, 1, 2] > 0


def test_white_is_a_bound(desk):
    """Photographs at 0.9 and more: light that gives 0.9 or more explains them, and less does not."""
    ldr = torch.tensor([[0.95, 1.0, 0.7], [0.95, 0.8, 0.8]]).requires_grad_()
    batch = {"image": torch.tensor([[0.9, 0.95, 0.95], [0.8, 0.8, 0.8]])}
    loss = photographic_loss(model_of(desk, white_ldr=0.9), ldr, batch)
    loss.backward()
    median = 4 * 0.15**2 / 3  # the lesser of two
    assert loss.item() == pytest.approx((robust(4 * 0.2**2 / 3, median) + robust(median, median)) / 2)
    assert ldr.grad.sign().tolist() == [[0, 0, -1], [1, 0, 0]]


@pytest.mark.parametrize("model_options", [{}, {"response": NeuralCurveConfig()}], ids=["ours", "published response"])
@pytest.mark.parametrize("train_frames", [("*",), ("F1*",), ("*E1",)], ids=["all", "one focus", "one exposure"])
def test_starts_on_any_capture_and_then_trains(tiny_desk, train_frames, model_options):
    manager = datamanager(tiny_desk, train_frames=train_frames)
    model = model_of(manager.train_dataset.metadata["capture"], **model_options)
    run_before_step(model, 0)
    rays, batch = manager.next_train(0)
    loss = sum(model.get_loss_dict(model.train()(rays), batch).values())
    loss.backward()
    assert math.isfinite(loss.item())


@pytest.mark.parametrize("response", [NeuralCurveConfig(), SrgbResponseConfig(), ResponseConfig()])
@pytest.mark.parametrize("train_frames", ["*", "*E0", "*E1", "*E2"])
def test_a_scene_that_starts_without_an_estimate_learns(tiny_desk, train_frames, response):
    """White lies above all light that it starts with, so that all of it can learn."""
    manager = datamanager(tiny_desk, train_frames=(train_frames,))
    capture = manager.train_dataset.metadata["capture"]
    model = model_of(capture, scene=SirenSceneConfig(atlas_width=32), response=response)
    run_before_step(model, 0)
    model.train()
    optimizer = FusedAdam([{"params": group} for group in model.get_param_groups().values()], lr=1e-3)
    rays, batch = manager.next_train(0)
    losses = []
    for _ in range(25):
        loss = model.get_loss_dict(model(rays), batch)["photographs"]
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]


def test_what_was_found_and_chosen_is_said(tiny_desk, capsys):
    model = model_of(load_capture(tiny_desk, train_frames=("*E1",)))
    assert "All frames have one exposure, which tells no response" in " ".join(capsys.readouterr().out.split())
    run_before_step(model, 0)
    assert "px in radius one focus setting out of focus" in " ".join(capsys.readouterr().out.split())


def test_only_the_first_step_starts_anew(desk, capsys):
    model = model_of(desk)
    run_before_step(model, 5)
    assert model.step == 5 and capsys.readouterr().out == ""


def test_a_method_for_brackets_refuses_one_known_exposure(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("*E1",))
    with pytest.raises(NeucamError, match="have one exposure .* neucam-deblur for a video"):
        model_of(capture, needs_bracket=True)


def test_cameras_without_settings_stand_at_the_reference_frame(desk):
    model = model_of(desk).eval()
    own = model.get_outputs_for_camera(camera_of_frame(desk, desk.reference_index))
    other = model.get_outputs_for_camera(camera_without_settings(desk))
    for name, picture in own.items():
        torch.testing.assert_close(picture, other[name], msg=name)


def test_cameras_of_frames_have_the_frame_s_settings(desk):
    model = model_of(desk).eval()
    settings = model.settings_of(camera_of_frame(desk, 6))
    assert (settings.focus_position, settings.exposure_stops, settings.aperture) == (1.0, -3.0, 1.0)
    path = model.get_outputs_for_camera(camera_without_settings(desk))["rgb"]
    assert not torch.allclose(model.get_outputs_for_camera(camera_of_frame(desk, 6))["rgb"], path, atol=0.05)


def test_beside_the_picture_there_is_nothing(desk):
    camera = camera_without_settings(desk)
    camera.camera_to_worlds[0, 0, 3] += 0.5  # half a picture to the side
    outputs = model_of(desk).eval().get_outputs_for_camera(camera)
    seen = outputs["accumulation"][..., 0]
    assert set(seen.unique().tolist()) == {0.0, 1.0} and seen.mean().item() == pytest.approx(0.5, abs=0.02)
    for name in OUTPUTS - {"depth"}:
        assert (outputs[name][seen == 0] == 0).all(), name
    assert outputs["depth"].isfinite().all() and (outputs["depth"] > 0).all()


def test_camera_that_looks_away_kills_nothing(desk):
    camera = camera_without_settings(desk)
    camera.camera_to_worlds[0, :, :3] *= -1
    outputs = model_of(desk).eval().get_outputs_for_camera(camera)
    assert all(picture.isfinite().all() for picture in outputs.values())
    assert outputs["accumulation"].max() == 0


def test_a_camera_of_another_kind_sees_the_picture_too(desk):
    """Bent lines of sight: nerfstudio's own rays are taken then."""
    camera = camera_of_frame(desk, 4)
    camera.distortion_params = torch.tensor([[0.1, 0.0, 0.0, 0.0, 0.0, 0.0]])
    bent, straight = (model_of(desk).eval().get_outputs_for_camera(c) for c in (camera, camera_of_frame(desk, 4)))
    assert bent["depth"].shape == (60, 90, 1)
    assert (bent["depth"][30, 45] - straight["depth"][30, 45]).abs() < 1e-4
    assert (bent["depth"][0, 0] - straight["depth"][0, 0]).abs() > 1e-3


def test_radiance_is_known_up_to_a_factor_where_exposures_are_given(desk, tiny_capture):
    assert model_of(desk).alignment == "scale"
    assert model_of(desk, exposures=BoundedExposuresConfig()).alignment == "affine"
    (tiny_capture / "exposure.txt").unlink()
    assert model_of(load_capture(tiny_capture)).alignment == "affine"


@pytest.mark.parametrize(
    ("camera_type", "distortion", "has_axis"),
    [
        (CameraType.PERSPECTIVE, None, True),
        (CameraType.PERSPECTIVE, [0.1, 0.0, 0.0, 0.0, 0.0, 0.0], True),
        (CameraType.FISHEYE, None, False),
        (CameraType.EQUIRECTANGULAR, None, False),
    ],
)
def test_perspective_cameras_have_an_optical_axis(camera_type, distortion, has_axis):
    """Others see too much for a plane in focus, and each of their rays has its own."""
    turn = torch.tensor([[0.0, 0.6, 0.8, 1.0], [1.0, 0.0, 0.0, 2.0], [0.0, 0.8, -0.6, 3.0]])
    camera = Cameras(
        camera_to_worlds=turn[None],
        **{"fx": 5.0, "fy": 5.0, "cx": 2.5, "cy": 1.5, "width": 5, "height": 3, "camera_type": camera_type},
        distortion_params=None if distortion is None else torch.tensor([distortion]),
    )
    rays = view_of(camera).rays(slice(None), 0.0)
    if has_axis:
        torch.testing.assert_close(rays.axes, -turn[:, 2].expand(15, 3))
        torch.testing.assert_close(rays.directions[7], -turn[:, 2])
    else:
        assert rays.axes is None
