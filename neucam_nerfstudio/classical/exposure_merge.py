"""Bracket -> radiance: each pixel's most likely log radiance, given the response and the exposures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.pixel_values import code_values, to_codes
from neucam_nerfstudio.classical.response_estimation import LN2, ResponseTable

BOUND_PRECISION = 1e-3
"""Precision given to a black or a saturated pixel at 0 stops: it only counts where no frame shows more."""

BLACK_MARGIN = 2 / 255
WHITE_MARGIN = 5 / 255
"""Pixel values this close to black and to white tell less: compression and noise have mixed clipped light in."""

DISTRUST_MARGIN = 20 / 255
LEAST_TRUST = 0.03
"""Where other frames show more, pixel values this close to white give way to them down to this trust: a
response is least certain there, which would show as coloured rings around highlights."""


class DecodingTable(NamedTuple):
    """What each code of a frame tells of log radiance.

    Attributes:
        weighted_log_radiance: Natural log radiance times its weight among the frames.
        weight: The precision, lessened near white.
        precision: 1 / variance of the log radiance.
    """

    weighted_log_radiance: Float[np.ndarray, "codes 3"]
    weight: Float[np.ndarray, "codes 3"]
    precision: Float[np.ndarray, "codes 3"]


def decoding_table(
    dtype: np.dtype, exposure_stops: float, response: ResponseTable, pixel_noise: float
) -> DecodingTable:
    """Decodes frames of a type at an exposure.

    With pixel noise of constant deviation, a pixel tells log radiance with the precision (slope of the response /
    noise)^2, nought in black and in saturated areas (Robertson et al. 2003 weight the same way). A saturated pixel
    still bounds radiance from below, and the darkest frame tells most; a black one from above, and the brightest does.
    """
    ldr = code_values(dtype)
    log_exposure = response.inverse(ldr)
    unclipped = np.clip(np.minimum(ldr / BLACK_MARGIN, (1 - ldr) / WHITE_MARGIN), 0, 1)
    precision = (unclipped[:, None] * response.slope(log_exposure) / pixel_noise) ** 2
    bound = BOUND_PRECISION * np.exp2(np.where(ldr > 0.5, -2.0, 2.0) * np.clip(exposure_stops, -8, 8))
    precision = np.maximum(precision, bound[:, None])
    weight = precision * np.clip((1 - ldr) / DISTRUST_MARGIN, LEAST_TRUST, 1)[:, None] ** 2
    weighted = weight * (log_exposure - LN2 * exposure_stops)
    return DecodingTable(weighted.astype(np.float32), weight.astype(np.float32), precision.astype(np.float32))


def merge_exposures(
    frames: Sequence[np.ndarray], tables: Sequence[DecodingTable]
) -> tuple[Float[np.ndarray, "height width 3"], Float[np.ndarray, "height width 3"]]:
    """Averages the log radiances that frames [height, width, 3] of one focus setting show, the surest most.

    Returns:
        Natural log radiance, and its precision (1 / variance).
    """
    weighted_sum = weight_sum = precision_sum = np.float32(0)
    for frame, table in zip(frames, tables, strict=True):
        codes = to_codes(frame)
        weighted_sum = weighted_sum + _look_up(table.weighted_log_radiance, codes)
        weight_sum = weight_sum + _look_up(table.weight, codes)
        precision_sum = precision_sum + _look_up(table.precision, codes)
    return weighted_sum / weight_sum, precision_sum


def _look_up(table, codes):
    if codes.dtype == np.uint8:
        return cv2.LUT(codes, np.ascontiguousarray(table[None]))
    return np.stack([table[codes[..., c], c] for c in range(3)], axis=-1)
