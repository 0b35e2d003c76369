"""Which colours the red, green and blue of a picture are, and how to say the same colours in others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

Chromaticity = tuple[float, float]
"""CIE 1931 x, y."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""CIE XYZ to sharpened cone responses (ICC.1:2022, annex E)."""


class ColourPrimaries(NamedTuple):
    """The colours of a picture's linear R, G and B, each alone, and of its white, all three equal."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity

    def to_xyz(self) -> Float[np.ndarray, "3 3"]:
        """Linear R, G, B to CIE XYZ; white has Y = 1."""
        directions = np.stack([xyz_of(colour) for colour in self[:3]], -1)
        return directions * np.linalg.solve(directions, xyz_of(self.white))

    def to(self, others: ColourPrimaries) -> Float[np.ndarray, "3 3"]:
        """Linear R, G, B of these primaries to those of others; white stays white."""
        adapted = white_adaptation(xyz_of(self.white), xyz_of(others.white)) @ self.to_xyz()
        return np.linalg.solve(others.to_xyz(), adapted)


REC709 = ColourPrimaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
"""ITU-R BT.709 and sRGB."""

BT2020 = ColourPrimaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290))
"""ITU-R BT.2020 and BT.2100."""


def xyz_of(colour: Chromaticity) -> Float[np.ndarray, "xyz=3"]:
    """CIE XYZ of a chromaticity, Y = 1."""
    x, y = colour
    return np.array([x / y, 1.0, (1 - x - y) / y])


def chromaticity_of(xyz: Float[np.ndarray, "xyz=3"]) -> Chromaticity:
    """CIE x, y of a colour."""
    x, y, z = map(float, xyz)
    return x / (x + y + z), y / (x + y + z)


def white_adaptation(
    source: Float[np.ndarray, "xyz=3"], target: Float[np.ndarray, "xyz=3"]
) -> Float[np.ndarray, "3 3"]:
    """CIE XYZ seen under one white to what looks alike under another (linear Bradford, ICC.1:2022, annex E).

    Args:
        source: CIE XYZ of the white that colours are seen under.
        target: CIE XYZ of the other.
    """
    gains = (BRADFORD @ target) / (BRADFORD @ source)
    return np.linalg.solve(BRADFORD, gains[:, None] * BRADFORD)
