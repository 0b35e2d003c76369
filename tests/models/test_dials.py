"""The dials stand at the reference frame, with and without a viewer, and refuse what they can't be turned to."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import viser

from neucam_nerfstudio.models.dials import Dials, DialSettings


@pytest.fixture
def dials() -> Dials:
    return Dials(
        focus_positions=(-1.0, 0.0, 1.0),
        exposure_stops=(-3.0, 0.0, 3.0),
        reference_focus_position=0.0,
        reference_exposure_stops=0.0,
    )


@pytest.fixture
def viewer():
    """The parts of nerfstudio's viewer that the dials meet, around a real server."""
    server = viser.ViserServer(host="127.0.0.1", verbose=False)
    yield SimpleNamespace(
        viser_server=server, stats_markdown=server.gui.add_markdown("Step: 0"), _trigger_rerender=Mock()
    )
    server.stop()


def test_stand_at_the_reference_frame_without_a_viewer(dials):
    assert dials.read() == DialSettings(
        focus_position=0.0, aperture=1.0, exposure_stops=0.0, display_exposure_stops=0.0, tone_mapping="reinhard"
    )


def test_are_turned_from_python(dials):
    dials.focus_position = 0.35
    dials.aperture = 0
    dials.exposure_stops = -2.5
    dials.tone_mapping = "filmic"
    assert dials.read() == DialSettings(0.35, 0.0, -2.5, -2.5, "filmic", True, True)


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
    dials = Dials((0.0,), exposure_stops=(-8.0, 0.0), reference_focus_position=0.0, reference_exposure_stops=0.0)
    dials.exposure_stops = -8.0
    dials.exposure_stops = 6.0


def test_follow_the_reference_frame_while_it_is_learned(dials):
    dials.follow_reference(focus_position=0.2, exposure_stops=0.5)
    dials.follow_reference(focus_position=0.25, exposure_stops=0.75)
    assert (dials.focus_position, dials.exposure_stops) == (0.25, 0.75)


def test_tell_which_of_them_have_been_turned(dials):
    assert not dials.read().focus_turned and not dials.read().exposure_turned
    dials.exposure_stops = 1.0
    assert dials.read().exposure_turned and not dials.read().focus_turned
    dials.follow_reference(focus_position=0.2, exposure_stops=0.5)
    assert dials.read().exposure_turned and not dials.read().focus_turned
    dials.exposure_stops = 0.5
    assert not dials.read().exposure_turned


def test_turned_dial_stays_where_it_was_turned(dials):
    dials.focus_position = -0.8
    dials.follow_reference(focus_position=0.2, exposure_stops=0.5)
    assert (dials.focus_position, dials.exposure_stops) == (-0.8, 0.5)


def test_tone_mapped_picture_is_brightened_from_the_reference_frame_s_exposure():
    dials = Dials((0.0,), exposure_stops=(2.0, 4.0), reference_focus_position=0.0, reference_exposure_stops=2.0)
    assert dials.read().display_exposure_stops == 0.0
    dials.exposure_stops = 3.5
    assert dials.read().display_exposure_stops == 1.5
    dials.follow_reference(focus_position=0.0, exposure_stops=2.5)
    assert dials.read().display_exposure_stops == 1.0


def test_reference_beyond_the_dial_leaves_it_at_its_end(dials):
    dials.follow_reference(focus_position=2.0, exposure_stops=0.0)
    assert dials.focus_position == 1.5


def test_keep_their_values_when_a_viewer_opens(dials, viewer):
    dials.exposure_stops = 2.0
    dials._setup(viewer)
    assert dials.exposure_stops == 2.0


def test_turning_a_dial_in_the_viewer_renders_anew(dials, viewer):
    dials._setup(viewer)
    dials.aperture = 2.0
    viewer.viser_server.gui._thread_executor.shutdown(wait=True)
    assert dials.aperture == 2.0
    viewer._trigger_rerender.assert_called_once()
