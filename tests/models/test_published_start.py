"""Where training starts without the classical start: every part can learn from there."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.models.motion_losses import MotionTraining
from neucam_nerfstudio.models.published_start import warm_up
from neucam_nerfstudio.training.optimizers import FusedAdam

from .conftest import start
from .test_neucam_model import datamanager


@pytest.mark.parametrize(("frames", "longest_stops"), [("*E0", -3), ("*E2", 3)])
def test_srgb_s_white_lies_two_stops_above_radiance_1(build_model, tiny_desk, frames, longest_stops):
    """A linear value of 1/4 is sRGB's 1.055 * 0.25 ** (1 / 2.4) - 0.055."""
    model = build_model(open_capture(tiny_desk, train_frames=(frames,))[0], start_from_classical=False)
    warm_up(model.scene, model.camera, MotionTraining(), model.capture)
    ldr = model.camera.response(torch.full((1, 3), longest_stops * math.log(2)))
    torch.testing.assert_close(ldr, torch.full((1, 3), 0.537099), atol=1e-5, rtol=0)


def test_so_does_the_white_of_linear_photographs(build_model, tiny_desk):
    model = build_model(open_capture(tiny_desk)[0], response="none", start_from_classical=False)
    warm_up(model.scene, model.camera, MotionTraining(), model.capture)
    ldr = model.camera.response(torch.full((1, 3), 3 * math.log(2)))
    torch.testing.assert_close(ldr, torch.full((1, 3), 0.25))


@pytest.mark.parametrize("train_frames", ["*", "*E0", "*E1", "*E2"])
def test_our_still_scene_learns_from_there(build_model, tiny_desk, train_frames):
    manager = datamanager(tiny_desk, train_frames=(train_frames,))
    model = build_model(manager.train_dataset.metadata["capture"], start_from_classical=False)
    start(model, manager.train_dataset)
    model.train()
    optimizer = FusedAdam([{"params": group} for group in model.get_param_groups().values()], lr=0.02)
    rays, batch = manager.next_train(0)
    losses = []
    for _ in range(15):
        loss = sum(model.get_loss_dict(model(rays), batch).values())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
