"""Blur sums light, the published model sums its logarithm; and taps have a radius in pixels."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import Taps, mix_light, mix_log_light, planar_radius_px
from neucam_nerfstudio.scene.scene import PlanePlaces

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


CENTRE = torch.tensor([[0.5, 0.5]])


def taps_at(places_uv: list[list[float]]) -> Taps:
    """Taps of equal weight of one ray."""
    uv = torch.tensor([places_uv])
    return Taps(PlanePlaces(uv, torch.zeros(1, len(places_uv), 1)), torch.full((1, len(places_uv)), 1 / len(places_uv)))


def test_radius_of_taps_by_hand():
    # Two taps 3 px to either side: an even disc with their mean square distance, r^2 / 2 = 9, has r = sqrt(18).
    radius_px = planar_radius_px(
        CENTRE, taps_at([[0.5 - 3 / 10, 0.5], [0.5 + 3 / 10, 0.5]]), torch.tensor([10.0, 20.0])
    )
    assert radius_px.shape == (1, 1) and radius_px.item() == pytest.approx(math.sqrt(18), rel=1e-5)


def test_radius_is_in_pixels_whatever_the_shape_of_the_picture():
    right = planar_radius_px(CENTRE, taps_at([[0.6, 0.5]]), torch.tensor([40.0, 10.0]))
    down = planar_radius_px(CENTRE, taps_at([[0.5, 0.9]]), torch.tensor([40.0, 10.0]))
    torch.testing.assert_close(right, down)
