"""Frames of one focus setting share one position, which training moves unless it is fixed."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions

from ...learned import capture_of


def positions_at(*positions: float, mode: str = "learn") -> FocusPositions:
    return FocusPositions(capture_of(1, 1, positions=positions, mode=mode))


def test_are_looked_up_by_setting():
    focus = positions_at(-1.0, 0.25, 1.0)
    assert focus(torch.tensor([[1], [1], [0]])).tolist() == [[0.25], [0.25], [-1.0]]


@pytest.mark.parametrize(("mode", "is_learned"), [("fix", False), ("refine", True), ("learn", True)])
def test_are_learned_or_fixed(desk, mode, is_learned):
    capture = dataclasses.replace(desk, focuses=dataclasses.replace(desk.focuses, mode=mode))
    focus = FocusPositions(capture)
    assert focus.positions.tolist() == [-1.0, 0.0, 1.0] and focus.positions.requires_grad == is_learned


def test_frames_of_a_setting_learn_together():
    focus = positions_at(-1.0, 1.0)
    (focus(torch.tensor([0, 0, 1])) * torch.tensor([1.0, 2.0, 4.0])).sum().backward()
    assert focus.positions.grad.tolist() == [3.0, 4.0]


def test_the_dial_goes_beyond_what_is_learned_now():
    focus = positions_at(-1.0, 1.0)
    with torch.no_grad():
        focus.positions[1] = 1.75
    (dial,) = focus.dials()
    assert dial.setting == "focus_position" and dial.ends == (-1.5, 2.25)
