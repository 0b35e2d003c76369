"""Curves from linear light to evenly visible steps, on which an error counts as much in shadows as in highlights."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.rendering.display_tonemapping import MU

PU21_BANDING_GLARE = (0.353487901, 0.3734658629, 8.277049286e-5, 0.9062562627, 0.09150303166, 0.9099517204, 596.3148142)
"""p1 ... p7 of the recommended PU21 encoding, `banding_glare`."""

PU21_LUMINANCE_RANGE = (0.005, 10_000.0)
"""Luminances the encoding is made for, cd/m2."""


def mu_law(relative_radiance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """log(1 + 5000 x) / log(5001), x clipped to [0, 1] (Kalantari & Ramamoorthi 2017).

    Args:
        relative_radiance: Linear radiance over the radiance of white.
    """
    return np.log1p(MU * np.clip(relative_radiance, 0, 1)) / np.log1p(MU)


def pu21(luminance: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """PU21 value of absolute luminance: 0 to about 600, and 256 at 100 cd/m2, the white of an ordinary display.

    Args:
        luminance: cd/m2, of a colour channel or of luminance; clipped to 0.005 ... 10,000.

    Source:
        Mantiuk & Azimi, "PU21: A novel perceptually uniform encoding for adapting existing quality metrics for HDR",
        Picture Coding Symposium 2021, and the authors' `pu21_encoder.m` (github.com/gfxdisp/pu21).
    """
    p1, p2, p3, p4, p5, p6, p7 = PU21_BANDING_GLARE
    compressed = np.clip(luminance, *PU21_LUMINANCE_RANGE) ** p4
    return np.maximum(p7 * (((p1 + p2 * compressed) / (1 + p3 * compressed)) ** p5 - p6), 0)
