"""Frames of one focus setting share one position, which training moves unless it is fixed."""

from __future__ import annotations

import pytest
import torch

from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions


def test_are_looked_up_by_setting():
    positions = FocusPositions((-1.0, 0.25, 1.0))
    assert positions(torch.tensor([[1], [1], [0]])).tolist() == [[0.25], [0.25], [-1.0]]


@pytest.mark.parametrize("learned", [True, False])
def test_are_learned_or_fixed(learned):
    assert [p.requires_grad for p in FocusPositions((-1.0, 1.0), learned).parameters()] == [learned]


def test_frames_of_a_setting_learn_together():
    positions = FocusPositions((-1.0, 1.0))
    (positions(torch.tensor([0, 0, 1])) * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert positions.positions.grad.tolist() == [3.0, 4.0]
