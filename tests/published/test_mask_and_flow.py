"""Masks and flow at a batch's rays: of the right pixel, frame and neighbour; asked for but missing, they are missed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.side_maps import FrameFlow
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.motion_losses import MaskAndFlow, pixels_at

from ..learned import with_maps


def test_pixels_of_places():
    uv = torch.tensor([[0.5 / 90, 0.5 / 60], [89.5 / 90, 59.5 / 60], [1.0, 1.0], [0.0, 0.0]])
    row, column = pixels_at(uv, height=60, width=90)
    assert row.tolist() == [0, 59, 59, 0] and column.tolist() == [0, 89, 89, 0]


def test_mask_of_a_ray_is_its_own_pixel_s(desk_with_frames):
    mask = np.random.default_rng(0).random((3, 60, 90), np.float32)
    maps = MaskAndFlow(with_maps(desk_with_frames(3), mask=mask), use_mask=True, use_flow=False)
    uv = torch.tensor([[(12 + 0.5) / 90, (7 + 0.5) / 60]] * 2)
    found = maps.mask_at(uv, torch.tensor([0, 2]))
    assert found.tolist() == [[pytest.approx(mask[0, 7, 12])], [pytest.approx(mask[2, 7, 12])]]


def test_flow_goes_to_the_next_frame_and_to_the_one_before(desk_with_frames):
    forward, backward = (np.full((3, 60, 90, 2), value, np.float32) for value in (1.0, -1.0))
    forward += np.arange(3, dtype=np.float32)[:, None, None, None]
    backward -= np.arange(3, dtype=np.float32)[:, None, None, None]
    valid = np.ones((3, 60, 90), bool)
    flow = FrameFlow(forward, backward, valid, valid)
    # The second of four frames is held out: its flow belongs to no training frame.
    capture = dataclasses.replace(with_maps(desk_with_frames(4), flow=flow), train_indices=(0, 2, 3), eval_indices=(1,))
    maps = MaskAndFlow(capture, use_mask=False, use_flow=True)
    there, back = maps.flows_at(torch.rand(3, 2), torch.arange(3))
    assert there.flow_px[:, 0].tolist() == [1.0, 3.0, 0.0] and there.is_valid.tolist() == [True, True, False]
    assert back.flow_px[:, 0].tolist() == [0.0, -2.0, -3.0] and back.is_valid.tolist() == [False, True, True]
    assert there.frame_step[:2] == pytest.approx(2 / 3) and back.frame_step[1:] == pytest.approx(-2 / 3)


def test_flow_of_uneven_frames_takes_their_own_steps_in_time(desk_with_frames):
    still = np.zeros((3, 60, 90, 2), np.float32)
    flow = FrameFlow(still, still, *(np.ones((3, 60, 90), bool),) * 2)
    capture = dataclasses.replace(with_maps(desk_with_frames(4), flow=flow), times=(0.0, 0.1, 0.7, 1.0))
    there, back = MaskAndFlow(capture, use_mask=False, use_flow=True).flows_at(torch.rand(4, 2), torch.arange(4))
    assert there.frame_step[:3].tolist() == pytest.approx([0.2, 1.2, 0.6])
    assert back.frame_step[1:].tolist() == pytest.approx([-0.2, -1.2, -0.6])


@pytest.mark.parametrize(("kind", "folder"), [("use_mask", "mask/"), ("use_flow", "flow/")])
def test_what_training_needs_must_be_there(desk, kind, folder):
    needed = {"use_mask": False, "use_flow": False, kind: True}
    with pytest.raises(NeucamError, match=f"TinyDesk: has no {folder} folder, which .* needs"):
        MaskAndFlow(desk, **needed)


def test_nothing_of_it_goes_into_a_checkpoint(desk_with_frames):
    mask = np.zeros((3, 60, 90), np.float32)
    maps = MaskAndFlow(with_maps(desk_with_frames(3), mask=mask), use_mask=True, use_flow=False)
    assert maps.state_dict() == {} and maps.flow_px is None
