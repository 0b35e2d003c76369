"""Moments of a moving scene as HDR pictures: each frame's own light, and what neighbours lend where they agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.alignment.optical_flow import Flow, Guide, flow_pair, follow, leads_inside, round_trip_px
from neucam_nerfstudio.classical.exposure_merge import DISTRUST_MARGIN, DecodingTable, decoding_table, look_up_radiance
from neucam_nerfstudio.classical.pixel_values import (
    WHITE_LDR,
    Image,
    Photograph,
    RgbImage,
    estimate_pixel_noise,
    pixel_values,
)
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.photometry import LN2

TELLING_LDR = np.array([4 / 255, 250 / 255])
"""Pixel values between which a photograph tells light well enough to be compared with another."""

LEVEL_DECIMALS = 1
"""Exposures that differ by less than this tell light alike."""

LEAST_COMMON_LOG_RADIANCE = 0.1
"""Photographs that tell no light in common are compared within this much."""

OTHER_EXPOSURE_STOPS = 0.3
"""Only frames whose exposures differ by this much show what the other does not."""
MOST_LENDERS = 6

NOISE_DEVIATIONS = 3.0
MISPLACED_PX = 0.5
LEAST_TOLERANCE = 0.01
"""Light agrees with a frame if it develops to the frame's pixel value within its noise (so many deviations), what a
misplacement by so many pixels changes, and this much."""
ROUND_TRIP_PX = 1.0

LEAST_PRECISION = 10.0
"""Light that is known to a third of a logarithm counts half beside what is around it, where a frame is white."""

SURER = 4.0
"""One pixel of four that is fully known makes the pixel of half the size fully known."""


@dataclass(frozen=True)
class DecodedFrames:
    """Frames [height, width, 3], their exposures, and the response they were taken with. Decodes what is asked for.

    Attributes:
        frames: RGB, 8 or 16 bit, or floating point in [0, 1].
        exposure_stops: Of each frame.
        response: Of the camera.
    """

    frames: Sequence[Photograph]
    exposure_stops: Float[np.ndarray, " frames"]
    response: ResponseTable

    @cached_property
    def pixel_noise(self) -> float:
        """Standard deviation of a pixel value in [0, 1]."""
        return estimate_pixel_noise(self.frames)

    @cached_property
    def _tables(self) -> list[DecodingTable]:
        table = cache(lambda stops: decoding_table(self.frames[0].dtype, stops, self.response, self.pixel_noise))
        return [table(stops) for stops in self.exposure_stops.tolist()]

    def ldr(self, index: int) -> RgbImage:
        """Pixel values in [0, 1]."""
        return pixel_values(np.asarray(self.frames[index]))

    def radiance(self, index: int) -> tuple[RgbImage, RgbImage]:
        """Natural log radiance that one frame shows, and its weight in a merge (a precision, lessened near white)."""
        return look_up_radiance(np.asarray(self.frames[index]), self._tables[index])

    def develop(self, log_radiance: RgbImage, index: int) -> RgbImage:
        """Pixel values in [0, 1] that a frame's exposure makes of light."""
        return self.response.develop(log_radiance + np.float32(LN2 * self.exposure_stops[index]))

    def squared_slope(self, log_radiance: RgbImage) -> Image:
        """How strongly pixel values change with this light, on average over the frames: squared change a unit of log
        radiance, the least of the channels."""
        light = log_radiance.reshape(-1, 3)
        levels, frames = np.unique(self.exposure_stops.round(LEVEL_DECIMALS), return_counts=True)
        slopes = (self.response.slope(light + LN2 * stops) for stops in levels)
        total = np.sum([count * slope**2 for count, slope in zip(frames, slopes, strict=True)], axis=0)
        return total.min(-1).reshape(log_radiance.shape[:2]) / frames.sum()

    def guides(self, index: int, other: int) -> tuple[Guide, ...]:
        """Two frames as they can be compared: brightness between the darkest and brightest light that both tell."""
        told = [self.response.inverse(TELLING_LDR) - LN2 * self.exposure_stops[i] for i in (index, other)]
        darkest, brightest = np.maximum(told[0][0], told[1][0]), np.minimum(told[0][1], told[1][1])
        brightest = np.maximum(brightest, darkest + LEAST_COMMON_LOG_RADIANCE)
        return tuple(grey_between(self.radiance(i)[0], darkest, brightest) for i in (index, other))


def moment_pictures(decoded: DecodedFrames) -> Iterator[RgbImage]:
    """HDR picture of each frame's moment, natural log radiance, in order.

    Flows between two frames are found once, and forgotten when no later frame can need them.
    """
    found: dict[tuple[int, int], tuple[Flow, Flow]] = {}
    for index in range(len(decoded.frames)):
        flows = {}
        for other in lenders(decoded.exposure_stops, index):
            pair = min(index, other), max(index, other)
            if pair not in found:
                found[pair] = flow_pair(*decoded.guides(*pair))
            flows[other] = found[pair] if index < other else found[pair][::-1]
        yield merge_lent(decoded, index, flows)
        found = {pair: both for pair, both in found.items() if pair[1] > index}


