"""Which value of 16-bit frames is white: full scale, or that of a sensor with fewer bits whose values they hold."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Shaped, UInt16

NUM_VALUES = 2**16
FULL_SCALE = NUM_VALUES - 1
SENSOR_WHITES = tuple(2**bits - 1 for bits in (10, 12, 14))
"""White of the bits that cameras measure with, and that files of 16 bits may hold as they are."""
LEAST_AT_WHITE = 16
"""Fewer values at a sensor's white are no pile: a few pixels of any sensor are stuck there."""
NEAR_WHITE = 0.99
"""Saturated values outnumber all those from this share of white up to white."""


class ValueCount:
    """Counts values of 16-bit frames, until one is found that no sensor with fewer bits gives.

    To be shown all frames of a source, so that white does not depend on which are used; and at full size, as averages
    are no sensor's values. It counts nothing of a source that holds no sensor's values.
    """

    def __init__(self, holds_sensor_values: bool) -> None:
        self.is_open = holds_sensor_values
        self._counts = np.zeros(NUM_VALUES, np.int64)

    def add(self, pixels: Shaped[np.ndarray, "height width 3"]) -> None:
        """Counts a frame; those of other number types tell nothing."""
        if not self.is_open or pixels.dtype != np.uint16:
            return
        self.is_open = bool(pixels.max() <= SENSOR_WHITES[-1])
        if self.is_open:
            self._counts += count_values(pixels)

    def white(self) -> tuple[int, str | None]:
        """The value that is white, and what was chosen, in a sentence, where there was a choice."""
        if not self.is_open or not self._counts.any():
            return FULL_SCALE, None
        white = sensor_white(self._counts)
        if white is not None:
            bits = white.bit_length()
            return white, f"The 16-bit files hold values of {bits} bits: white is taken to be {white}, not 65535."
        most, whites = np.flatnonzero(self._counts)[-1], ", ".join(map(str, SENSOR_WHITES))
        return FULL_SCALE, (
            f"The 16-bit files hold values up to {most} and no pile of them at a sensor's white ({whites}): white is"
            " taken to be 65535."
        )


def count_values(pixels: UInt16[np.ndarray, "height width 3"]) -> Int64[np.ndarray, " values"]:
    """How often each value occurs; row by row, because numpy widens what it counts."""
    counts = np.zeros(NUM_VALUES, np.int64)
    for row in pixels:
        counts += np.bincount(row.ravel(), minlength=NUM_VALUES)
    return counts


def sensor_white(counts: Int64[np.ndarray, " values"]) -> int | None:
    """The white of a sensor with fewer bits at which values pile up, and beyond which there are none."""
    largest = int(np.flatnonzero(counts)[-1])
    near = counts[int(NEAR_WHITE * largest) : largest].sum()
    is_pile = counts[largest] >= LEAST_AT_WHITE and counts[largest] > near
    return largest if largest in SENSOR_WHITES and is_pile else None
