"""The panel's dials stand at a frame until someone turns them, and make one value of how a picture is taken."""

from dataclasses import replace

import pytest

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.viewer.panel import Panel

from .conftest import learn, learned_capture, settle, shown_labels, turn

REFERENCE, SHORT, LONG = 4, 3, 5
"""Frames of the small desk: the middle focus setting at 0, -3 and +3 stops."""


@pytest.fixture
def panel(learned) -> Panel:
    return Panel(learned)


@pytest.fixture
def shown(panel, viewer) -> Panel:
    """The panel on a page."""
    panel.install(viewer)
    return panel


def values(panel: Panel) -> tuple[float, float]:
    """What the dials of focus and exposure say."""
    return panel.sliders["focus_position"].value, panel.sliders["exposure_stops"].value


def test_stands_at_the_reference_frame_without_a_viewer(panel):
    assert panel.settings() == CameraSettings(frame=REFERENCE) and values(panel) == (0.0, 0.0)


def test_what_pages_turn_is_one_value(shown):
    turn(shown.sliders["focus_position"], 0.35)
    turn(shown.sliders["aperture"], 0)
    turn(shown.sliders["exposure_stops"], -2.5)
    turn(shown.tone_mapping, "local")
    turn(shown.checkboxes["developed"], False)
    assert shown.settings() == CameraSettings(
        focus_position=0.35,
        aperture=0.0,
        exposure_stops=-2.5,
        frame=REFERENCE,
        developed=False,
        display=Display("local", -2.5),
    )


def test_of_what_moves_the_time_tells_the_frame(panel, learned):
    learned.capture = replace(learned.capture, moves=True)
    assert panel.settings() == CameraSettings()


def test_dials_reach_beyond_all_that_was_captured(panel):
    ends = {name: (slider.min, slider.max) for name, slider in panel.sliders.items()}
    assert ends == {"focus_position": (-1.5, 1.5), "aperture": (0.0, 3.0), "exposure_stops": (-9.0, 9.0)}


def test_follows_the_reference_frame_while_it_is_learned(panel, learned):
    learn(learned, [-1.0, 0.2, 1.0], [-3.0, 0.5, 3.0])
    panel.follow()
    learn(learned, [-1.0, 0.25, 1.0], [-3.0, 0.75, 3.0])
    assert panel.settings() == CameraSettings(frame=REFERENCE) and values(panel) == (0.25, 0.75)


def test_a_turned_dial_stays_where_it_was_turned_and_the_others_follow(shown, learned):
    turn(shown.sliders["focus_position"], -0.8)
    learn(learned, [-1.0, 0.25, 1.0], [-3.0, 0.5, 3.0])
    assert shown.settings() == CameraSettings(-0.8, frame=REFERENCE) and values(shown) == (-0.8, 0.5)


def test_turned_back_to_the_frame_s_own_value_it_follows_again(shown, learned):
    turn(shown.sliders["exposure_stops"], 1.0)
    assert shown.settings().exposure_stops == 1.0
    turn(shown.sliders["exposure_stops"], 0.0)
    learn(learned, [-1.0, 0.0, 1.0], [-3.0, 0.5, 3.0])
    assert shown.settings() == CameraSettings(frame=REFERENCE) and values(shown)[1] == 0.5


def test_a_learned_setting_is_shown_as_a_number_that_can_be_typed_again(shown, learned):
    learn(learned, [-1.0, 0.12345678, 1.0], [-3.0, 1 / 3, 3.0])
    shown.follow()
    assert values(shown) == (0.123, 0.333) and shown.settings() == CameraSettings(frame=REFERENCE)
    turn(shown.sliders["exposure_stops"], 1.0)
    turn(shown.sliders["exposure_stops"], 0.333)
    assert shown.settings() == CameraSettings(frame=REFERENCE)


def test_standing_at_a_frame_as_it_was_taken_undoes_what_was_turned(shown):
    for name, value in {"focus_position": -0.8, "exposure_stops": 2.0, "aperture": 0.5}.items():
        turn(shown.sliders[name], value)
    turn(shown.checkboxes["developed"], False)
    turn(shown.tone_mapping, "log")
    shown.stand_at(8, as_taken=True)
    assert shown.settings() == CameraSettings(frame=8, display=Display("log"))
    assert values(shown) == (1.0, 3.0) and shown.sliders["aperture"].value == 1.0


def test_standing_at_another_frame_leaves_what_was_turned(shown):
    turn(shown.sliders["exposure_stops"], 2.0)
    shown.stand_at(8)
    assert shown.settings() == CameraSettings(exposure_stops=2.0, frame=8, display=Display(exposure_stops=2.0))
    assert values(shown) == (1.0, 2.0)


def test_a_dial_goes_where_it_is_sent_as_far_as_it_reaches(panel):
    panel.turn("focus_position", 0.4)
    assert panel.settings().focus_position == pytest.approx(0.4)
    panel.turn("focus_position", 7.0)
    assert panel.settings().focus_position == 1.5


def test_what_is_tone_mapped_is_brightened_by_what_the_exposure_is_turned(shown):
    shown.stand_at(LONG)
    assert shown.settings().display.exposure_stops == 0.0
    turn(shown.sliders["exposure_stops"], 4.5)
    assert shown.settings().display.exposure_stops == 1.5
    turn(shown.sliders["exposure_stops"], 3.0)
    assert shown.settings().display.exposure_stops == 0.0


