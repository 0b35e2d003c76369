"""The dials that set how a picture is taken and shown: focus, aperture, exposure, response and tone mapping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, get_args

import viser
from nerfstudio.viewer.viewer_elements import ViewerCheckbox, ViewerDropdown, ViewerParameter, ViewerSlider
from viser._messages import GuiUpdateMessage

from neucam_nerfstudio.rendering.display_tonemapping import ToneMapping

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

FOCUS_MARGIN = 0.5
"""How far the focus dial goes beyond the captured focus positions, at least."""

EXPOSURE_MARGIN_STOPS = 6.0
"""How far the exposure dial goes to either side of the reference frame's exposure, at least."""


class OwnSettings(NamedTuple):
    """What a frame was taken at, as far as it has been learned.

    Attributes:
        focus_position: Focus position, unitless.
        exposure_stops: Exposure in stops, +1 doubles the light.
    """

    focus_position: float
    exposure_stops: float


@dataclass(frozen=True)
class DialSettings:
    """What the dials say at one moment.

    Attributes:
        focus_position: Focus position, unitless, on the scale of the learned ones.
        aperture: Factor on the blur: 0 all in focus, 1 as captured.
        exposure_stops: Exposure in stops, on the scale of the capture's: +1 doubles the light.
        display_exposure_stops: How many stops someone has turned it up: what brightens a tone-mapped picture, which has
            no exposure of its own.
        tone_mapping: How radiance is shown.
        focus_turned: Whether someone has set the focus, so that it is no longer the frame's that the dials stand at.
        exposure_turned: The same of the exposure.
        response_on: Whether photographs are developed by the camera's response; else they are linear light, clipped.
    """

    focus_position: float
    aperture: float
    exposure_stops: float
    display_exposure_stops: float
    tone_mapping: ToneMapping
    focus_turned: bool = False
    exposure_turned: bool = False
    response_on: bool = True


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

    def reach(self, *values: float) -> None:
        """Moves an end that one of the values lies beyond outwards to a whole number, but not without end."""
        least, most = min(values), max(values)
        self._move_ends(
            float(math.floor(least)) if -math.inf < least < self.min else self.min,
            float(math.ceil(most)) if self.max < most < math.inf else self.max,
        )

    def _move_ends(self, least: float, most: float) -> None:
        if (least, most) == (self.min, self.max):
            return
        self.min, self.max = least, most
        if self.gui_handle is not None:
            # A slider's handle sets nothing but its value, but a page takes any property (viser 0.2.7).
            marks = [{"value": end, "label": f"{end:g}"} for end in (least, most)]
            state = self.gui_handle._impl
            state.gui_api._websock_interface.queue_message(
                GuiUpdateMessage(state.id, {"min": least, "max": most, "marks": marks})
            )

    def within_ends(self, value: float) -> float:
        """The value, or the end that is nearest to it."""
        return min(max(float(value), self.min), self.max)

    def turn(self, value: float) -> None:
        """Sets the value.

        Raises:
            ValueError: The value lies beyond the slider's ends.
        """
        if not self.min <= value <= self.max:
            raise ValueError(f"{self.name} goes from {self.min:g} to {self.max:g}, not to {value:g}.")
        self.value = float(value)


