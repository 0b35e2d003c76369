"""Constants of light and pixel values: each of them is written here, once."""

import math
import sys
from typing import Any

import numpy as np
from jaxtyping import Float, UInt16

LN2 = math.log(2.0)
"""One stop in natural-log units."""

WHITE_LEVEL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}
"""Pixel value of full white, by the number type of the pixels."""

SRGB_POWER, SRGB_OFFSET, SRGB_TOE_SLOPE = 2.4, 0.055, 12.92
SRGB_TOE_LINEAR, SRGB_TOE_ENCODED = 0.0031308, 0.04045
"""Curve of the sRGB standard (IEC 61966-2-1), and the end of its straight toe in light and in encoded values."""

REC709_LUMINANCE = (0.2126, 0.7152, 0.0722)
"""Share of linear red, green and blue in luminance (ITU-R BT.709)."""

MIDDLE_GREY = 0.18
"""Display-linear value of a scene's key: reflectance of a photographer's grey card."""


def array_module(array: Any) -> Any:
    """The module with the functions for an array: NumPy, or PyTorch for its tensors; formulas are written for both."""
    return np if isinstance(array, np.ndarray | np.generic) else sys.modules["torch"]


def encode_srgb(linear: Float[Any, "*shape"]) -> Float[Any, "*shape"]:
    """sRGB values (IEC 61966-2-1) of display-linear light, clipped to [0, 1]."""
    xp = array_module(linear)
    linear = xp.clip(linear, 0, 1)
    above_toe = xp.clip(linear, SRGB_TOE_LINEAR, None)  # a root's slope is infinite at 0
    power = (1 + SRGB_OFFSET) * above_toe ** (1 / SRGB_POWER) - SRGB_OFFSET
    return xp.where(linear <= SRGB_TOE_LINEAR, SRGB_TOE_SLOPE * linear, power)


def decode_srgb(encoded: Float[Any, "*shape"]) -> Float[Any, "*shape"]:
    """Display-linear light in [0, 1] of sRGB values in [0, 1] (IEC 61966-2-1)."""
    power = ((encoded + SRGB_OFFSET) / (1 + SRGB_OFFSET)) ** SRGB_POWER
    return array_module(encoded).where(encoded <= SRGB_TOE_ENCODED, encoded / SRGB_TOE_SLOPE, power)


def full_scale_table(white: int) -> UInt16[np.ndarray, "65536"]:
    """A table of all 16-bit values, scaled so that `white` becomes 65535; larger values are clipped."""
    return np.minimum(np.rint(np.arange(65536) * (65535 / white)), 65535).astype(np.uint16)
