"""Dials that go by frames: focus, exposure and time go to a frame's own, and nerfstudio's time slider goes along."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import viser
from nerfstudio.viewer.control_panel import ControlPanel
from neucam_nerfstudio.viewer.dials import Dials, OwnSettings

from neucam_nerfstudio.viewer.frame_dials import FrameDials
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL


def settings_of_frame(index: int) -> OwnSettings:
    """Focus a tenth a frame, one stop a frame."""
    return OwnSettings(index / 10, float(index))


def frame_dials(num_frames: int = 5, moves: bool = False) -> FrameDials:
    capture = SimpleNamespace(
        frames=[SimpleNamespace(name=f"photo{index}") for index in range(num_frames)],
        times=tuple(index / (num_frames - 1) if moves else 0.0 for index in range(num_frames)),
        reference_index=2,
        moves=moves,
    )
    return FrameDials(Dials((-1.0, 1.0), (0.0, 4.0), settings_of_frame(2)), capture, settings_of_frame)


@pytest.fixture
def viewer():
    """nerfstudio's control panel around a real server, as far as the dials meet it."""
    server = viser.ViserServer(host="127.0.0.1", verbose=False)
    server.gui._thread_executor = ThreadPoolExecutor(max_workers=1)  # callbacks one after the other, for `settle`
    panel = ControlPanel(server, True, 10.0, Mock(), Mock(), Mock())
    panel.update_output_options(["Photograph", RESIDUAL])
    yield SimpleNamespace(viser_server=server, control_panel=panel, _trigger_rerender=Mock())
    server.stop()


def settle(viewer) -> None:
    """Waits for callbacks, and those that they cause."""
    for _ in range(5):
        viewer.viser_server.gui._thread_executor.submit(lambda: None).result()


def dialled(dials: FrameDials) -> tuple[float, float]:
    return dials._dials.focus_position, dials._dials.exposure_stops


@pytest.mark.parametrize("moves", [False, True])
def test_stand_at_the_reference_frame_and_compare_nothing(moves):
    dials = frame_dials(moves=moves)
    dials.follow()
    assert dials.index == 2 and dials.compared_index is None and dialled(dials) == (0.2, 2.0)


def test_comparing_sets_focus_and_exposure_to_the_frame_s_own_and_back():
    dials = frame_dials()
    dials._dials.exposure_stops = -1.0
    dials.compare_with(4)
    assert dialled(dials) == (0.4, 4.0) and dials.compared_index == 4
    assert dials._dials.read().display_exposure_stops == 0.0
    dials.compare_with(None)
    assert dialled(dials) == (0.2, 2.0) and dials.compared_index is None


def test_a_late_call_of_the_time_slider_does_not_undo_a_comparison(viewer, monkeypatch):
    """It sees the frame turned and the time not yet, unless it waits for both."""
    dials = frame_dials(moves=True)
    dials.install(viewer)
    late = threading.Thread(target=dials._time_turned)

    def follow(own: OwnSettings) -> None:
        if not late.is_alive():
            late.start()
            late.join(timeout=0.2)

    stood_at = []
    monkeypatch.setattr(dials._dials, "follow", follow)
    monkeypatch.setattr(dials._dials, "stand_at", stood_at.append)
    dials.compare_with(4)
    late.join()
    settle(viewer)
    assert dials.compared_index == dials.index == 4 and viewer.control_panel.time == 1.0
    assert set(stood_at) == {settings_of_frame(4)}


def test_of_what_moves_a_turned_dial_stays_from_frame_to_frame():
    dials = frame_dials(moves=True)
    dials._dials.exposure_stops = 0.5
    dials.turn_to(3)
    assert dialled(dials) == (0.3, 0.5) and dials.compared_index is None


def test_of_what_moves_a_comparison_goes_from_frame_to_frame_and_ends_at_the_last():
    dials = frame_dials(moves=True)
    dials.compare_with(1)
    dials.turn_to(3)
    assert dials.compared_index == 3 and dialled(dials) == (0.3, 3.0)
    dials.compare_with(None)
    assert dials.index == 3 and dialled(dials) == (0.3, 3.0)


def test_picking_a_frame_in_the_viewer_shows_the_residual_and_then_what_was_shown(viewer):
    dials = frame_dials()
    dials.install(viewer)
    panel = viewer.control_panel
    dials._picker.value = "photo0"
    settle(viewer)
    assert (dials.compared_index, panel.output_render, dialled(dials)) == (0, RESIDUAL, (0.0, 0.0))
    dials._picker.value = "none"
    settle(viewer)
    assert (dials.compared_index, panel.output_render, dialled(dials)) == (None, "Photograph", (0.2, 2.0))


def test_frame_dial_and_time_slider_go_together(viewer):
    dials = frame_dials(moves=True)
    dials.install(viewer)
    panel = viewer.control_panel
    assert panel.time == 0.5
    dials._frame.value = 4
    settle(viewer)
    assert panel.time == 1.0 and dials.index == 4
    panel.time = 0.26
    settle(viewer)
    assert panel.time == 0.26 and dials.index == 1 and dials._frame.value == 1
    dials._picker.value = "photo3"
    settle(viewer)
    assert panel.time == 0.75 and dials._frame.value == 3 and dials.compared_index == 3


def test_still_captures_have_no_frame_dial(viewer):
    dials = frame_dials()
    dials.install(viewer)
    assert dials._frame.gui_handle is None and viewer.control_panel.time == 0.0
