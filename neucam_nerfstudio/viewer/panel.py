"""The dials that set how a picture is taken and shown: one `CameraSettings` a picture. A click turns the focus, too."""

from __future__ import annotations

import math
import threading
from contextlib import nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, get_args

import torch
import viser
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerParameter, ViewerSlider
from viser._messages import GuiUpdateMessage

from neucam_nerfstudio.camera.settings import CameraSettings, Display, ToneMapping
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Setting
from neucam_nerfstudio.scene.scene import Rays

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


class Panel:
    """The dials that the parts of a camera ask for, and one for tone mapping.

    Those of focus and exposure stand at a frame's settings, as they are learned now, until someone turns them; turned
    back to what they showed, they follow the frame again.

    Attributes:
        frame: The frame that focus and exposure stand at, by its index in the capture.
    """

    def __init__(self, learned: LearnedCapture) -> None:
        self._learned = learned
        self.frame = learned.capture.reference_index
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
        settings = self._learned.camera.settings_of_frame(self.frame)
        return {name: round(getattr(settings, name), SHOWN_DECIMALS) for name in OF_FRAMES}

    def settings(self) -> CameraSettings:
        """How a picture is taken now: what nobody has turned is as the frame was taken."""
        with self._turning:
            self.follow()
            follows = set(OF_FRAMES) - self._turned
            said = {name: slider.value for name, slider in self.sliders.items() if name not in follows}
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
                self._own = self._own_settings()
            if "exposure_stops" not in self._turned:
                # Stays while it is turned: frames that are exposed in turn would make what is tone mapped flicker.
                self._stops_as_shown = self._own["exposure_stops"]
            for name, setting in self._own.items():
                if name in self.sliders and name not in self._turned:
                    set_element(self.sliders[name], setting)

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
            self.frame = frame
            if as_taken:
                self._turned.clear()
                for name, setting in AS_CAPTURED.items():
                    if name in self.sliders:
                        set_element(self.sliders[name], setting)
                for checkbox in self.checkboxes.values():
                    set_element(checkbox, True)
            self.follow()

    def turn(self, name: Setting, value: float) -> None:
        """Turns a slider to a value, or as far towards it as the slider goes."""
        with self._turning:
            slider = self.sliders[name]
            set_element(slider, min(max(float(value), slider.min), slider.max))
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


class ClickToFocus:
    """A button after which one click on the picture focuses there; pressed again instead, it waits no more.

    Clicks are not always read, because while they are the page turns neither orbit nor pan (viser 0.2.7).
    """

    def __init__(self, learned: LearnedCapture, panel: Panel) -> None:
        self.learned, self.panel = learned, panel
        self._waiting: set[int] = set()

    def install(self, viewer: Viewer) -> None:
        """Adds the button where the viewer now adds elements."""
        button = viewer.viser_server.gui.add_button(
            "Click to Focus", icon=viser.Icon.FOCUS_2, hint="The next click on the picture turns the focus there."
        )
        button.on_click(lambda event: self._pressed(event.client, viewer))

    def _pressed(self, page: viser.ClientHandle | None, viewer: Viewer) -> None:
        if page is None:
            return  # it has gone
        scene = page.scene
        if page.client_id in self._waiting:
            scene.remove_pointer_callback()
            return
        self._waiting.add(page.client_id)
        scene.on_pointer_callback_removed(lambda: self._waiting.discard(page.client_id))

        @scene.on_pointer_event("click")
        def _(click: viser.ScenePointerEvent) -> None:
            scene.remove_pointer_callback()
            # The page's messages come in on this thread, so that it must not wait for a rendering or a training step.
            threading.Thread(target=self._focus_at, args=(click, viewer), daemon=True).start()

    def _focus_at(self, click: viser.ScenePointerEvent, viewer: Viewer) -> None:
        if click.ray_origin is None or click.ray_direction is None:
            return  # which no click has
        with viewer.train_lock or nullcontext():
            position = self.focus_position_seen(click.ray_origin, click.ray_direction)
        if position is not None:
            self.panel.turn("focus_position", position)
            viewer._trigger_rerender()

    @torch.no_grad()
    def focus_position_seen(
        self, origin: tuple[float, float, float], direction: tuple[float, float, float]
    ) -> float | None:
        """Focus position at which the place that a ray meets is sharp; None for a ray beside the picture, or where the
        camera does not know.

        Args:
            origin: Of the ray, in viser's world units, ten of which are one of nerfstudio's.
            direction: Of the ray, any length.
        """
        from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

        scene, blur = self.learned.scene, self.learned.camera.blur
        start = next(self.learned.parameters()).new_tensor([origin]) / VISER_NERFSTUDIO_SCALE_RATIO
        towards = torch.nn.functional.normalize(start.new_tensor([direction]), dim=-1)
        time = start.new_full((1, 1), self.learned.renderer.reference_time)
        places, inside = scene.meet(Rays(start, towards, time))
        position = None if blur is None else blur.sharp_focus_position(places)
        return float(position) if inside and position is not None else None


def set_element(element: ViewerParameter, value: float | bool | str) -> None:
    """Sets an element, which tells all pages, unless it is so already."""
    if element.value != value:
        element.value = value