class Dials:
    """The dials of a camera that has no settings of its own: the viewer's, or one on a path of `ns-render`.

    They stand at a frame's settings, at first the reference frame's, until someone turns them: in the viewer
    (`CameraBack`), where turning one back to the frame's own value lets it follow the frame again; or from Python
    (`dials.focus_position = 0.3`), where any value holds until `stand_at`, and one beyond a dial's ends raises
    ValueError.
    """

    def __init__(
        self,
        focus_positions: Sequence[float],
        exposure_stops: Sequence[float],
        reference: OwnSettings,
        has_focus: bool = True,
        has_aperture: bool = True,
        has_response: bool = True,
    ) -> None:
        """Sets the dials to the reference frame.

        Args:
            focus_positions: Focus positions of the capture, unitless, in any order.
            exposure_stops: Exposures of the capture, stops, in any order.
            reference: Settings of the reference frame.
            has_focus: Whether the camera's blur depends on the focus; dials without effect are not shown.
            has_aperture: Whether the camera has a blur.
            has_response: Whether the camera has a response that can be left out.
        """
        self._focus = ExactSlider(
            "Focus (position)",
            float(reference.focus_position),
            min_value=float(min(focus_positions)) - FOCUS_MARGIN,
            max_value=float(max(focus_positions)) + FOCUS_MARGIN,
            step=0.01,
            visible=has_focus,
            hint="Focus position on the scale learned with the capture: its focus settings lie between -1 and 1.",
        )
        self._aperture = ExactSlider(
            *("Aperture (x as shot)", 1.0, 0.0, 3.0),
            step=0.05,
            visible=has_aperture,
            hint="Factor on the blur: 0 is all in focus.",
        )
        self._exposure = ExactSlider(
            "Exposure (stops)",
            float(reference.exposure_stops),
            min_value=float(min(*exposure_stops, reference.exposure_stops - EXPOSURE_MARGIN_STOPS)),
            max_value=float(max(*exposure_stops, reference.exposure_stops + EXPOSURE_MARGIN_STOPS)),
            step=0.1,
            hint="One stop more doubles the light.",
        )
        self._response = ViewerCheckbox(
            "Response", True, visible=has_response, hint="Off: the photograph is linear light, clipped at 1."
        )
        operators = list(get_args(ToneMapping))
        self._tone_mapping = ViewerDropdown(
            "Tone mapping", operators[0], operators, hint="How high-dynamic-range outputs are shown."
        )
        self._unturned_exposure_stops = self._exposure.value
        self._own = {self._focus: self._focus.value, self._exposure: self._exposure.value}
        self._held: set[ExactSlider] = set()

    def read(self) -> DialSettings:
        """What the dials say now."""
        return DialSettings(
            self.focus_position,
            self.aperture,
            self.exposure_stops,
            self.exposure_stops - self._unturned_exposure_stops if self._is_turned(self._exposure) else 0.0,
            self.tone_mapping,
            self._is_turned(self._focus),
            self._is_turned(self._exposure),
            self.response_on,
        )

    def _is_turned(self, slider: ExactSlider) -> bool:
        return slider in self._held or slider.value != self._own[slider]

    def reach(self, focus_positions: Sequence[float], exposure_stops: Sequence[float]) -> None:
        """Moves the ends of focus and exposure outwards where training has moved settings beyond them.

        Args:
            focus_positions: Focus positions as they are learned now, unitless.
            exposure_stops: Exposures as they are learned now, stops.
        """
        self._focus.reach(*focus_positions)
        self._exposure.reach(*exposure_stops)

    def follow(self, frame: OwnSettings) -> None:
        """Keeps the dials that nobody has turned at a frame's settings, which training moves."""
        for slider, setting in zip((self._focus, self._exposure), frame, strict=True):
            is_turned = self._is_turned(slider)
            slider.reach(setting)
            self._own[slider] = float(setting)
            if not is_turned and slider.value != self._own[slider]:
                slider.value = self._own[slider]
        if not self._is_turned(self._exposure):
            # Stays while it is turned: frames that are exposed in turn would make what is tone-mapped flicker.
            self._unturned_exposure_stops = self.exposure_stops

    def stand_at(self, frame: OwnSettings) -> None:
        """Turns focus, aperture, exposure and response to a frame's own, whatever they were turned to."""
        self.aperture, self.response_on = 1.0, True
        self._held.clear()
        for slider, setting in zip((self._focus, self._exposure), frame, strict=True):
            slider.reach(setting)
            self._own[slider] = slider.value = float(setting)
        self._unturned_exposure_stops = self.exposure_stops

    def focus_on(self, focus_position: float) -> None:
        """Turns the focus to this position, or as far towards it as the dial goes."""
        self._focus.value = self._focus.within_ends(focus_position)

    @property
    def focus_position(self) -> float:
        """Focus position, unitless, on the scale of the learned ones."""
        return self._focus.value

    @focus_position.setter
    def focus_position(self, value: float) -> None:
        self._hold(self._focus, value)

    @property
    def aperture(self) -> float:
        """Factor on the blur, 0 (all in focus) to 3, 1 as captured."""
        return self._aperture.value

    @aperture.setter
    def aperture(self, value: float) -> None:
        self._aperture.turn(value)

    @property
    def exposure_stops(self) -> float:
        """Exposure in stops, on the capture's scale."""
        return self._exposure.value

    @exposure_stops.setter
    def exposure_stops(self, value: float) -> None:
        self._hold(self._exposure, value)

    def _hold(self, slider: ExactSlider, value: float) -> None:
        slider.turn(value)
        self._held.add(slider)

    @property
    def response_on(self) -> bool:
        """Whether photographs are developed by the camera's response; else they are linear light, clipped at 1."""
        return self._response.value

    @response_on.setter
    def response_on(self, value: bool) -> None:
        self._response.value = bool(value)

    @property
    def tone_mapping(self) -> ToneMapping:
        """How radiance is shown."""
        return self._tone_mapping.value

    @tone_mapping.setter
    def tone_mapping(self, value: ToneMapping) -> None:
        if value not in self._tone_mapping.options:
            raise ValueError(f"{value!r} is no tone mapping; there are {', '.join(self._tone_mapping.options)}.")
        self._tone_mapping.value = value

    def install(self, viewer: Viewer) -> None:
        """Shows the dials where the viewer now adds elements."""
        elements: list[ViewerParameter] = [
            *(self._focus, self._aperture, self._exposure),
            *(self._response, self._tone_mapping),
        ]
        for element in elements:
            element.cb_hook = lambda _: viewer._trigger_rerender()
            element.install(viewer.viser_server)
