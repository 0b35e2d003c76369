"""The published exposures: a value a setting, learned from 0 and bounded."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.published.exposures import BoundedExposures, BoundedExposuresConfig

from ..learned import capture_of


def bounded(num_settings: int) -> BoundedExposures:
    return BoundedExposures(BoundedExposuresConfig(), capture_of(1, 1, stops=(1.5,) * num_settings))


def test_exposures_start_at_zero_stops_whatever_the_capture_tells():
    assert bounded(3).stops.tolist() == [0.0, 0.0, 0.0]


def test_stops_by_hand():
    exposures = bounded(2)
    exposures.load_state_dict({"unbounded": torch.tensor([0.5, -100.0])})
    assert exposures.stops.tolist() == pytest.approx([3 * math.tanh(0.5), -3.0])


def test_frames_look_their_setting_up():
    exposures = bounded(3)
    exposures.load_state_dict({"unbounded": torch.tensor([-0.1, 0.0, 0.1])})
    stops = exposures(torch.tensor([[2, 0], [0, 1]]))
    low, middle, high = exposures.stops.tolist()
    assert stops.tolist() == [[high, low], [low, middle]]


def test_only_the_settings_in_a_batch_learn():
    exposures = bounded(3)
    exposures(torch.tensor([1, 1])).sum().backward()
    assert exposures.unbounded.grad.tolist() == [0.0, 6.0, 0.0]
