"""Moments of a moving scene as HDR pictures: each frame's own light, and what neighbours lend where they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.motion.decoded_frames import DecodedFrames
from neucam_nerfstudio.classical.motion.optical_flow import Flow, flow_pair, follow, leads_inside, round_trip_px

OTHER_EXPOSURE_STOPS = 0.3
"""Only frames whose exposures differ by this much show what the other does not."""
MOST_LENDERS = 6

NOISE_DEVIATIONS = 3.0
MISPLACED_PX = 0.5
LEAST_TOLERANCE = 0.01
"""Light agrees with a frame if it develops to the frame's pixel value within its noise (so many deviations), what a
misplacement by so many pixels changes, and this much."""
ROUND_TRIP_PX = 1.0


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


def agreement(
    photographed: Float[np.ndarray, "height width 3"],
    developed: Float[np.ndarray, "height width 3"],
    pixel_noise: float,
) -> Float[np.ndarray, "height width"]:
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


class FlowPairs:
    """Flows between frames in both directions, each pair found once and forgotten when no later frame can need it.

    Args:
        decoded: The frames.
    """

    def __init__(self, decoded: DecodedFrames) -> None:
        self.decoded = decoded
        self._found: dict[tuple[int, int], tuple[Flow, Flow]] = {}

    def between(self, index: int, other: int) -> tuple[Flow, Flow]:
        """Flow from one frame to another, and back."""
        first, last = sorted((index, other))
        if (first, last) not in self._found:
            self._found[first, last] = flow_pair(*self.decoded.guides(first, last))
        there, back = self._found[first, last]
        return (there, back) if index == first else (back, there)

    def forget_before(self, index: int) -> None:
        """Drops pairs whose later frame comes before a frame."""
        self._found = {pair: flows for pair, flows in self._found.items() if pair[1] >= index}


def merge_lent(
    decoded: DecodedFrames, index: int, others: Sequence[int], flows: FlowPairs
) -> Float[np.ndarray, "height width 3"]:
    """Natural log radiance at one frame's moment: its own, and that of others wherever theirs explains the frame."""
    own, own_weight = decoded.radiance(index)
    weighted_sum, weight_sum = own_weight * own, own_weight.copy()
    photographed = decoded.ldr(index)
    for other in others:
        there, back = flows.between(index, other)
        log_radiance, weight = (follow(part, there) for part in decoded.radiance(other))
        agreed = agreement(photographed, decoded.develop(log_radiance, index), decoded.pixel_noise)
        agreed *= leads_inside(there) * np.exp(-0.5 * (round_trip_px(there, back) / ROUND_TRIP_PX) ** 2)
        weight = weight * agreed[..., None]
        weighted_sum += weight * log_radiance
        weight_sum += weight
    return weighted_sum / weight_sum


def moment_pictures(decoded: DecodedFrames) -> Iterator[Float[np.ndarray, "height width 3"]]:
    """HDR picture of each frame's moment, natural log radiance, in order."""
    flows = FlowPairs(decoded)
    for index in range(len(decoded.frames)):
        yield merge_lent(decoded, index, lenders(decoded.exposure_stops, index), flows)
        flows.forget_before(index + 1)
