"""Sliders of nerfstudio's viewer whose ends are exact, and move."""

from __future__ import annotations

import math

import viser
from nerfstudio.viewer.viewer_elements import ViewerParameter, ViewerSlider
from viser._messages import GuiUpdateMessage

END_DIGITS, NUMBER_DIGITS = 2, 4
"""Significant digits of a ratio's ends and of itself: a thousandth of a focus distance is seen by nobody."""


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

    def within(self, value: float) -> float:
        """The value, or the end nearest to it."""
        return min(max(value, self.min), self.max)

    def reach(self, value: float) -> None:
        """Moves an end that a value lies beyond outwards to a round number; a value that went astray moves none."""
        if self.min <= value <= self.max or not self._is_sound(value):
            return
        below, above = self._around(value)
        self.min, self.max = min(self.min, below), max(self.max, above)
        if self.gui_handle is not None:
            # A slider's handle sets nothing but its value, but a page takes any property (viser 0.2.7).
            marks = [{"value": end, "label": f"{end:g}"} for end in (self.min, self.max)]
            state = self.gui_handle._impl
            state.gui_api._websock_interface.queue_message(
                GuiUpdateMessage(state.id, {"min": self.min, "max": self.max, "marks": marks})
            )

    def _is_sound(self, value: float) -> bool:
        return math.isfinite(value)

    def _around(self, value: float) -> tuple[float, float]:
        """Round numbers just below and above."""
        return float(math.floor(value)), float(math.ceil(value))


class RatioSlider(ExactSlider):
    """One of numbers above 0 that count by their ratio, such as distances: its ends and its step have few digits."""

    def __init__(self, name: str, value: float, least: float, greatest: float, step: float, hint: str) -> None:
        ends = self._around(least)[0], self._around(greatest)[1]
        super().__init__(
            name, min(max(value, ends[0]), ends[1]), *ends, step=10 ** math.floor(math.log10(step)), hint=hint
        )

    def _is_sound(self, value: float) -> bool:
        return math.isfinite(value) and value > 0

    def _around(self, value: float) -> tuple[float, float]:
        digits = END_DIGITS - 1 - math.floor(math.log10(value))
        scale = 10.0**digits
        return round(math.floor(value * scale) / scale, digits), round(math.ceil(value * scale) / scale, digits)


def as_typed(ratio: float) -> float:
    """A number above 0 with as many digits as people type."""
    return float(f"{ratio:.{NUMBER_DIGITS}g}")


def set_element(element: ViewerParameter, value: float | bool | str) -> None:
    """Sets an element, which tells all pages, unless it is so already."""
    if element.value != value:
        element.value = value
