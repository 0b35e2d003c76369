"""Exposures stay as given, are refined around that, or are learned; the reference setting never moves."""

from __future__ import annotations

import pytest
import torch
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures

BRACKET = (-3.0, 0.0, 3.0)


@pytest.mark.parametrize("mode", ["fix", "refine", "learn"])
def test_start_as_given_and_are_looked_up_by_setting(mode):
    exposures = SettingExposures(BRACKET, reference_index=1, mode=mode)
    assert exposures.stops.tolist() == list(BRACKET)
    assert exposures(torch.tensor([[2, 0], [1, 1]])).tolist() == [[3.0, -3.0], [0.0, 0.0]]


@pytest.mark.parametrize(("mode", "is_learned"), [("fix", False), ("refine", True), ("learn", True)])
def test_training_moves_them_unless_they_are_fixed(mode, is_learned):
    exposures = SettingExposures(BRACKET, reference_index=1, mode=mode)
    assert [p.requires_grad for p in exposures.parameters()] == [is_learned]


def test_reference_holds_the_scale():
    exposures = SettingExposures(BRACKET, reference_index=0, mode="learn")
    with torch.no_grad():
        exposures.learned_stops.copy_(torch.tensor([0.5, 1.0, -0.25]))
    torch.testing.assert_close(exposures.stops, torch.tensor([-3.0, 0.5, 2.25]))


def test_gradients_reach_all_settings_but_cannot_move_the_reference():
    exposures = SettingExposures(BRACKET, reference_index=1, mode="learn")
    exposures.stops[1].backward()
    assert exposures.learned_stops.grad.tolist() == [0.0, 0.0, 0.0]
    exposures.stops[2].backward()
    assert exposures.learned_stops.grad[2] == 1.0


def test_prior_by_hand():
    exposures = SettingExposures(BRACKET, reference_index=1, mode="refine")
    assert exposures.prior().item() == 0.0
    with torch.no_grad():
        exposures.learned_stops.copy_(torch.tensor([0.1, 0.0, -0.2]))
    # Departures of 1 and 2 tolerances of a tenth of a stop, and none of the reference.
    assert exposures.prior().item() == pytest.approx((1 + 0 + 4) / 3, rel=1e-4)


@pytest.mark.parametrize("mode", ["fix", "learn"])
def test_only_refined_exposures_are_drawn_to_their_start(mode):
    exposures = SettingExposures(BRACKET, reference_index=1, mode=mode)
    with torch.no_grad():
        exposures.learned_stops.copy_(torch.tensor([1.0, 0.0, -2.0]))
    assert exposures.prior().item() == 0.0


def test_checkpoint_brings_back_estimated_starts():
    trained = SettingExposures((0.0, 0.0), reference_index=0, mode="learn")
    with torch.no_grad():
        trained.start_stops.copy_(torch.tensor([0.0, 2.5]))
    loaded = SettingExposures((0.0, 0.0), reference_index=0, mode="learn")
    loaded.load_state_dict(trained.state_dict())
    assert loaded.stops.tolist() == [0.0, 2.5]
