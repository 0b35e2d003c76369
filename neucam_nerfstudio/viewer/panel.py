"""The dials that set how a picture is taken and shown: one `CameraSettings` a picture."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, get_args

import viser
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerParameter
from torch import Tensor

from neucam_nerfstudio.camera.settings import CameraSettings, Display, ToneMapping
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Dial, Setting
from neucam_nerfstudio.viewer.sliders import ExactSlider, RatioSlider, as_typed, set_element

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

OF_FRAMES: tuple[Setting, ...] = ("focus_position", "aperture", "exposure_stops")
"""Settings that each frame has its own of; the aperture is a factor on it, and so 1."""

SHOWN_DECIMALS = 3
"""Of a learned setting, so that a dial can be turned back to it; a thousandth of a stop is seen by nobody."""


class Panel:
    """The dials that the parts of a camera ask for, and one for tone mapping.

    Sliders stand at a frame's settings, as they are learned now, until someone turns them; turned back to what they
    showed, they follow the frame again. What they show is a setting, or its inverse: metres, an f-number.

    Attributes:
        frame: The frame that they stand at, by its index in the capture.
    """

    def __init__(self, learned: LearnedCapture) -> None:
        self._learned = learned
        self.frame = learned.capture.reference_index
        self._dials: dict[Setting, Dial] = {dial.setting: dial for dial in learned.camera.dials()}
        self._own = self._own_numbers()
        self.sliders: dict[Setting, ExactSlider] = {
            name: _slider(dial, self._own[name], *dial.ends)
            for name, dial in self._dials.items()
            if dial.ends is not None
        }
        self.checkboxes = {
            name: ViewerCheckbox(dial.label, True, hint=dial.hint)
            for name, dial in self._dials.items()
            if dial.ends is None
        }
        operators = list(get_args(ToneMapping))
        self.tone_mapping = ViewerDropdown(
            "Tone mapping", operators[0], operators, hint="How high-dynamic-range outputs are shown."
        )
        # Pages turn dials in threads of their own, while others render.
        self._turning = threading.RLock()
        self._turned: set[Setting] = set()
        self._stops_as_shown = self._own["exposure_stops"]

    def _own_numbers(self) -> dict[Setting, float]:
        """What sliders show of the frame's own settings."""
        settings = self._learned.camera.settings_of_frame(self.frame)
        return {name: self._number(name, getattr(settings, name)) for name in OF_FRAMES}

    def _number(self, name: Setting, setting: float) -> float:
        """What a slider shows of a setting, in digits that can be typed again."""
        inverse = self._inverse(name)
        if inverse is None:
            return round(setting, SHOWN_DECIMALS)
        number = inverse / setting if setting > 0 else math.inf if setting <= 0 else math.nan
        if name == "focus_position":  # focused at infinity, or so far that it makes no difference
            number = min(number, self._learned.camera.focus.farthest_dialled_m)
        return as_typed(number)

    def _setting(self, name: Setting, number: float) -> float:
        """The setting that a slider stands for."""
        inverse = self._inverse(name)
        return number if inverse is None else inverse / number

    def _inverse(self, name: Setting) -> float | None:
        """What a setting divides to what its slider shows: of the aperture, a factor on the frame's own, the f-number
        that the frame was taken at."""
        inverse = self._dials[name].inverse if name in self._dials else None
        views = self._learned.capture.views if inverse is not None else None
        if name == "aperture" and views is not None and math.isfinite(views.aperture_radius_m[self.frame]):
            return float(views.f_number[self.frame])
        return inverse

    def settings(self) -> CameraSettings:
        """How a picture is taken now: what nobody has turned is as the frame was taken."""
        with self._turning:
            self.follow()
            follows = set(OF_FRAMES) - self._turned
            said = {
                name: self._setting(name, slider.value) for name, slider in self.sliders.items() if name not in follows
            }
            switched = {name: checkbox.value for name, checkbox in self.checkboxes.items()}
            stops = said.pop("exposure_stops", None)
            frame = None if self._learned.capture.moves else self.frame
            display = Display(tone_mapping=self.tone_mapping.value)
            settings = CameraSettings(**said, **switched, frame=frame, display=display)
            return settings if stops is None else settings.exposed(stops, self._stops_as_shown)

    def follow(self) -> None:
        """Keeps the dials that nobody has turned at their frame's settings, which training moves, and all frames'
        settings within the dials' ends."""
        with self._turning:
            self._reach_all_frames()
            with suppress(NeucamError):  # what has gone astray in training moves no dial
                self._own = self._own_numbers()
            if "exposure_stops" not in self._turned:
                # Stays while it is turned: frames that are exposed in turn would make what is tone mapped flicker.
                self._stops_as_shown = self._own["exposure_stops"]
            for name, number in self._own.items():
                if name in self.sliders and name not in self._turned:
                    set_element(self.sliders[name], self.sliders[name].within(number))

    def _reach_all_frames(self) -> None:
        camera = self._learned.camera
        learned: dict[Setting, Tensor] = {
            "focus_position": camera.focus.positions,
            "exposure_stops": camera.exposures.stops,
        }
        for name, settings in learned.items():
            if name in self.sliders:
                for end in settings.detach().aminmax():
                    self.sliders[name].reach(self._number(name, float(end)))
        if "aperture" in self.sliders:
            self.sliders["aperture"].reach(self._own["aperture"])

    def stand_at(self, frame: int, as_taken: bool = False) -> None:
        """Lets the dials follow a frame, by its index in the capture.

        Args:
            frame: The frame.
            as_taken: Turns all dials to the frame's own settings; else those that someone has turned stay.
        """
        with self._turning:
            self.frame = frame
            if as_taken:
                self._turned.clear()
                for checkbox in self.checkboxes.values():
                    set_element(checkbox, True)
            self.follow()

    def turn(self, name: Setting, value: float) -> None:
        """Turns a slider to a setting, or as far towards it as the slider goes."""
        with self._turning:
            slider = self.sliders[name]
            set_element(slider, slider.within(self._number(name, value)))
            if name in OF_FRAMES:
                self._note_turn(name)

    def _note_turn(self, name: Setting) -> None:
        """Takes note that someone has turned a slider of `OF_FRAMES`, or has turned it back."""
        with self._turning:
            if self.sliders[name].value == self.sliders[name].within(self._own[name]):
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


def _slider(dial: Dial, value: float, least: float, greatest: float) -> ExactSlider:
    if dial.inverse is None:
        return ExactSlider(dial.label, value, least, greatest, step=dial.step, hint=dial.hint)
    return RatioSlider(dial.label, value, least, greatest, dial.step, dial.hint)
