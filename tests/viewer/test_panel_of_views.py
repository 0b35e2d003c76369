"""Of many views, the panel's sliders show metres and f-numbers, and give the camera its focus positions and factors."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.viewer.panel import Panel

from .conftest import settle, turn
from .many_views import FAR, NEAR, REFERENCE, learned_views


@pytest.fixture
def panel() -> Panel:
    return Panel(learned_views())


@pytest.fixture
def shown(panel, viewer) -> Panel:
    """The panel on a page."""
    panel.install(viewer)
    return panel


def values(panel: Panel) -> tuple[float, float]:
    return panel.sliders["focus_position"].value, panel.sliders["aperture"].value


def learn_focus(panel: Panel, *positions: float) -> None:
    with torch.no_grad():
        panel._learned.camera.focus.positions.copy_(torch.tensor(positions))


def test_stands_at_the_distance_and_f_number_of_a_frame(panel):
    assert panel.settings() == CameraSettings(frame=REFERENCE) and values(panel) == (2.0, 4.0)
    panel.stand_at(NEAR)
    assert panel.settings() == CameraSettings(frame=NEAR) and values(panel) == (1.0, 2.0)


def test_metres_and_f_numbers_become_focus_positions_and_factors(shown):
    turn(shown.sliders["focus_position"], 1.25)
    turn(shown.sliders["aperture"], 8)
    assert shown.settings() == CameraSettings(0.8, aperture=0.5, frame=REFERENCE)


def test_an_f_number_stays_from_frame_to_frame(shown):
    turn(shown.sliders["aperture"], 8)
    shown.stand_at(NEAR)
    assert values(shown) == (1.0, 8) and shown.settings() == CameraSettings(aperture=0.25, frame=NEAR)
    shown.stand_at(NEAR, as_taken=True)
    assert values(shown) == (1.0, 2.0) and shown.settings() == CameraSettings(frame=NEAR)


@pytest.mark.parametrize(("dial", "turned", "own"), [("focus_position", 3.0, 2.0), ("aperture", 5.6, 4.0)])
def test_turned_back_to_the_frame_s_own_it_follows_again(shown, dial, turned, own):
    turn(shown.sliders[dial], turned)
    assert shown.settings() != CameraSettings(frame=REFERENCE)
    turn(shown.sliders[dial], own)
    assert shown.settings() == CameraSettings(frame=REFERENCE)


def test_a_learned_distance_can_be_typed_again(shown):
    learn_focus(shown, 1.0, 0.7012345, 0.0)
    shown.follow()
    assert values(shown)[0] == 1.426
    turn(shown.sliders["focus_position"], 2.0)
    turn(shown.sliders["focus_position"], 1.426)
    assert shown.settings() == CameraSettings(frame=REFERENCE)


@pytest.mark.parametrize("position", [0.0, -0.25, 1e-9])
def test_the_far_end_stands_for_the_infinite(shown, position):
    learn_focus(shown, 1.0, 0.5, position)
    shown.stand_at(FAR)
    slider = shown.sliders["focus_position"]
    assert slider.value == slider.max == 30.0 and shown.settings() == CameraSettings(frame=FAR)
    turn(slider, 10)
    assert shown.settings().focus_position == pytest.approx(0.1)
    turn(slider, 30)
    assert shown.settings() == CameraSettings(frame=FAR)


def test_a_camera_that_is_focused_at_infinity_alone_can_be_turned_nearer(viewer):
    learned = learned_views()
    with torch.no_grad():
        learned.camera.focus.positions.zero_()
    panel = Panel(learned)
    panel.install(viewer)
    turn(panel.sliders["focus_position"], 400)
    assert panel.settings().focus_position == pytest.approx(1 / 400)


def test_ends_have_two_digits_and_stay_above_0(shown, viewer):
    focus, aperture = shown.sliders["focus_position"], shown.sliders["aperture"]
    assert (focus.min, focus.max, focus.step) == (0.33, 30.0, 0.01)
    assert (aperture.min, aperture.max) == (1.3, 64.0)
    learn_focus(shown, 80.0, 0.5, 0.25)  # nearer than a finger
    shown.follow()
    assert (focus.min, focus.max) == (0.012, 30.0)


@pytest.mark.parametrize("astray", [math.nan, math.inf])
def test_focus_that_went_astray_moves_neither_ends_nor_dials(shown, astray):
    learn_focus(shown, 1.0, astray, 0.0)
    assert shown.settings() == CameraSettings(frame=REFERENCE)
    assert values(shown)[0] == 2.0 and shown.sliders["focus_position"].min == 0.33


def test_turned_by_a_click_it_shows_the_distance(panel, viewer):
    panel.install(viewer)
    panel.turn("focus_position", 1 / 1.6)
    settle(viewer)
    assert values(panel)[0] == 1.6 and panel.settings().focus_position == pytest.approx(1 / 1.6)
    panel.turn("focus_position", 5.0)  # nearer than the dial goes
    assert values(panel)[0] == 0.33


def test_where_nothing_tells_the_f_number_the_dial_is_a_factor():
    panel = Panel(learned_views(f_number=torch.full((3,), math.nan).double().numpy()))
    assert panel.sliders["aperture"].name == "Aperture (x as shot)" and values(panel) == (2.0, 1.0)
