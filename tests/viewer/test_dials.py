"""The dials stand at a frame, with and without a viewer, and refuse what they can't be turned to."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import viser
from neucam_nerfstudio.viewer.dials import Dials, DialSettings, OwnSettings


def dials_at(focus_position: float = 0.0, exposure_stops: float = 0.0, **options) -> Dials:
    return Dials((-1.0, 0.0, 1.0), (-3.0, 0.0, 3.0), OwnSettings(focus_position, exposure_stops), **options)


@pytest.fixture
def dials() -> Dials:
    return dials_at()


@pytest.fixture
def viewer():
    """The parts of nerfstudio's viewer that the dials meet, around a real server."""
    server = viser.ViserServer(host="127.0.0.1", verbose=False)
    yield SimpleNamespace(viser_server=server, _trigger_rerender=Mock())
    server.stop()


def follow(dials: Dials, focus_position: float, exposure_stops: float) -> None:
    """The dials stand at the reference frame, which training has moved."""
    dials.follow(OwnSettings(focus_position, exposure_stops))


def test_stand_at_the_reference_frame_without_a_viewer(dials):
    assert dials.read() == DialSettings(
        focus_position=0.0, aperture=1.0, exposure_stops=0.0, display_exposure_stops=0.0, tone_mapping="reinhard"
    )


def test_are_turned_from_python(dials):
    dials.focus_position = 0.35
    dials.aperture = 0
    dials.exposure_stops = -2.5
    dials.tone_mapping = "local"
    dials.response_on = False
    assert dials.read() == DialSettings(0.35, 0.0, -2.5, -2.5, "local", True, True, False)


@pytest.mark.parametrize(
    "dial, value, message",
    [
        ("focus_position", 1.6, r"Focus \(position\) goes from -1.5 to 1.5, not to 1.6"),
        ("aperture", -0.1, "Aperture .* from 0 to 3, not to -0.1"),
        ("exposure_stops", 6.5, r"Exposure \(stops\) goes from -6 to 6, not to 6.5"),
        ("exposure_stops", float("nan"), "not to nan"),
        ("tone_mapping", "sepia", "'sepia' is no tone mapping; there are reinhard"),
    ],
)
def test_refuse_what_they_cannot_be_turned_to(dials, dial, value, message):
    with pytest.raises(ValueError, match=message):
        setattr(dials, dial, value)


def test_exposure_dial_reaches_every_captured_exposure():
    dials = Dials((0.0,), exposure_stops=(-8.0, 0.0), reference=OwnSettings(0.0, 0.0))
    dials.exposure_stops = -8.0
    dials.exposure_stops = 6.0


def test_follow_the_reference_frame_while_it_is_learned(dials):
    follow(dials, focus_position=0.2, exposure_stops=0.5)
    follow(dials, focus_position=0.25, exposure_stops=0.75)
    assert (dials.focus_position, dials.exposure_stops) == (0.25, 0.75)


def test_tell_which_of_them_have_been_turned(dials):
    assert not dials.read().focus_turned and not dials.read().exposure_turned
    dials.exposure_stops = 1.0
    assert dials.read().exposure_turned and not dials.read().focus_turned
    follow(dials, focus_position=0.2, exposure_stops=0.5)
    assert dials.read().exposure_turned and not dials.read().focus_turned


def test_a_setting_from_python_holds_even_at_the_frame_s_own_value(dials):
    dials.exposure_stops = 0.0
    assert dials.read().exposure_turned and dials.read().display_exposure_stops == 0.0
    follow(dials, focus_position=0.2, exposure_stops=0.5)
    assert (dials.focus_position, dials.exposure_stops) == (0.2, 0.0)
    dials.stand_at(OwnSettings(0.0, 0.5))
    assert not dials.read().exposure_turned


def test_a_page_turns_a_dial_back_to_the_frame_s_own_value(dials, viewer):
    dials.install(viewer)
    dials._exposure.gui_handle.value = 1.0
    assert dials.read().exposure_turned
    dials._exposure.gui_handle.value = 0.0
    assert not dials.read().exposure_turned


def test_turned_dial_stays_where_it_was_turned(dials):
    dials.focus_position = -0.8
    follow(dials, focus_position=0.2, exposure_stops=0.5)
    assert (dials.focus_position, dials.exposure_stops) == (-0.8, 0.5)


