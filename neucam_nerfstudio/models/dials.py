"""The dials on the back of the camera: focus, aperture, exposure and tone mapping of what the viewer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

import viser
from nerfstudio.viewer.viewer_elements import ViewerControl, ViewerDropdown, ViewerParameter, ViewerSlider

from neucam_nerfstudio.rendering.display_tonemapping import DisplayOperator

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

FOCUS_MARGIN = 0.5
"""How far the focus dial goes beyond the captured focus positions, which may move while they are learned."""

EXPOSURE_MARGIN_STOPS = 6.0
"""How far the exposure dial goes to either side of the reference frame's exposure, at least."""


@dataclass(frozen=True)
class DialSettings:
    """What the dials say at one moment.

    Attributes:
        focus_position: Focus position, unitless, on the scale of the learned ones.
        aperture: Factor on the blur: 0 all in focus, 1 as captured.
        exposure_stops: Exposure in stops, on the scale of the capture's: +1 doubles the light.
        display_exposure_stops: How many stops that is above the reference frame: what brightens a tone-mapped
            picture, which has no exposure of its own.
        tone_mapping: How radiance is shown.
        focus_turned: Whether someone has turned the focus away from the reference frame's.
        exposure_turned: Whether someone has turned the exposure away from the reference frame's.
    """

    focus_position: float
    aperture: float
    exposure_stops: float
    display_exposure_stops: float
    tone_mapping: DisplayOperator
    focus_turned: bool = False
    exposure_turned: bool = False


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
            hint=self.hint,
        )

    def turn(self, value: float) -> None:
        """Sets the value.

        Raises:
            ValueError: The value lies beyond the slider's ends.
        """
        if not self.min <= value <= self.max:
            raise ValueError(f"{self.name} goes from {self.min:g} to {self.max:g}, not to {value:g}.")
        self.value = float(value)


class Dials(ViewerControl):
    """The dials of a camera that has no settings of its own: the viewer's, or one on a path of `ns-render`.

    They stand at the reference frame's settings until someone turns them: in the viewer, which finds this object as an
    attribute of the model, or from Python (`dials.focus_position = 0.3`), where a value beyond a dial's ends raises
    ValueError.
    """

    def __init__(
        self,
        focus_positions: Sequence[float],
        exposure_stops: Sequence[float],
        reference_focus_position: float,
        reference_exposure_stops: float,
    ) -> None:
        """Sets the dials to the reference frame.

        Args:
            focus_positions: Focus positions of the capture, unitless, in any order.
            exposure_stops: Exposures of the capture, stops, in any order.
            reference_focus_position: Focus position of the frame to stand at.
            reference_exposure_stops: Exposure of the frame to stand at, stops.
        """
        self._focus = ExactSlider(
            "Focus (position)",
            float(reference_focus_position),
            min_value=float(min(focus_positions)) - FOCUS_MARGIN,
            max_value=float(max(focus_positions)) + FOCUS_MARGIN,
            step=0.01,
            hint="Focus position on the scale learned with the capture: its focus settings lie between -1 and 1.",
        )
        self._aperture = ExactSlider(
            "Aperture (x as shot)", 1.0, 0.0, 3.0, step=0.05, hint="Factor on the blur: 0 is all in focus."
        )
        self._exposure = ExactSlider(
            "Exposure (stops)",
            float(reference_exposure_stops),
            min_value=float(min(*exposure_stops, reference_exposure_stops - EXPOSURE_MARGIN_STOPS)),
            max_value=float(max(*exposure_stops, reference_exposure_stops + EXPOSURE_MARGIN_STOPS)),
            step=0.1,
            hint="One stop more doubles the light.",
        )
        operators = list(get_args(DisplayOperator))
        self._tone_mapping = ViewerDropdown(
            "Tone mapping", operators[0], operators, hint="How high-dynamic-range outputs are shown."
        )
        self._reference = {self._focus: self._focus.value, self._exposure: self._exposure.value}

    def read(self) -> DialSettings:
        """What the dials say now."""
        return DialSettings(
            self.focus_position,
            self.aperture,
            self.exposure_stops,
            self.exposure_stops - self._reference[self._exposure],
            self.tone_mapping,
            self._is_turned(self._focus),
            self._is_turned(self._exposure),
        )

    def _is_turned(self, slider: ExactSlider) -> bool:
        return slider.value != self._reference[slider]

    def follow_reference(self, focus_position: float, exposure_stops: float) -> None:
        """Keeps the dials that nobody has turned at the reference frame's settings, which training moves.

        Args:
            focus_position: The reference frame's focus position now.
            exposure_stops: The reference frame's exposure now, stops.
        """
        for slider, value in ((self._focus, focus_position), (self._exposure, exposure_stops)):
            is_turned = self._is_turned(slider)
            self._reference[slider] = min(max(float(value), slider.min), slider.max)
            if not is_turned:
                slider.value = self._reference[slider]

    @property
    def focus_position(self) -> float:
        """Focus position, unitless, on the scale of the learned ones."""
        return self._focus.value

    @focus_position.setter
    def focus_position(self, value: float) -> None:
        self._focus.turn(value)

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
        self._exposure.turn(value)

    @property
    def tone_mapping(self) -> DisplayOperator:
        """How radiance is shown."""
        return self._tone_mapping.value

    @tone_mapping.setter
    def tone_mapping(self, value: DisplayOperator) -> None:
        if value not in self._tone_mapping.options:
            raise ValueError(f"{value!r} is no tone mapping; there are {', '.join(self._tone_mapping.options)}.")
        self._tone_mapping.value = value

    def _setup(self, viewer: Viewer) -> None:
        """Shows the dials in a folder of their own above nerfstudio's tabs, where they need no scrolling."""
        super()._setup(viewer)
        elements: list[ViewerParameter] = [self._focus, self._aperture, self._exposure, self._tone_mapping]
        with self.viser_server.gui.add_folder("NeuCam", order=viewer.stats_markdown.order):
            for element in elements:
                element.cb_hook = lambda _: viewer._trigger_rerender()
                element.install(self.viser_server)