def lenders(exposure_stops: Float[np.ndarray, " frames"], index: int) -> list[int]:
    """Frames that may lend to a frame: of each other exposure the nearest before and the nearest after it."""
    chosen: list[int] = []
    for direction in (range(index - 1, -1, -1), range(index + 1, len(exposure_stops))):
        known = [exposure_stops[index]]
        for other in direction:
            if min(abs(exposure_stops[other] - stops) for stops in known) >= OTHER_EXPOSURE_STOPS:
                known.append(exposure_stops[other])
                chosen.append(other)
    return sorted(sorted(chosen, key=lambda other: abs(other - index))[:MOST_LENDERS])


def merge_lent(decoded: DecodedFrames, index: int, flows: Mapping[int, tuple[Flow, Flow]]) -> RgbImage:
    """Natural log radiance at one frame's moment: its own, and that of others wherever theirs explains the frame.

    Where the frame is white and no darker one lends, its light goes on smoothly from where one does, at least as bright
    as white: there is no step where lending ends.

    Args:
        decoded: The frames.
        index: Which frame it is.
        flows: Of each other frame, the flow from the one frame to it, and back.
    """
    own, own_weight = decoded.radiance(index)
    weighted_sum, weight_sum = own_weight * own, own_weight.copy()
    photographed = decoded.ldr(index)
    is_darker, bounded = False, np.zeros_like(own)
    for other, (there, back) in flows.items():
        log_radiance, weight = (follow(part, there) for part in decoded.radiance(other))
        agreed = agreement(photographed, decoded.develop(log_radiance, index), decoded.pixel_noise)
        agreed *= leads_inside(there) * np.exp(-0.5 * (round_trip_px(there, back) / ROUND_TRIP_PX) ** 2)
        weight = weight * agreed[..., None]
        weighted_sum += weight * log_radiance
        weight_sum += weight
        if decoded.exposure_stops[other] < decoded.exposure_stops[index] - OTHER_EXPOSURE_STOPS:
            is_darker = True
            np.maximum(bounded, whiteness(follow(decoded.ldr(other), there)) * agreed[..., None], out=bounded)
    log_radiance = weighted_sum / weight_sum
    if not is_darker:
        return log_radiance
    white = whiteness(photographed)
    told = weight_sum / (weight_sum + LEAST_PRECISION)
    least = decoded.response.inverse(np.array([WHITE_LDR]))[0] - LN2 * decoded.exposure_stops[index]
    continued = np.maximum(continue_light(log_radiance, told * white), least.astype(np.float32))
    return log_radiance + white * (1 - told) * (1 - bounded) * (continued - log_radiance)


def whiteness(ldr: RgbImage) -> RgbImage:
    """How far pixel values are white: 0 up to where a response is certain, 1 from white on."""
    return np.clip((ldr - (WHITE_LDR - DISTRUST_MARGIN)) / DISTRUST_MARGIN, 0, 1)


def continue_light(log_radiance: RgbImage, weight: RgbImage) -> RgbImage:
    """Light where it is known, and where it is not, smoothly what is around: means over ever larger neighbourhoods
    (Gortler et al. 1996, push and pull). Where nothing is known, it stays.

    Args:
        log_radiance: Natural log radiance.
        weight: How well it is known, [0, 1].
    """
    height, width = weight.shape[:2]
    if min(height, width) < 2 or not weight.any():
        return log_radiance
    known_sum, known = cv2.pyrDown(weight * log_radiance), cv2.pyrDown(weight)
    coarse = known_sum / np.maximum(known, 1e-6)
    # What is hardly known is made surer from level to level, or a far neighbour would never be heard.
    coarse = continue_light(coarse, np.minimum(SURER * known, 1))
    around = cv2.pyrUp(coarse, dstsize=(width, height))
    return around + weight * (log_radiance - around)


def agreement(photographed: RgbImage, developed: RgbImage, pixel_noise: float) -> Image:
    """How well light brought from elsewhere explains a frame: 1 fully, 0 not at all.

    A clipped pixel agrees with all light that is bright or dark enough.

    Args:
        photographed: The frame's pixel values in [0, 1].
        developed: What its exposure would make of the light brought to it.
        pixel_noise: Standard deviation of a pixel value.
    """
    across = cv2.Sobel(photographed, cv2.CV_32F, 1, 0, scale=1 / 8)
    down = cv2.Sobel(photographed, cv2.CV_32F, 0, 1, scale=1 / 8)
    misplacement = MISPLACED_PX**2 * (across**2 + down**2)
    tolerance = (NOISE_DEVIATIONS * pixel_noise) ** 2 + misplacement + LEAST_TOLERANCE**2
    departure = cv2.blur(((developed - photographed) ** 2 / tolerance).mean(-1), (3, 3))
    return np.exp(-0.5 * departure)


def grey_between(log_radiance: RgbImage, darkest: Float[np.ndarray, " 3"], brightest: Float[np.ndarray, " 3"]) -> Guide:
    """Mean of the channels' places between two log radiances, as 8 bit."""
    shares = (np.clip(log_radiance, darkest, brightest) - darkest) / (brightest - darkest)
    return np.rint(255 * shares.mean(-1)).astype(np.uint8)