def test_standing_at_a_frame_undoes_what_was_turned(dials):
    dials.focus_position, dials.exposure_stops, dials.aperture, dials.response_on = -0.8, 2.0, 0.5, False
    dials.stand_at(OwnSettings(0.5, -3.0))
    assert dials.read() == DialSettings(0.5, 1.0, -3.0, 0.0, "reinhard")


def test_focus_goes_where_it_is_sent_as_far_as_the_dial_reaches(dials):
    dials.focus_on(0.4)
    assert dials.focus_position == pytest.approx(0.4) and dials.read().focus_turned
    dials.focus_on(7.0)
    assert dials.focus_position == 1.5


def test_tone_mapped_picture_is_brightened_by_what_the_exposure_is_turned():
    dials = dials_at(exposure_stops=2.0)
    assert dials.read().display_exposure_stops == 0.0
    dials.exposure_stops = 3.5
    assert dials.read().display_exposure_stops == 1.5
    dials.exposure_stops = 2.0
    assert dials.read().display_exposure_stops == 0.0


@pytest.mark.parametrize("turned_by", [0.0, 1.5])
def test_tone_mapped_picture_does_not_flicker_with_the_exposures_of_frames(dials, turned_by):
    dials.exposure_stops = turned_by
    for own_stops in (3.0, 0.0, -3.0):
        dials.follow(OwnSettings(0.0, own_stops))
        assert dials.read().display_exposure_stops == turned_by


def test_a_frame_beyond_a_dial_s_end_moves_the_end_to_the_next_whole_number(dials):
    follow(dials, focus_position=2.25, exposure_stops=-6.5)
    assert (dials.focus_position, dials.exposure_stops) == (2.25, -6.5)
    dials.stand_at(OwnSettings(-1.75, 0.0))
    assert dials.focus_position == -1.75
    dials.focus_position = 3.0
    with pytest.raises(ValueError, match=r"from -2 to 3, not to 3.1"):
        dials.focus_position = 3.1
    with pytest.raises(ValueError, match=r"from -7 to 6, not to -7.1"):
        dials.exposure_stops = -7.1


def test_dials_reach_what_every_frame_has_learned_and_stay_where_they_are(dials):
    dials.reach(focus_positions=(-2.2, 1.0), exposure_stops=(7.5, 0.0))
    assert not dials.read().focus_turned and not dials.read().exposure_turned
    dials.focus_position, dials.exposure_stops = -3.0, 8.0
    dials.reach((0.0,), (0.0,))  # the ends never come closer: a dial may stand there
    dials.focus_position = -2.9


def test_settings_that_went_astray_move_no_end(dials):
    dials.reach((float("nan"), float("inf")), (float("-inf"), float("nan")))
    with pytest.raises(ValueError, match=r"from -1.5 to 1.5"):
        dials.focus_position = 1.6


def test_a_page_is_told_of_ends_that_have_moved(dials, viewer):
    dials.install(viewer)
    (slider,) = (
        handle
        for handle in viewer.viser_server.gui._gui_input_handle_from_id.values()
        if handle._impl.label == "Focus (position)"
    )
    sent = []
    viewer.viser_server.gui._websock_interface.queue_message = sent.append
    dials.reach((-1.2, 1.0), (0.0,))
    assert sent == []
    dials.reach((-1.2, 1.9), (0.0,))
    (message,) = sent
    marks = [{"value": -1.5, "label": "-1.5"}, {"value": 2.0, "label": "2"}]
    assert (message.id, message.updates) == (slider._impl.id, {"min": -1.5, "max": 2.0, "marks": marks})


def test_keep_their_values_when_a_viewer_opens(dials, viewer):
    dials.exposure_stops = 2.0
    dials.install(viewer)
    assert dials.exposure_stops == 2.0


def test_turning_a_dial_in_the_viewer_renders_anew(dials, viewer):
    dials.install(viewer)
    dials.aperture = 2.0
    viewer.viser_server.gui._thread_executor.shutdown(wait=True)
    assert dials.aperture == 2.0
    viewer._trigger_rerender.assert_called_once()


@pytest.mark.parametrize(
    ("part", "label"),
    [("has_focus", "Focus (position)"), ("has_aperture", "Aperture (x as shot)"), ("has_response", "Response")],
)
def test_what_a_camera_lacks_has_no_dial(viewer, part, label):
    dials_at(**{part: False}).install(viewer)
    handles = viewer.viser_server.gui._gui_input_handle_from_id.values()
    assert [handle._impl.label for handle in handles if not handle.visible] == [label]
