"""Blur sums light; the published model sums its logarithm."""

from __future__ import annotations

import math

import torch
from neucam_nerfstudio.camera.blur.taps import mix_light, mix_log_light

WEIGHTS = torch.tensor([[0.25, 0.75]])


def test_light_is_averaged_by_weight():
    radiance = torch.tensor([[[1.0, 0.0, 8.0], [3.0, 100.0, 8.0]]])
    torch.testing.assert_close(mix_light(radiance, WEIGHTS), torch.tensor([[2.5, 75.0, 8.0]]))


def test_logarithms_are_averaged_by_weight():
    log_radiance = torch.tensor([[1.0, 16.0, 5.0], [16.0, 1.0, 5.0]]).log()[None]
    torch.testing.assert_close(mix_log_light(log_radiance, WEIGHTS).exp(), torch.tensor([[8.0, 2.0, 5.0]]))


def test_a_highlight_spreads_as_light_but_not_as_a_logarithm():
    highlight = torch.tensor([[[1000.0] * 3, [1.0] * 3]])
    half = torch.full((1, 2), 0.5)
    assert mix_light(highlight, half)[0, 0] == 500.5
    torch.testing.assert_close(mix_log_light(highlight.log(), half).exp()[0, 0], torch.tensor(math.sqrt(1000.0)))
