"""Which value of 16-bit frames is white: full scale, or that of a sensor with fewer bits whose values they hold."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Shaped, UInt16

from neucam_nerfstudio.capture.frame_pixels import scale_to_16_bits
from neucam_nerfstudio.capture.frame_source import FrameSource
from neucam_nerfstudio.errors import NeucamError

NUM_VALUES = 2**16
SENSOR_WHITES = tuple(2**bits - 1 for bits in (10, 12, 14))
"""White of the bits that cameras measure with, and that files of 16 bits may hold as they are."""
LEAST_AT_WHITE = 16
"""Fewer values at a sensor's white are no pile: a few pixels of any sensor are stuck there."""
NEAR_WHITE = 0.99
"""Saturated values outnumber all those from this share of white up to white."""


def scale_to_white(pixels: Shaped[np.ndarray, "frames height width 3"], source: FrameSource) -> str | None:
    """Scales 16-bit frames in place such that white, as all frames of their source tell it, becomes 65535.

    All, so that it does not depend on which are used; and at full size, as averages are no sensor's values.

    Args:
        pixels: Frames of the source, of any size; left alone unless they are 16 bit and dark enough.
        source: Where they come from. A frame of it that cannot be read is not used, and tells nothing.

    Returns:
        What was chosen, in a sentence, where there was a choice.
    """
    if pixels.dtype != np.uint16 or not source.holds_sensor_values or pixels.max() > SENSOR_WHITES[-1]:
        return None
    counts = np.zeros(NUM_VALUES, np.int64)
    for index in range(len(source.paths)):
        try:
            frame = source.read([index])
        except NeucamError:
            continue
        if frame.dtype == np.uint16:
            counts += count_values(frame)
        if counts[SENSOR_WHITES[-1] + 1 :].any():
            return None
    white = sensor_white(counts)
    if white is None:
        whites = ", ".join(map(str, SENSOR_WHITES))
        return (
            f"The 16-bit files hold values up to {np.flatnonzero(counts)[-1]} and no pile of them at a sensor's white"
            f" ({whites}): white is taken to be 65535."
        )
    scale_to_16_bits(pixels, white)
    return f"The 16-bit files hold values of {white.bit_length()} bits: white is taken to be {white}, not 65535."


def count_values(pixels: UInt16[np.ndarray, "frames height width 3"]) -> Int64[np.ndarray, " values"]:
    """How often each value occurs; row by row, because numpy widens what it counts."""
    counts = np.zeros(NUM_VALUES, np.int64)
    for row in pixels.reshape(-1, *pixels.shape[2:]):
        counts += np.bincount(row.ravel(), minlength=NUM_VALUES)
    return counts


def sensor_white(counts: Int64[np.ndarray, " values"]) -> int | None:
    """The white of a sensor with fewer bits at which values pile up, and beyond which there are none.

    Args:
        counts: How often each value occurs.
    """
    largest = int(np.flatnonzero(counts)[-1])
    near = counts[int(NEAR_WHITE * largest) : largest].sum()
    is_pile = counts[largest] >= LEAST_AT_WHITE and counts[largest] > near
    return largest if largest in SENSOR_WHITES and is_pile else None
