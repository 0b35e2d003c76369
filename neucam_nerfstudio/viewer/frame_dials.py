"""Dials that go by captured frames: which moment is seen, and with which photograph the picture is compared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np
from nerfstudio.viewer.viewer_elements import ViewerDropdown, ViewerParameter, ViewerSlider

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL
from neucam_nerfstudio.viewer.panel import Panel

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

NO_FRAME = "none"
"""What the picker says while nothing is compared."""


class FrameDials:
    """The frame that focus and exposure stand at, and the one that is compared.

    Args:
        panel: Focus and exposure.
        capture: The photographs.
    """

    def __init__(self, panel: Panel, capture: Capture) -> None:
        self._panel = panel
        self._times, self._reference_index, self._moves = capture.times, capture.reference_index, capture.moves
        self._names = [NO_FRAME, *(frame.name for frame in capture.frames)]
        self._picker = ViewerDropdown(
            "Compare with frame",
            NO_FRAME,
            self._names,
            hint="Sets focus and exposure to this photograph's own and shows how far the rendered one is from it.",
        )
        self._frame = ViewerSlider(
            "Frame (number)",
            self._reference_index,
            min_value=0,
            max_value=len(capture.frames) - 1,
            step=1,
            hint="Shows the moment of a frame, counted from 0.",
        )
        # The viewer calls back from many threads: seen halfway, a turn would look like one of somebody else.
        self._turning = threading.RLock()
        self._compared_index: int | None = None
        self._viewer: Viewer | None = None
        self._output_before = ""

    @property
    def index(self) -> int:
        """The frame that focus and exposure stand at, by its index in the capture."""
        return self._panel.frame

    @property
    def compared_index(self) -> int | None:
        """The frame that the picture is compared with, by its index in the capture."""
        return self._compared_index

    def compare_with(self, index: int | None) -> None:
        """Turns focus, exposure and time to a frame's own, and shows the residual; or ends that.

        Args:
            index: Of the frame in the capture; None compares with none.
        """
        with self._turning:
            started, ended = self._compared_index is None is not index, self._compared_index is not None is index
            self._compared_index = index
            if index is not None:
                self._panel.stand_at(index, as_taken=True)
                self._show_time_of(index)
            elif not self._moves:
                self._stand_at(self._reference_index)
            _set(self._picker, self._names[0 if index is None else index + 1])
            if self._viewer is not None and (started or ended):
                self._show_residual(self._viewer, started)

    def turn_to(self, index: int) -> None:
        """Shows the moment of a frame, by its index in the capture; a comparison goes on with that frame."""
        with self._turning:
            if self._compared_index is not None:
                self.compare_with(index)
            else:
                self._stand_at(index)

    def _stand_at(self, index: int) -> None:
        self._panel.stand_at(index)
        self._show_time_of(index)

    def _show_time_of(self, index: int) -> None:
        if self._moves:
            _set(self._frame, index)
            viewer = self._viewer
            if viewer is not None and self._nearest_frame(viewer) != index:
                viewer.control_panel.time = self._times[index]

    def _nearest_frame(self, viewer: Viewer) -> int:
        return int(np.abs(np.subtract(self._times, viewer.control_panel.time)).argmin())

    def _show_residual(self, viewer: Viewer, show: bool) -> None:
        outputs = viewer.control_panel._output_render
        if show and RESIDUAL in outputs.options:
            self._output_before = outputs.value
            outputs.value = RESIDUAL
        elif not show and outputs.value == RESIDUAL and self._output_before in outputs.options:
            outputs.value = self._output_before

    def install(self, viewer: Viewer) -> None:
        """Adds the dials where the viewer now adds elements, and ties the one for frames to nerfstudio's for time."""
        if self._moves:
            self._frame.cb_hook = lambda _: self._frame_turned()
            self._frame.install(viewer.viser_server)
            slider = viewer.control_panel._time
            render = slider.cb_hook
            slider.cb_hook = lambda element: [self._time_turned(), render(element)]
        self._picker.cb_hook = lambda _: self._picked(viewer)
        self._picker.install(viewer.viser_server)
        self._viewer = viewer
        self._stand_at(self.index)

    def _picked(self, viewer: Viewer) -> None:
        with self._turning:
            chosen = self._names.index(self._picker.value) - 1
            index = None if chosen < 0 else chosen
            if index != self._compared_index:
                self.compare_with(index)
        viewer._trigger_rerender()

    def _frame_turned(self) -> None:
        with self._turning:
            if self._frame.value != self.index:
                self.turn_to(int(self._frame.value))

    def _time_turned(self) -> None:
        with self._turning:
            if self._viewer is not None and (nearest := self._nearest_frame(self._viewer)) != self.index:
                self.turn_to(nearest)


def _set(element: ViewerParameter, value: str | int) -> None:
    """Sets an element, which calls back, unless it is so already."""
    if element.value != value:
        element.value = value
