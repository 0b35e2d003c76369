"""The dials that set how a picture is taken and shown. They make one `CameraSettings` a picture."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, get_args

import viser
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerParameter, ViewerSlider
from viser._messages import GuiUpdateMessage

from neucam_nerfstudio.camera.settings import CameraSettings, Display, ToneMapping
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Setting

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

OF_FRAMES: tuple[Setting, ...] = ("focus_position", "exposure_stops")
"""Settings that each frame has its own of."""

SHOWN_DECIMALS = 3
"""Of a learned setting, so that a dial can be turned back to it; a thousandth of a stop is seen by nobody."""

AS_CAPTURED: dict[Setting, float] = {"aperture": 1.0}
"""Where the dials of the others stand."""


class ExactSlider(ViewerSlider[float]):
    """A slider with the numbers of its ends below it; viser would cut them down to whole ones."""

    def _create_gui_handle(self, viser_server: viser.ViserServer) -> None:
        self.gui_handle = viser_server.gui.add_slider(
            self.name,
            self.min,
            self.max,
            self.step,
            self.default_value,
            marks=tuple((end, f"{end:g}") for end in (self.min, self.max)),
            visible=self.visible,
            hint=self.hint,
        )

    def reach(self, value: float) -> None:
        """Moves an end that a value lies beyond outwards to a whole number; a value that went astray moves none."""
        if self.min <= value <= self.max or not math.isfinite(value):
            return
        self.min, self.max = float(min(self.min, math.floor(value))), float(max(self.max, math.ceil(value)))
        if self.gui_handle is not None:
            # A slider's handle sets nothing but its value, but a page takes any property (viser 0.2.7).
            marks = [{"value": end, "label": f"{end:g}"} for end in (self.min, self.max)]
            state = self.gui_handle._impl
            state.gui_api._websock_interface.queue_message(
                GuiUpdateMessage(state.id, {"min": self.min, "max": self.max, "marks": marks})
            )

    def within_ends(self, value: float) -> float:
        """The value, or the end that is nearest to it."""
        return min(max(float(value), self.min), self.max)


class Panel:
    """The dials that the parts of a camera ask for, and one for tone mapping.

    Those of focus and exposure stand at a frame's settings, as they are learned now, until someone turns them; turned
    back to what they showed, they follow the frame again.

    Args:
        learned: Whose camera it is.
    """

    def __init__(self, learned: LearnedCapture) -> None:
        self._learned = learned
        self._frame = learned.capture.reference_index
        self._own = self._own_settings()
        start = {**AS_CAPTURED, **self._own}
        dials = {dial.setting: dial for dial in learned.camera.dials()}
        self.sliders = {
            name: ExactSlider(dial.label, start[name], *dial.ends, step=dial.step, hint=dial.hint)
            for name, dial in dials.items()
            if dial.ends is not None
        }
        self.checkboxes = {
            name: ViewerCheckbox(dial.label, True, hint=dial.hint) for name, dial in dials.items() if dial.ends is None
        }
        operators = list(get_args(ToneMapping))
        self.tone_mapping = ViewerDropdown(
            "Tone mapping", operators[0], operators, hint="How high-dynamic-range outputs are shown."
        )
        # Pages turn dials in threads of their own, while others render.
        self._turning = threading.RLock()
        self._turned: set[Setting] = set()
        self._stops_as_shown = self._own["exposure_stops"]

    def _own_settings(self) -> dict[Setting, float]:
        settings = self._learned.camera.settings_of_frame(self._frame)
        return {name: round(getattr(settings, name), SHOWN_DECIMALS) for name in OF_FRAMES}

    @property
    def frame(self) -> int:
        """The frame that focus and exposure stand at, by its index in the capture."""
        return self._frame

    def settings(self) -> CameraSettings:
        """How a picture is taken now: what nobody has turned is as the frame was taken."""
        with self._turning:
            self.follow()
            follows = set(OF_FRAMES) - self._turned
            said = {name: slider.value for name, slider in self.sliders.items() if name not in follows}
            switched = {name: checkbox.value for name, checkbox in self.checkboxes.items()}
            stops = said.pop("exposure_stops", None)
            frame = None if self._learned.capture.moves else self._frame
            display = Display(tone_mapping=self.tone_mapping.value)
            settings = CameraSettings(**said, **switched, frame=frame, display=display)
            return settings if stops is None else settings.exposed(stops, self._stops_as_shown)

    def follow(self) -> None:
        """Keeps the dials that nobody has turned at their frame's settings, which training moves, and all frames'
        settings within the dials' ends."""
        with self._turning:
            self._reach_all_frames()
            with suppress(NeucamError):  # what has gone astray in training moves no dial
                self._own = self._own_settings()
            if "exposure_stops" not in self._turned:
                # Stays while it is turned: frames that are exposed in turn would make what is tone mapped flicker.
                self._stops_as_shown = self._own["exposure_stops"]
            for name, setting in self._own.items():
                if name in self.sliders and name not in self._turned:
                    _set(self.sliders[name], setting)

    def _reach_all_frames(self) -> None:
        camera = self._learned.camera
        learned = {"focus_position": camera.focus.positions, "exposure_stops": camera.exposures.stops}
        for name, settings in learned.items():
            if name in self.sliders:
                for end in settings.detach().aminmax():
                    self.sliders[name].reach(float(end))

    def stand_at(self, frame: int, as_taken: bool = False) -> None:
        """Lets the dials follow a frame, by its index in the capture.

        Args:
            frame: The frame.
            as_taken: Turns all dials to the frame's own settings; else those that someone has turned stay.
        """
        with self._turning:
            self._frame = frame
            if as_taken:
                self._turned.clear()
                for name, setting in AS_CAPTURED.items():
                    if name in self.sliders:
                        _set(self.sliders[name], setting)
                for checkbox in self.checkboxes.values():
                    _set(checkbox, True)
            self.follow()

    def turn(self, name: Setting, value: float) -> None:
        """Turns a slider to a value, or as far towards it as the slider goes."""
        with self._turning:
            slider = self.sliders[name]
            _set(slider, slider.within_ends(value))
            if name in OF_FRAMES:
                self._note_turn(name)

    def _note_turn(self, name: Setting) -> None:
        """Takes note that someone has turned a slider of `OF_FRAMES`, or has turned it back."""
        with self._turning:
            if self.sliders[name].value == self._own[name]:
                self._turned.discard(name)
            else:
                self._turned.add(name)

    def install(self, viewer: Viewer) -> None:
        """Shows the dials where the viewer now adds elements."""
        self.follow()
        elements: list[ViewerParameter] = [*self.sliders.values(), *self.checkboxes.values(), self.tone_mapping]
        for element in elements:
            element.install(viewer.viser_server)
            element.gui_handle.on_update(partial(self._changed, element, viewer))

    def _changed(self, element: ViewerParameter, viewer: Viewer, event: viser.GuiEvent) -> None:
        if event.client is None:
            return  # no page has turned it, but we have moved it
        for name in OF_FRAMES:
            if self.sliders.get(name) is element:
                self._note_turn(name)
        viewer._trigger_rerender()


def _set(element: ViewerParameter, value: float | bool) -> None:
    """Sets an element, which tells all pages, unless it is so already."""
    if element.value != value:
        element.value = value