@pytest.mark.parametrize("stops", [0.0, 1.5, 3.0])
def test_what_is_tone_mapped_does_not_flicker_with_the_exposures_of_frames(shown, stops):
    """Not even if the exposure is held at one that other frames have."""
    turn(shown.sliders["exposure_stops"], stops)
    for frame in (LONG, REFERENCE, SHORT, LONG, SHORT):
        shown.stand_at(frame)
        assert shown.settings().display.exposure_stops == stops
        assert shown.settings().exposure_stops == (None if stops == 0 else stops)


def test_a_held_exposure_can_be_turned_past_that_of_an_earlier_frame(shown):
    turn(shown.sliders["exposure_stops"], 1.0)
    shown.stand_at(LONG)
    turn(shown.sliders["exposure_stops"], 0.0)
    assert shown.settings().exposure_stops == 0.0 and values(shown)[1] == 0.0
    turn(shown.sliders["exposure_stops"], 3.0)
    assert shown.settings().exposure_stops is None


def test_a_frame_beyond_a_dial_s_end_moves_the_end_to_the_next_whole_number(panel, learned):
    learn(learned, [-1.0, 2.25, 1.0], [-3.0, -9.5, 3.0])
    panel.follow()
    assert values(panel) == (2.25, -9.5)
    focus, exposure = panel.sliders["focus_position"], panel.sliders["exposure_stops"]
    assert (focus.min, focus.max, exposure.min, exposure.max) == (-1.5, 3.0, -10.0, 9.0)


def test_dials_reach_what_every_frame_has_learned_and_their_ends_never_come_closer(panel, learned):
    learn(learned, [-2.2, 0.0, 1.0], [-3.0, 0.0, 9.5])
    panel.follow()
    learn(learned, [-1.0, 0.0, 1.0], [-3.0, 0.0, 3.0])
    panel.follow()
    assert panel.sliders["focus_position"].min == -3.0 and panel.sliders["exposure_stops"].max == 10.0
    assert values(panel) == (0.0, 0.0)


@pytest.mark.parametrize("astray", [float("nan"), float("inf")])
def test_settings_that_went_astray_move_neither_ends_nor_dials(shown, learned, astray):
    learn(learned, [-1.0, astray, 1.0], [-3.0, astray, 3.0])
    assert shown.settings() == CameraSettings(frame=REFERENCE)
    assert values(shown) == (0.0, 0.0) and shown.sliders["focus_position"].max == 1.5


def test_a_page_is_told_of_ends_that_have_moved(shown, learned, viewer):
    sent = []
    viewer.viser_server.gui._websock_interface.queue_message = sent.append
    learn(learned, [-1.2, 0.0, 1.0], [-3.0, 0.0, 3.0])
    shown.follow()
    assert sent == []
    learn(learned, [-1.2, 0.0, 1.9], [-3.0, 0.0, 3.0])
    shown.follow()
    (message,) = sent
    marks = [{"value": -1.5, "label": "-1.5"}, {"value": 2.0, "label": "2"}]
    slider = shown.sliders["focus_position"].gui_handle
    assert (message.id, message.updates) == (slider._impl.id, {"min": -1.5, "max": 2.0, "marks": marks})


def test_keeps_what_was_turned_when_a_viewer_opens(panel, viewer):
    panel.turn("exposure_stops", 2.0)
    panel.install(viewer)
    assert panel.settings().exposure_stops == 2.0 == values(panel)[1]


@pytest.mark.parametrize("dial", ["aperture", "exposure_stops", "developed", "tone_mapping"])
def test_turning_a_dial_on_a_page_renders_anew(shown, viewer, dial):
    elements = {**shown.sliders, **shown.checkboxes, "tone_mapping": shown.tone_mapping}
    turn(elements[dial], {"developed": False, "tone_mapping": "log"}.get(dial, 2.0))
    viewer._trigger_rerender.assert_called_once()


def test_following_a_frame_renders_nothing_anew(shown, learned, viewer):
    """Else a training step would ask for a picture, the picture move the dial, and the dial ask for another one."""
    learn(learned, [-1.0, 0.2, 1.0], [-3.0, 0.5, 3.0])
    shown.follow()
    settle(viewer)
    assert values(shown) == pytest.approx((0.2, 0.5))
    viewer._trigger_rerender.assert_not_called()


@pytest.mark.parametrize(
    ("parts", "label"),
    [
        ({"blur": BlurConfig()}, "Focus (position)"),
        ({"blur": BlurConfig()}, "Aperture (x as shot)"),
        ({"response": ResponseConfig()}, "Response"),
    ],
)
def test_what_a_camera_lacks_has_no_dial(desk, viewer, parts, label):
    Panel(learned_capture(desk)).install(viewer)
    settle(viewer)  # nerfstudio's own elements may still be hiding
    assert label in shown_labels(viewer)
    before = len(shown_labels(viewer))
    lacking = Panel(learned_capture(desk, **parts))
    lacking.install(viewer)
    assert label not in shown_labels(viewer)[before:] and "Exposure (stops)" in shown_labels(viewer)[before:]
    assert lacking.settings() == CameraSettings(frame=REFERENCE)
