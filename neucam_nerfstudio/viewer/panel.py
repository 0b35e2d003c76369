"""The dials that set how a picture is taken and shown. They make one `CameraSettings` a picture."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import viser
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerParameter, ViewerSlider
from viser._messages import GuiUpdateMessage

from neucam_nerfstudio.camera.settings import CameraSettings, Display, ToneMapping
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Dial, Setting

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

OF_FRAMES: tuple[Setting, ...] = ("focus_position", "exposure_stops")
"""Settings that each frame has its own of."""

AS_CAPTURED = {"aperture": 1.0}
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
        """Moves an end that a value lies beyond outwards to a whole number."""
        least, most = min(self.min, math.floor(value)), max(self.max, math.ceil(value))
        if self.min <= value <= self.max:
            return
        self.min, self.max = float(least), float(most)
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
    back to exactly that, they follow the frame again.

    Args:
        learned: Whose camera it is.
    """

    def __init__(self, learned: LearnedCapture) -> None:
        self._learned = learned
        self._frame = learned.capture.reference_index
        own = self._own_settings()
        dials = {dial.setting: dial for dial in learned.camera.dials()}
        self.sliders = {
            name: _slider(dial, own.get(name, AS_CAPTURED.get(name, 0.0)))
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
        self._own = {name: slider.value for name, slider in self.sliders.items()}
        # The viewer calls back from many threads, and a dial that is moved calls back, too.
        self._moving = threading.RLock()
        self._is_moved_by_us = False

    def _own_settings(self) -> dict[Setting, float]:
        settings = self._learned.camera.settings_of_frame(self._frame)
        return {name: getattr(settings, name) for name in OF_FRAMES}

    @property
    def frame(self) -> int:
        """The frame that focus and exposure stand at, by its index in the capture."""
        return self._frame

    def settings(self) -> CameraSettings:
        """How a picture is taken now: what nobody has turned is as the frame was taken."""
        with self._moving:
            self.follow()
            turned = {name: slider.value for name, slider in self.sliders.items() if self._is_turned(name)}
            others = {name: checkbox.value for name, checkbox in self.checkboxes.items()}
            stops = turned.pop("exposure_stops", None)
            frame = None if self._learned.capture.moves else self._frame
            settings = CameraSettings(
                **turned, **others, frame=frame, display=Display(tone_mapping=self.tone_mapping.value)
            )
            return settings if stops is None else settings.exposed(stops, self._own["exposure_stops"])

    def _is_turned(self, name: Setting) -> bool:
        return self.sliders[name].value != self._own[name]

    def follow(self) -> None:
        """Keeps the dials that nobody has turned at their frame's settings, which training moves."""
        with self._moving:
            exposure_is_turned = "exposure_stops" in self.sliders and self._is_turned("exposure_stops")
            for name, setting in self._own_settings().items():
                # Stays while it is turned: frames that are exposed in turn would make what is tone mapped flicker.
                if name in self.sliders and not (name == "exposure_stops" and exposure_is_turned):
                    self._stand(name, setting, keep_turned=True)

    def stand_at(self, frame: int, as_taken: bool = False) -> None:
        """Lets the dials follow a frame, by its index in the capture.

        Args:
            frame: The frame.
            as_taken: Turns all dials to the frame's own settings; else those that someone has turned stay.
        """
        with self._moving:
            self._frame = frame
            if not as_taken:
                self.follow()
                return
            for name, setting in {**AS_CAPTURED, **self._own_settings()}.items():
                if name in self.sliders:
                    self._stand(name, setting, keep_turned=False)
            for checkbox in self.checkboxes.values():
                self._move(checkbox, True)

    def _stand(self, name: Setting, setting: float, keep_turned: bool) -> None:
        slider, is_turned = self.sliders[name], self._is_turned(name)
        slider.reach(setting)
        self._own[name] = setting
        if not (is_turned and keep_turned):
            self._move(slider, setting)
            self._own[name] = slider.value

    def focus_on(self, focus_position: float) -> None:
        """Turns the focus to this position, or as far towards it as the dial goes."""
        slider = self.sliders["focus_position"]
        slider.value = slider.within_ends(focus_position)

    def _move(self, element: ViewerParameter, value: float | bool) -> None:
        if element.value == value:
            return
        self._is_moved_by_us = True
        try:
            element.value = value
        finally:
            self._is_moved_by_us = False

    def install(self, viewer: Viewer) -> None:
        """Shows the dials where the viewer now adds elements."""
        self.follow()
        elements: Sequence[ViewerParameter] = (*self.sliders.values(), *self.checkboxes.values(), self.tone_mapping)
        for element in elements:
            element.cb_hook = lambda _: None if self._is_moved_by_us else viewer._trigger_rerender()
            element.install(viewer.viser_server)


def _slider(dial: Dial, value: float) -> ExactSlider:
    least, most = dial.ends
    return ExactSlider(dial.label, float(value), least, most, step=dial.step, hint=dial.hint)
