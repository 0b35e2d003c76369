"""Photographs of a moving scene as light: log radiance, how sure it is, and what another exposure would make of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.classical.exposure_merge import DecodingTable, decoding_table, look_up_radiance
from neucam_nerfstudio.classical.pixel_values import Photograph, estimate_pixel_noise, to_codes
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.photometry import LN2

TELLING_LDR = np.array([4 / 255, 250 / 255])
"""Pixel values between which a photograph tells light well enough to be compared with another."""

LEVEL_DECIMALS = 1
"""Exposures that differ by less than this tell light alike."""

LEAST_COMMON_LOG_RADIANCE = 0.1
"""Photographs that tell no light in common are compared within this much."""


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
        tables = {
            stops: decoding_table(self.frames[0].dtype, stops, self.response, self.pixel_noise)
            for stops in set(self.exposure_stops.tolist())
        }
        return [tables[stops] for stops in self.exposure_stops.tolist()]

    def ldr(self, index: int) -> Float[np.ndarray, "height width 3"]:
        """Pixel values in [0, 1]."""
        codes = to_codes(np.asarray(self.frames[index]))
        return codes.astype(np.float32) / np.iinfo(codes.dtype).max

    def radiance(self, index: int) -> tuple[Float[np.ndarray, "height width 3"], Float[np.ndarray, "height width 3"]]:
        """Natural log radiance that one frame shows, and its weight in a merge (a precision, lessened near white)."""
        return look_up_radiance(np.asarray(self.frames[index]), self._tables[index])

    def develop(
        self, log_radiance: Float[np.ndarray, "height width 3"], index: int
    ) -> Float[np.ndarray, "height width 3"]:
        """Pixel values in [0, 1] that a frame's exposure makes of light."""
        return self.response.develop(log_radiance + np.float32(LN2 * self.exposure_stops[index]))

    def squared_slope(self, log_radiance: Float[np.ndarray, "height width 3"]) -> Float[np.ndarray, "height width"]:
        """How strongly pixel values change with this light, on average over the frames: squared change a unit of log
        radiance, the least of the channels."""
        light = log_radiance.reshape(-1, 3)
        levels, frames = np.unique(self.exposure_stops.round(LEVEL_DECIMALS), return_counts=True)
        slopes = (self.response.slope(light + LN2 * stops) for stops in levels)
        total = np.sum([count * slope**2 for count, slope in zip(frames, slopes, strict=True)], axis=0)
        return total.min(-1).reshape(log_radiance.shape[:2]) / frames.sum()

    def guides(self, index: int, other: int) -> tuple[UInt8[np.ndarray, "height width"], ...]:
        """Two frames as they can be compared: brightness between the darkest and brightest light that both tell."""
        told = [self.response.inverse(TELLING_LDR) - LN2 * self.exposure_stops[i] for i in (index, other)]
        darkest, brightest = np.maximum(told[0][0], told[1][0]), np.minimum(told[0][1], told[1][1])
        brightest = np.maximum(brightest, darkest + LEAST_COMMON_LOG_RADIANCE)
        return tuple(grey_between(self.radiance(i)[0], darkest, brightest) for i in (index, other))


def grey_between(
    log_radiance: Float[np.ndarray, "height width 3"],
    darkest: Float[np.ndarray, " 3"],
    brightest: Float[np.ndarray, " 3"],
) -> UInt8[np.ndarray, "height width"]:
    """Mean of the channels' places between two log radiances, as 8 bit."""
    shares = (np.clip(log_radiance, darkest, brightest) - darkest) / (brightest - darkest)
    return np.rint(255 * shares.mean(-1)).astype(np.uint8)
