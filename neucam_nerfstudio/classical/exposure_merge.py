"""Bracket -> radiance: each pixel's most likely log radiance, given the response and the exposures."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt

from neucam_nerfstudio.classical.pixel_values import WHITE_LDR, Image, RgbImage, code_values, to_codes
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.tiles import row_blocks
from neucam_nerfstudio.photometry import LN2

BOUND_PRECISION = 1e-3
"""Precision given to a black or a saturated pixel at 0 stops: it only counts where no frame shows more."""

BLACK_MARGIN = 2 / 255
WHITE_MARGIN = 5 / 255
"""Pixel values this close to black and to white tell less: compression and noise have mixed clipped light in."""

DISTRUST_MARGIN = 20 / 255
LEAST_TRUST = 0.03
"""Where other frames show more, pixel values this close to white give way to them down to the square of this trust: a
response is least certain there. So do, down to this trust, the other channels of a pixel that is near white in one:
cameras let colours fade to white, which no response by channel describes. Both would show as coloured rings."""


RIM_PX = 2.0
"""Pixels of a frame within this distance of what it does not cover have no weight: they are interpolated with what is
not there, and the programs that align frames fade them."""

LEAST_WEIGHT = 1e-30
"""Keeps divisions by the weight of frames finite, where none of them is covered."""


class MergedExposures(NamedTuple):
    """What the frames of one focus setting tell.

    Attributes:
        log_radiance: Natural log radiance.
        precision: 1 / variance of it; 0 where no frame is covered.
        blown: Where the darkest frame is saturated: radiance is known from below alone.
        black: Where all frames are black: radiance is known from above alone.
        spread: Variance of the log radiances that the frames show, as they are weighted, beyond that of noise.
    """

    log_radiance: RgbImage
    precision: RgbImage
    blown: Bool[np.ndarray, "height width 3"]
    black: Bool[np.ndarray, "height width 3"]
    spread: Image


class DecodingTable(NamedTuple):
    """What each code of a frame tells of log radiance.

    Attributes:
        weighted_log_radiance: Natural log radiance times its weight among the frames.
        weighted_square: Its square times that weight.
        weight: The precision, lessened near white.
        precision: 1 / variance of the log radiance.
        trust: In all channels of a pixel whose brightest one has this code.
        saturated_code: The least code that counts as saturated.
        black_code: The greatest code that counts as black.
        exposure_stops: Exposure of the frame.
    """

    weighted_log_radiance: Float[np.ndarray, "codes 3"]
    weighted_square: Float[np.ndarray, "codes 3"]
    weight: Float[np.ndarray, "codes 3"]
    precision: Float[np.ndarray, "codes 3"]
    trust: Float[np.ndarray, " codes"]
    saturated_code: int
    black_code: int
    exposure_stops: float


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
    trust = np.clip((1 - ldr) / DISTRUST_MARGIN, LEAST_TRUST, 1)
    weight = precision * trust[:, None]
    log_radiance = log_exposure - LN2 * exposure_stops
    weighted, square = weight * log_radiance, weight * log_radiance**2
    of_codes = [table.astype(np.float32) for table in (weighted, square, weight, precision, trust)]
    return DecodingTable(
        *of_codes,
        saturated_code=int(np.searchsorted(ldr, WHITE_LDR)),
        black_code=int(np.searchsorted(ldr, BLACK_MARGIN, "right") - 1),
        exposure_stops=exposure_stops,
    )


def merge_bracket(
    frames: Sequence[Shaped[np.ndarray, "height width 3"]],
    tables: Sequence[DecodingTable],
    weights: Sequence[Image | None] | None = None,
) -> MergedExposures:
    """Averages the log radiances that frames of one focus setting show, the surest most.

    Where a frame is saturated, those with more exposure are too, whatever their pixel values: JPEG compression leaves
    white at a little less, which must not pass for light. They have no say there, channel by channel.

    Args:
        frames: Aligned photographs, 8 or 16 bit or floating point in [0, 1].
        tables: How each is decoded.
        weights: Of each frame's pixels, in [0, 1]: 0 where it is not covered; None for 1 everywhere.
    """
    if len(frames) == 1 and (weights is None or weights[0] is None):
        return _decoded(frames[0], tables[0])
    height, width, _ = shape = frames[0].shape
    light, precision = np.empty((2, *shape), np.float32)
    blown, black = np.empty((2, *shape), bool)
    merged = MergedExposures(light, precision, blown, black, np.empty((height, width), np.float32))
    told = zip(tables, frames, weights or [None] * len(frames), strict=True)
    darkest_first = sorted(told, key=lambda of_frame: of_frame[0].exposure_stops)
    for rows in row_blocks(height, width):
        block = _merged_block([(table, frame[rows], w if w is None else w[rows]) for table, frame, w in darkest_first])
        for whole, part in zip(merged, block, strict=True):
            whole[rows] = part
    return merged


def _decoded(frame: Shaped[np.ndarray, "height width 3"], table: DecodingTable) -> MergedExposures:
    """What one frame alone tells."""
    codes = to_codes(frame)
    light = _look_up(table.weighted_log_radiance / table.weight, codes)
    precision, blown, black = table.precision.copy(), codes >= table.saturated_code, codes <= table.black_code
    np.minimum(precision[table.saturated_code :], BOUND_PRECISION, out=precision[table.saturated_code :])
    nothing = np.zeros(codes.shape[:2], np.float32)
    return MergedExposures(light, _look_up(precision, codes), blown, black, nothing)


def _merged_block(
    darkest_first: Sequence[tuple[DecodingTable, Shaped[np.ndarray, "rows width 3"], Image | None]],
) -> MergedExposures:
    """What is told of some rows; frames come with their tables and weights, the least exposure first."""
    shape = darkest_first[0][1].shape
    weighted_sum, square_sum, weight_sum, precision_sum = np.zeros((4, *shape), np.float32)
    unsaturated, black, blown = np.ones(shape, bool), np.ones(shape, bool), np.zeros(shape, bool)
    unseen = np.ones(shape[:2], bool)
    is_alone = len(darkest_first) == 1
    groups = groupby(darkest_first, key=lambda of_frame: of_frame[0].exposure_stops)
    for number, (_, equally_exposed) in enumerate(groups):
        has_say = unsaturated.astype(np.float32) if number > 0 and not unsaturated.all() else None
        seen_first = np.zeros(shape[:2], bool)
        for table, frame, frame_weight in equally_exposed:
            codes = to_codes(frame)
            trust = in_channels(_look_up(table.trust, brightest_channel(codes)))
            precision = _look_up(table.precision, codes)
            is_saturated = codes >= table.saturated_code
            if frame_weight is not None:
                trust *= in_channels(frame_weight)
                precision *= in_channels(frame_weight)
                is_saturated &= (frame_weight > 0)[..., None]
                seen_first |= unseen & (frame_weight > 0)
            else:
                seen_first |= unseen
            if has_say is not None:
                trust *= has_say
                precision *= has_say
            for total, values in ((weighted_sum, table.weighted_log_radiance), (weight_sum, table.weight)):
                told = _look_up(values, codes)
                told *= trust
                total += told
            if not is_alone:
                told = _look_up(table.weighted_square, codes)
                told *= trust
                square_sum += told
            precision_sum += precision
            unsaturated &= ~is_saturated
            is_black = codes <= table.black_code
            black &= is_black if frame_weight is None else is_black | (frame_weight == 0)[..., None]
        if seen_first.any():  # the darkest frame that shows a pixel tells whether it is blown
            blown |= ~unsaturated & seen_first[..., None]
            unseen &= ~seen_first
    if blown.any():
        np.minimum(precision_sum, BOUND_PRECISION, out=precision_sum, where=blown)
    np.maximum(weight_sum, LEAST_WEIGHT, out=weight_sum)
    weighted_sum /= weight_sum
    spread = np.zeros(shape[:2], np.float32)
    if not is_alone:
        square_sum -= len(darkest_first) - 1  # the mean of a few frames takes a share of the noise with it
        square_sum /= weight_sum
        square_sum -= weighted_sum * weighted_sum
        spread = np.maximum(brightest_channel(square_sum), 0)
    return MergedExposures(weighted_sum, precision_sum, blown, black, spread)


def rim_weight(covered: Bool[np.ndarray, "height width"] | None) -> Image | None:
    """What the pixels of a frame weigh that covers a part of the picture: 0 beyond that and within `RIM_PX` of its
    border, else 1; None for 1 everywhere."""
    if covered is None:
        return None
    inside_px = cv2.distanceTransform(covered.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    return (inside_px > RIM_PX).astype(np.float32)


def look_up_radiance(frame: np.ndarray, table: DecodingTable) -> tuple[RgbImage, RgbImage]:
    """Natural log radiance that one frame [height, width, 3] shows, and its weight beside other frames'."""
    codes = to_codes(frame)
    log_radiance = _look_up(table.weighted_log_radiance / table.weight, codes)
    return log_radiance, _look_up(table.weight, codes) * in_channels(_look_up(table.trust, brightest_channel(codes)))


def brightest_channel(picture: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "height width"]:
    """The greatest of the channels; far faster than a maximum over the last axis."""
    red, green, blue = cv2.split(picture)
    return cv2.max(cv2.max(red, green), blue)


def least_channel(picture: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "height width"]:
    """The least of the channels; far faster than a minimum over the last axis."""
    red, green, blue = cv2.split(picture)
    return cv2.min(cv2.min(red, green), blue)


def in_channels(values: Image) -> RgbImage:
    """Values three times over; to multiply with them is far faster than with `values[..., None]`."""
    return cv2.cvtColor(values, cv2.COLOR_GRAY2RGB)


def _look_up(
    table: Float[np.ndarray, "codes 3"] | Float[np.ndarray, " codes"], codes: UInt[np.ndarray, "*shape"]
) -> Float[np.ndarray, "*shape"]:
    """The table's entry for each code; the codes' last axis is the channel where the table has channels."""
    if codes.dtype == np.uint8:
        return cv2.LUT(codes, np.ascontiguousarray(table[None]))
    return table[codes] if table.ndim == 1 else np.stack([table[codes[..., c], c] for c in range(3)], axis=-1)
