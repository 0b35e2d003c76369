"""White balance a frame: gains by hand, what they are held to, whose they are, and that photographs tell them."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import tyro

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.exposure.white_balance import FrameWhiteBalance, WhiteBalanceKind
from neucam_nerfstudio.camera.image_formation import DARKNESS, develop
from neucam_nerfstudio.camera.response.response import ResponseConfig, SrgbResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.method_configs.methods import MANY_VIEWS_RATES, neucam, neucam_3d
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.scene.volume.volume_scene import VolumeSceneConfig
from neucam_nerfstudio.scripts.export.response import settings_rows

from ...learned import capture_of, learn
from ...nerfstudio_models import model_of
from ...scene.posed_views import HEIGHT, PLACES_M, WIDTH, photograph, posed_capture
from ...scene.volume import BlobsConfig
from ...viewer.many_views import BLOBS, REFERENCE, three_views

RED, BLUE = (0.8, 1.2, 1.25, 0.83, 1.0), (1.2, 0.85, 0.83, 1.18, 1.0)
"""Gains of the frames that `posed_views` makes."""


def balanced(kind: WhiteBalanceKind = "frame", **changed: object) -> LearnedCapture:
    """Three views whose pixel values are linear light; the first one's red is twice, and its blue half, the mean's."""
    capture = replace(three_views(), **changed)
    learned = learn(capture, BlobsConfig(blobs=BLOBS), BlurConfig(), None, ResponseConfig(), kind)
    if learned.camera.white_balance is not None:
        with torch.no_grad():
            learned.camera.white_balance.learned_log_gains[0] = 1.5 * math.log(2) * torch.tensor([1.0, -1.0])
    return learned


def test_gains_multiply_the_light_before_it_is_exposed():
    light, gains = torch.tensor([[0.1, 0.1, 0.1], [0.2, 0.1, 0.9]]), torch.tensor([[2.0, 1.0, 0.5], [1.5, 1.0, 1.25]])
    developed = develop(None, light, torch.tensor([[0.0, 1.0], [0.0, -1.0]]), gains.log())
    by_hand = [[[0.2, 0.1, 0.05], [0.4, 0.2, 0.1]], [[0.3, 0.1, 1.0], [0.15, 0.05, 0.5625]]]
    torch.testing.assert_close(developed, torch.tensor(by_hand), atol=3 * DARKNESS, rtol=1e-5)
    one_frame = develop(None, light, torch.zeros(2, 1), gains[:1].log())
    torch.testing.assert_close(one_frame[1, 0], torch.tensor([0.4, 0.1, 0.45]), atol=3 * DARKNESS, rtol=1e-5)


def test_green_has_no_gain_and_the_others_zero_mean_whatever_is_learned():
    balance = FrameWhiteBalance(posed_capture())
    assert not balance.log_gains.any()
    torch.nn.init.normal_(balance.learned_log_gains)
    gains = balance.log_gains
    torch.testing.assert_close(gains.mean(0), torch.zeros(3), atol=1e-6, rtol=0)
    assert not gains[:, 1].any() and (gains[:, [0, 2]].std(0) > 0.1).all()
    torch.testing.assert_close(
        gains[0] - gains[3],
        (balance.learned_log_gains[0] - balance.learned_log_gains[3])[[0, 0, 1]] * torch.tensor([1, 0, 1]),
    )


def test_the_gradient_moves_the_balance_of_the_frame_and_no_colour_of_all():
    balance = FrameWhiteBalance(posed_capture())
    log_gains = balance(torch.tensor([1, 1, 4]))
    (develop(None, torch.full((3, 3), 0.2), torch.zeros(3, 1), log_gains)[..., 0]).sum().backward()
    gradient = balance.learned_log_gains.grad
    torch.testing.assert_close(gradient[:, 0], 0.2 * torch.tensor([-0.6, 1.4, -0.6, -0.6, 0.4]), atol=1e-5, rtol=1e-5)
    assert not gradient[:, 1].any()


def test_a_frame_s_own_picture_has_its_balance_and_nothing_else_has():
    learned, without = balanced().eval(), balanced("none").eval()
    view, outputs = learned.view_of_frame(REFERENCE), ("rgb", "all_in_focus", "hdr")
    seen = {frame: learned.renderer.render(view, CameraSettings(frame=frame), outputs) for frame in (0, 1, None)}
    plain = {frame: without.renderer.render(view, CameraSettings(frame=frame), outputs) for frame in (0, 1, None)}
    gains = torch.tensor([2.0, 1.0, 0.5])
    for name in ("rgb", "all_in_focus"):
        expected = (plain[0][name] * gains).clamp(max=1)
        is_dark = plain[0][name] < 1  # what is clipped tells no light
        torch.testing.assert_close(seen[0][name][is_dark], expected[is_dark], atol=1e-5, rtol=1e-4)
        assert (seen[0][name] - plain[0][name]).abs().max() > 0.05
        torch.testing.assert_close(seen[None][name], plain[None][name])
        assert (seen[1][name] - plain[1][name]).abs().max() > 0.01, "the mean of all is held"
    for frame in (0, 1, None):
        torch.testing.assert_close(seen[frame]["hdr"], plain[frame]["hdr"])
    linear = learned.renderer.render(view, CameraSettings(frame=0, developed=False), ("rgb",))["rgb"]
    torch.testing.assert_close(linear, seen[0]["rgb"])


def photographed(learned: LearnedCapture, frame: int) -> torch.Tensor:
    rays = learned.scene.reference_places(8, 12)
    count = len(rays.origins.reshape(-1, 3))
    rays = Rays(rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3), torch.zeros(count, 1))
    index = torch.full((count,), frame)
    return learned.photograph_rays(rays, index[:, None], torch.zeros(count, 1, dtype=torch.long), index, 0)[0][:, 0]


def test_training_rays_have_the_balance_of_their_frame_and_held_out_ones_none():
    held_out = {"train_indices": (0, 1), "eval_indices": (2,), "reference_index": REFERENCE}
    learned, plain = balanced(**held_out), balanced("none", **held_out)
    gains = learned.camera.white_balance.log_gains[0].exp().detach()
    expected = photographed(plain, 0)
    torch.testing.assert_close(photographed(learned.train(), 0), (expected * gains).clamp(max=1), atol=1e-5, rtol=1e-4)
    # The first held-out frame is counted 0, as the first training frame is.
    torch.testing.assert_close(photographed(learned.eval(), 0), photographed(plain.eval(), 0))
    assert learned.camera.white_balance.of_frame(2) is None
    view = learned.view_of_frame(2)
    shown = learned.renderer.render(view, learned.camera.settings_of_frame(2), ("rgb",))["rgb"]
    torch.testing.assert_close(shown, plain.renderer.render(view, CameraSettings(frame=2), ("rgb",))["rgb"])


def test_gains_are_listed_beside_the_other_settings():
    header, *rows = settings_rows(balanced(train_indices=(0, 1), eval_indices=(2,), reference_index=REFERENCE))
    told = [dict(zip(header, row, strict=True)) for row in rows]
    # Of 2 sqrt 2 and 1, whose mean in logarithms is held.
    assert [row["red_gain"] for row in told] == [pytest.approx(2**0.75), pytest.approx(2**-0.75), ""]
    assert [row["blue_gain"] for row in told] == [pytest.approx(2**-0.75), pytest.approx(2**0.75), ""]
    assert "red_gain" not in settings_rows(balanced("none"))[0]


def test_one_view_is_refused_and_raw_is_told_what_is_learned():
    with pytest.raises(NeucamError, match="expected many views with poses"):
        learn(capture_of(8, 8), white_balance="frame")
    assert balanced().notes() == []
    (note,) = balanced(white_balance=(2.0, 1.0, 1.5, 1.0)).notes()
    assert "light that changes its colour" in note


def test_without_it_nothing_is_built_so_earlier_checkpoints_load():
    learned = balanced("none")
    assert learned.camera.white_balance is None and "white_balance" not in learned.parameter_groups()
    assert not any("white_balance" in name for name in learned.state_dict())
    group = balanced().parameter_groups()["white_balance"]
    assert [tuple(values.shape) for values in group] == [(3, 2)]


def test_the_option_reaches_the_part_and_its_rate():
    chosen = ["--pipeline.model.white-balance", "frame"]
    config = tyro.cli(type(neucam_3d.config), default=copy.deepcopy(neucam_3d.config), args=chosen)
    config.pipeline.model.scene = BlobsConfig(blobs=BLOBS)
    model = model_of(three_views(), config.pipeline.model)
    assert isinstance(model.learned.camera.white_balance, FrameWhiteBalance)
    assert set(model.get_param_groups()) <= set(config.optimizers)
    with pytest.raises(SystemExit):
        tyro.cli(type(neucam.config), default=copy.deepcopy(neucam.config), args=chosen)


def test_the_config_of_an_earlier_run_has_no_white_balance():
    config = replace(neucam_3d.config.pipeline.model, scene=BlobsConfig(blobs=BLOBS))
    del vars(config)["white_balance"]  # as its config.yml brings it back
    assert model_of(three_views(), config).learned.camera.white_balance is None


def photographs() -> list[np.ndarray]:
    return [photograph(index, gains=np.array([RED[index], 1.0, BLUE[index]])) for index in range(len(PLACES_M))]


def trained(kind: WhiteBalanceKind, num_steps: int = 60) -> LearnedCapture:
    frames = photographs()
    scene = VolumeSceneConfig(nearest_m=1.5, farthest_m=6.0)
    learned = learn(posed_capture(), scene, BlurConfig(), response=SrgbResponseConfig(), white_balance=kind)
    learned.start(lambda index: frames[index])
    learned.train()
    optimizers = [
        torch.optim.Adam(parameters, lr=MANY_VIEWS_RATES[name])
        for name, parameters in learned.parameter_groups().items()
    ]
    directions = learned.scene.reference_places(HEIGHT, WIDTH).directions.reshape(-1, 3)
    pixels = torch.from_numpy(np.stack(frames)).float().reshape(len(frames), -1, 3) / 255
    for step in range(num_steps):
        frame, pixel = torch.randint(len(frames), (1500,)), torch.randint(HEIGHT * WIDTH, (1500,))
        origins = torch.tensor(PLACES_M)[frame, None] * torch.tensor([1.0, 0.0, 0.0])
        rays = Rays(origins, directions[pixel], torch.zeros(1500, 1))
        ldr, met = learned.photograph_rays(rays, frame[:, None], (frame % 2)[:, None], frame, step)
        loss = 4 * (ldr[:, 0] - pixels[frame, pixel]).square().mean() + sum(learned.losses(met).values())
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    return learned.eval()


def test_photographs_tell_the_gains_of_their_frames():
    true = np.log([RED, BLUE]).T
    errors = {}
    for kind in ("none", "frame"):
        learned = trained(kind)
        shown = [
            learned.renderer.render(learned.view_of_frame(index), CameraSettings(frame=index), ("rgb",))["rgb"]
            for index in range(len(PLACES_M))
        ]
        off = np.stack([rgb.numpy() - frame / 255.0 for rgb, frame in zip(shown, photographs(), strict=True)])
        errors[kind] = np.sqrt(np.mean(off[:, 3:-3, 5:-5] ** 2))
    found = learned.camera.white_balance.log_gains.detach().numpy()[:, ::2]
    assert np.abs(found - (true - true.mean(0))).max() < 0.03, "of up to 0.22"
    assert errors["frame"] < 0.5 * errors["none"]
