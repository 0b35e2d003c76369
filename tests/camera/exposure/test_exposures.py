"""Exposures stay as given, are refined around that, or are learned; the reference setting never moves."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from neucam_nerfstudio.camera.exposure.exposures import (
    SettingExposures,
    SettingExposuresConfig,
    check_bracket,
    exposures_differ,
)
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import TrainingRays

from ...learned import capture_of

BRACKET = (-3.0, 0.0, 3.0)
RAYS = TrainingRays(None, torch.zeros(1, dtype=torch.long), step=0)


def exposures_at(
    stops: tuple[float, ...], reference_index: int, mode: str, prior_mult: float = 1.0
) -> SettingExposures:
    capture = capture_of(1, 1, stops=stops, reference_index=reference_index, mode=mode)
    return SettingExposures(SettingExposuresConfig(prior_mult=prior_mult), capture)


@pytest.mark.parametrize("mode", ["fix", "refine", "learn"])
def test_start_as_given_and_are_looked_up_by_setting(mode):
    exposures = exposures_at(BRACKET, reference_index=1, mode=mode)
    assert exposures.stops.tolist() == list(BRACKET)
    assert exposures(torch.tensor([[2, 0], [1, 1]])).tolist() == [[3.0, -3.0], [0.0, 0.0]]


@pytest.mark.parametrize(("mode", "is_learned"), [("fix", False), ("refine", True), ("learn", True)])
def test_training_moves_them_unless_they_are_fixed(mode, is_learned):
    exposures = exposures_at(BRACKET, reference_index=1, mode=mode)
    assert [p.requires_grad for p in exposures.parameters()] == [is_learned]


def test_reference_holds_the_scale():
    exposures = exposures_at(BRACKET, reference_index=0, mode="learn")
    with torch.no_grad():
        exposures.learned_stops.copy_(torch.tensor([0.5, 1.0, -0.25]))
    torch.testing.assert_close(exposures.stops, torch.tensor([-3.0, 0.5, 2.25]))


def test_gradients_reach_all_settings_but_cannot_move_the_reference():
    exposures = exposures_at(BRACKET, reference_index=1, mode="learn")
    exposures.stops[1].backward()
    assert exposures.learned_stops.grad.tolist() == [0.0, 0.0, 0.0]
    exposures.stops[2].backward()
    assert exposures.learned_stops.grad[2] == 1.0


def test_prior_by_hand():
    exposures = exposures_at(BRACKET, reference_index=1, mode="refine", prior_mult=10.0)
    assert exposures.losses(RAYS)["exposure_prior"].item() == 0.0
    with torch.no_grad():
        exposures.learned_stops.copy_(torch.tensor([0.1, 0.0, -0.2]))
    # Departures of 1 and 2 tolerances of a tenth of a stop, and none of the reference.
    assert exposures.losses(RAYS)["exposure_prior"].item() == pytest.approx(10 * (1 + 0 + 4) / 3, rel=1e-4)


@pytest.mark.parametrize(("mode", "prior_mult"), [("fix", 1.0), ("learn", 1.0), ("refine", 0.0)])
def test_only_refined_exposures_are_drawn_to_their_start_by_a_weight(mode, prior_mult):
    assert exposures_at(BRACKET, 1, mode, prior_mult).losses(RAYS) == {}


def test_the_dial_goes_beyond_what_is_learned_now():
    exposures = exposures_at(BRACKET, reference_index=1, mode="learn")
    with torch.no_grad():
        exposures.learned_stops[2] = 0.5
    (dial,) = exposures.dials()
    assert dial.setting == "exposure_stops" and dial.ends == (-9.0, 9.5)


def test_checkpoint_brings_back_estimated_starts():
    trained = exposures_at((0.0, 0.0), reference_index=0, mode="learn")
    with torch.no_grad():
        trained.start_stops.copy_(torch.tensor([0.0, 2.5]))
    loaded = exposures_at((0.0, 0.0), reference_index=0, mode="learn")
    loaded.load_state_dict(trained.state_dict())
    assert loaded.stops.tolist() == [0.0, 2.5]


def test_one_known_exposure_makes_no_high_dynamic_range(desk):
    check_bracket(desk)
    one = dataclasses.replace(desk, exposures=dataclasses.replace(desk.exposures, stops=(1.0, 1.0, 1.0)))
    with pytest.raises(NeucamError) as refusal:
        check_bracket(one)
    said = str(refusal.value)
    assert "TinyDesk: all 9 training frames have one exposure (+1 stops by exposure.txt); expected at least two" in said
    assert "neucam-deblur for a video and neucam-multifocus for a focus stack" in said
    check_bracket(dataclasses.replace(one, exposures=dataclasses.replace(one.exposures, mode="learn")))


@pytest.mark.parametrize(
    ("trained", "stops", "mode", "differ"),
    [
        pytest.param(range(9), (-3.0, 0.0, 3.0), "fix", True, id="a bracket"),
        pytest.param((1, 4, 7), (-3.0, 0.0, 3.0), "fix", False, id="one of three exposures is trained on"),
        pytest.param(range(9), (1.0, 1.0, 1.0), "fix", False, id="equal exposures"),
        pytest.param(range(9), (0.0, 0.0, 0.0), "learn", True, id="unknown exposures"),
    ],
)
def test_whether_exposures_differ_is_judged_by_the_training_frames(desk, trained, stops, mode, differ):
    exposures = dataclasses.replace(desk.exposures, stops=stops, mode=mode)
    assert exposures_differ(dataclasses.replace(desk, train_indices=tuple(trained), exposures=exposures)) == differ
