"""Learned exposures of many views: their mean over the training frames stays where it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from neucam_nerfstudio.camera.exposure.exposures import SettingExposures, SettingExposuresConfig
from neucam_nerfstudio.capture.settings.exposures import ExposureSettings

from ...capture.views.test_geometry import STRAIGHT, views_of


@pytest.fixture
def capture(desk):
    """Desk's frames as if nothing told their exposures, each with one of its own; the last is held out."""
    frames = tuple(replace(frame, exposure_index=index) for index, frame in enumerate(desk.frames))
    exposures = ExposureSettings((0.0,) * len(frames), "unknown", "learn")
    train = tuple(range(len(frames) - 1))
    return replace(desk, frames=frames, exposures=exposures, train_indices=train, reference_index=0)


def test_the_mean_over_training_frames_is_zero_whatever_is_learned(capture):
    table = SettingExposures(SettingExposuresConfig(), replace(capture, views=views_of(*[STRAIGHT] * 9)))
    torch.nn.init.normal_(table.learned_stops)
    assert table.stops[:-1].mean().item() == pytest.approx(0, abs=1e-6)
    assert table.stops[:-1].std() > 0.1


def test_a_frame_that_is_off_takes_no_other_along(capture):
    table = SettingExposures(SettingExposuresConfig(), replace(capture, views=views_of(*[STRAIGHT] * 9)))
    with torch.no_grad():
        table.learned_stops[0] = 8.0
    assert table.stops[1].item() == pytest.approx(-1)


def test_one_view_is_held_at_its_reference(capture):
    table = SettingExposures(SettingExposuresConfig(), capture)
    torch.nn.init.normal_(table.learned_stops)
    assert torch.equal(table.stops, table.learned_stops - table.learned_stops[0])
    assert "held" not in table.state_dict()
