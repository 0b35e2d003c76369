"""Dials that go by captured frames: which moment is seen, and with which photograph the picture is compared."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from nerfstudio.viewer.viewer_elements import ViewerDropdown, ViewerSlider

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL
from neucam_nerfstudio.viewer.panel import Panel
from neucam_nerfstudio.viewer.sliders import set_element

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

NO_FRAME = "none"
"""What the picker says while nothing is compared."""

HINT = "Sets focus and exposure to this photograph's own and shows how far the rendered one is from it."
HINT_OF_VIEWS = (
    "Goes to where this photograph was taken, sets focus, aperture and exposure to its own and shows how far the"
    " rendered one is from it. Seen from anywhere else, it cannot be compared, and the residual is black."
)


class FrameDials:
    """The frame that focus and exposure stand at, and the one that is compared.

    Args:
        panel: The dials that go by the frames.
        capture: Of one view, or of many.

    Attributes:
        go_to: Of many views, sends the pages' cameras to where a frame, by its index, was taken from.
        compared_index: The frame that the picture is compared with, by its index in the capture.
    """

    def __init__(self, panel: Panel, capture: Capture) -> None:
        self._panel, self._capture = panel, capture
        # Frames of many views may have no photograph but radiance alone.
        self._indices = [
            index for index, frame in enumerate(capture.frames) if frame.path != capture.radiance_truth[index]
        ]
        self._names = [NO_FRAME, *(capture.frames[index].name for index in self._indices)]
        self._picker = ViewerDropdown(
            "Compare with frame",
            NO_FRAME,
            self._names,
            hint=HINT if capture.views is None else HINT_OF_VIEWS,
        )
        self._frame = ViewerSlider(
            "Frame (number)",
            capture.reference_index,
            min_value=0,
            max_value=len(capture.frames) - 1,
            step=1,
            hint="Shows the moment of a frame, counted from 0.",
        )
        # The viewer calls back from many threads: seen halfway, a turn would look like one of somebody else.
        self._turning = threading.RLock()
        self.compared_index: int | None = None
        self.go_to: Callable[[int], None] = lambda index: None
        self._viewer: Viewer | None = None
        self._output_before = ""

    def compare_with(self, index: int | None) -> None:
        """Turns focus, exposure and time to a frame's own, and shows the residual; or ends that.

        Args:
            index: Of the frame in the capture; None compares with none.
        """
        with self._turning:
            started, ended = self.compared_index is None is not index, self.compared_index is not None is index
            self.compared_index = index
            if index is not None:
                self._stand_at(index, as_taken=True)
                self.go_to(index)
            elif not self._capture.moves:
                self._stand_at(self._capture.reference_index)
            set_element(self._picker, self._names[0 if index is None else 1 + self._indices.index(index)])
            if self._viewer is not None and (started or ended):
                self._show_residual(self._viewer, started)

    def turn_to(self, index: int) -> None:
        """Shows the moment of a frame, by its index in the capture; a comparison goes on with that frame."""
        with self._turning:
            if self.compared_index is not None:
                self.compare_with(index)
            else:
                self._stand_at(index)

    def _stand_at(self, index: int, as_taken: bool = False) -> None:
        self._panel.stand_at(index, as_taken)
        if self._capture.moves:
            set_element(self._frame, index)
            viewer = self._viewer
            if viewer is not None and self._nearest_frame(viewer) != index:
                viewer.control_panel.time = self._capture.times[index]

    def _nearest_frame(self, viewer: Viewer) -> int:
        return int(np.abs(np.subtract(self._capture.times, viewer.control_panel.time)).argmin())

    def _show_residual(self, viewer: Viewer, show: bool) -> None:
        outputs = viewer.control_panel._output_render
        if show and RESIDUAL in outputs.options:
            self._output_before = outputs.value
            outputs.value = RESIDUAL
        elif not show and outputs.value == RESIDUAL and self._output_before in outputs.options:
            outputs.value = self._output_before

    def install(self, viewer: Viewer) -> None:
        """Adds the dials where the viewer now adds elements, and ties the one for frames to nerfstudio's for time."""
        if self._capture.moves:
            self._frame.cb_hook = lambda _: self._frame_turned()
            self._frame.install(viewer.viser_server)
            slider = viewer.control_panel._time
            render = slider.cb_hook
            slider.cb_hook = lambda element: [self._time_turned(viewer), render(element)]
        self._picker.cb_hook = lambda _: self._picked(viewer)
        self._picker.install(viewer.viser_server)
        self._viewer = viewer
        self._stand_at(self._panel.frame)

    def _picked(self, viewer: Viewer) -> None:
        with self._turning:
            chosen = self._names.index(self._picker.value) - 1
            index = None if chosen < 0 else self._indices[chosen]
            if index != self.compared_index:
                self.compare_with(index)
        viewer._trigger_rerender()

    def _frame_turned(self) -> None:
        with self._turning:
            if self._frame.value != self._panel.frame:
                self.turn_to(int(self._frame.value))

    def _time_turned(self, viewer: Viewer) -> None:
        with self._turning:
            if (nearest := self._nearest_frame(viewer)) != self._panel.frame:
                self.turn_to(nearest)
