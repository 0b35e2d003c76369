"""Dials that go by frames: focus, exposure and time go to a frame's own, and nerfstudio's time slider goes along."""

import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.parts import Dial
from neucam_nerfstudio.viewer.frame_dials import FrameDials
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL
from neucam_nerfstudio.viewer.panel import Panel

from .conftest import settle, turn

FOCUS = Dial("focus_position", "Focus (position)", "", (-1.0, 1.0))
EXPOSURE = Dial("exposure_stops", "Exposure (stops)", "", (0.0, 4.0), step=0.1)


def frame_dials(num_frames: int = 5, moves: bool = False) -> FrameDials:
    """Of a camera whose frames differ by a tenth in focus and by one stop."""
    capture = SimpleNamespace(
        frames=[SimpleNamespace(name=f"photo{index}", path=Path(f"photo{index}.png")) for index in range(num_frames)],
        radiance_truth=(None,) * num_frames,
        views=None,
        times=tuple(index / (num_frames - 1) if moves else 0.0 for index in range(num_frames)),
        reference_index=2,
        moves=moves,
    )
    camera = SimpleNamespace(
        dials=lambda: [FOCUS, EXPOSURE],
        settings_of_frame=lambda index: CameraSettings(index / 10, exposure_stops=float(index)),
        focus=SimpleNamespace(positions=torch.arange(num_frames) / 10),
        exposures=SimpleNamespace(stops=torch.arange(num_frames).float()),
    )
    return FrameDials(Panel(SimpleNamespace(capture=capture, camera=camera)), capture)


def dialled(dials: FrameDials) -> tuple[float, float]:
    sliders = dials._panel.sliders
    return sliders["focus_position"].value, sliders["exposure_stops"].value


@pytest.mark.parametrize("moves", [False, True])
def test_stand_at_the_reference_frame_and_compare_nothing(moves):
    dials = frame_dials(moves=moves)
    dials._panel.follow()
    assert dials._panel.frame == 2 and dials.compared_index is None and dialled(dials) == (0.2, 2.0)


def test_comparing_sets_focus_and_exposure_to_the_frame_s_own_and_back():
    dials = frame_dials()
    dials._panel.turn("exposure_stops", 1.0)
    dials.compare_with(4)
    assert dialled(dials) == (0.4, 4.0) and dials.compared_index == 4
    assert dials._panel.settings() == CameraSettings(frame=4)
    dials.compare_with(None)
    assert dialled(dials) == (0.2, 2.0) and dials.compared_index is None
    assert dials._panel.settings() == CameraSettings(frame=2)


def test_a_late_call_of_the_time_slider_does_not_undo_a_comparison(viewer, monkeypatch):
    """It sees the frame turned and the time not yet, unless it waits for both."""
    dials = frame_dials(moves=True)
    dials.install(viewer)
    late, stand_at, stood_at = threading.Thread(target=dials._time_turned, args=(viewer,)), dials._panel.stand_at, []

    def stand_slowly(frame: int, as_taken: bool = False) -> None:
        stand_at(frame, as_taken)
        stood_at.append(frame)
        if not late.is_alive():
            late.start()
            late.join(timeout=0.2)

    monkeypatch.setattr(dials._panel, "stand_at", stand_slowly)
    dials.compare_with(4)
    late.join()
    settle(viewer)
    assert dials.compared_index == dials._panel.frame == 4 and viewer.control_panel.time == 1.0
    assert set(stood_at) == {4}


def test_of_what_moves_a_turned_dial_stays_from_frame_to_frame():
    dials = frame_dials(moves=True)
    dials._panel.turn("exposure_stops", 0.5)
    dials.turn_to(3)
    assert dialled(dials) == (0.3, 0.5) and dials.compared_index is None


def test_of_what_moves_a_comparison_goes_from_frame_to_frame_and_ends_at_the_last():
    dials = frame_dials(moves=True)
    dials.compare_with(1)
    dials.turn_to(3)
    assert dials.compared_index == 3 and dialled(dials) == (0.3, 3.0)
    dials.compare_with(None)
    assert dials._panel.frame == 3 and dialled(dials) == (0.3, 3.0)


def test_picking_a_frame_in_the_viewer_shows_the_residual_and_then_what_was_shown(viewer):
    dials = frame_dials()
    dials._panel.install(viewer)
    dials.install(viewer)
    panel = viewer.control_panel
    turn(dials._picker, "photo0")
    settle(viewer)
    assert (dials.compared_index, panel.output_render, dialled(dials)) == (0, RESIDUAL, (0.0, 0.0))
    viewer._trigger_rerender.assert_called()
    turn(dials._picker, "none")
    settle(viewer)
    assert (dials.compared_index, panel.output_render, dialled(dials)) == (None, "Photograph", (0.2, 2.0))


def test_frame_dial_and_time_slider_go_together(viewer):
    dials = frame_dials(moves=True)
    dials._panel.install(viewer)
    dials.install(viewer)
    panel = viewer.control_panel
    assert panel.time == 0.5
    turn(dials._frame, 4)
    settle(viewer)
    assert panel.time == 1.0 and dials._panel.frame == 4 and dialled(dials) == (0.4, 4.0)
    turn(panel._time, 0.26)
    settle(viewer)
    assert panel.time == 0.26 and dials._panel.frame == 1 and dials._frame.value == 1 and dialled(dials) == (0.1, 1.0)
    turn(dials._picker, "photo3")
    settle(viewer)
    assert panel.time == 0.75 and dials._frame.value == 3 and dials.compared_index == 3


def test_a_change_of_the_frame_dial_renders_anew(viewer, monkeypatch):
    dials = frame_dials(moves=True)
    rendered = []
    viewer.control_panel._time.cb_hook = lambda element: rendered.append(element.value)
    dials.install(viewer)
    settle(viewer)
    rendered.clear()
    turn(dials._frame, 4)
    settle(viewer)
    assert rendered == [1.0]


def test_still_captures_have_no_frame_dial(viewer):
    dials = frame_dials()
    dials.install(viewer)
    assert dials._frame.gui_handle is None and viewer.control_panel.time == 0.0
