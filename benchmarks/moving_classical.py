"""Classical HDR of frames that move, with OpenCV: what the learned methods have to beat.

Where a response is needed to align frames, and aligned frames to calibrate the response, it is calibrated first on the
frames as they are, then again on the aligned ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8

from neucam_nerfstudio.capture.alignment.optical_flow import follow
from neucam_nerfstudio.photometry import WHITE_LEVEL

SMOOTHNESS = 10.0
"""Weight of a smooth response in OpenCV's calibration: its default."""

DEFAULT_POINTS = 70
"""Pixels that OpenCV calibrates a response on by default. It often takes too few: compare `MANY_POINTS`."""

MANY_POINTS = 300

Frames = UInt8[np.ndarray, "frames height width 3"]
Radiance = Float[np.ndarray, "height width 3"]
Response = Float[np.ndarray, "256 1 3"]
"""Exposure of each pixel value of each channel."""


def bracket_ways(
    frames: Frames, seconds: Sequence[float], reference: int
) -> dict[str, Callable[[], Sequence[Radiance]]]:
    """Ways to the radiance of a bracket's reference frame, by name; each gives that one picture."""
    return {
        "OpenCV (Debevec, unaligned)": lambda: [merge_unaligned(frames, seconds)],
        "OpenCV (MTB, Debevec)": lambda: [merge_shifted(frames, seconds)],
        "OpenCV (flow, Debevec)": lambda: [merge_flowed(frames, seconds, reference)],
    }


def video_ways(frames: Frames, seconds: Sequence[float]) -> dict[str, Callable[[], Sequence[Radiance]]]:
    """Ways to the radiance of every frame of a video, by name."""
    return {
        "OpenCV (Debevec, each frame alone)": lambda: frames_alone(frames, seconds, first_response(frames, seconds)),
        "OpenCV (flow, Debevec)": lambda: with_neighbours(frames, seconds, first_response(frames, seconds)),
        f"OpenCV (flow, Debevec of {MANY_POINTS} points)": lambda: with_neighbours(
            frames, seconds, middle_response(frames, seconds)
        ),
    }


def eight_bit(pixels: Shaped[np.ndarray, "*shape"]) -> UInt8[np.ndarray, "*shape"]:
    """Pixel values (8 or 16 bit, or floats in [0, 1]) in the 8 bits that OpenCV's calibration and merge take."""
    if pixels.dtype == np.uint8:
        return pixels
    return np.rint(pixels * (255 / WHITE_LEVEL[pixels.dtype])).astype(np.uint8)


def calibrate(frames: Sequence[np.ndarray], seconds: Sequence[float], points: int = DEFAULT_POINTS) -> Response:
    """Response of the camera (Debevec & Malik 1997) from aligned frames."""
    return cv2.createCalibrateDebevec(points, SMOOTHNESS).process(list(frames), np.float32(seconds))


def merge(frames: Sequence[np.ndarray], seconds: Sequence[float], response: Response) -> Radiance:
    """Radiance (Debevec & Malik 1997) from aligned frames, or from one."""
    return cv2.createMergeDebevec().process(list(frames), np.float32(seconds), response)


def merge_unaligned(frames: Frames, seconds: Sequence[float]) -> Radiance:
    """Frames merged as they are."""
    return merge(frames, seconds, calibrate(frames, seconds))


def merge_shifted(frames: Frames, seconds: Sequence[float]) -> Radiance:
    """Frames shifted onto the middle one, then merged."""
    return merge_unaligned(shifted(frames), seconds)


def shifted(frames: Frames) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Frames shifted onto the middle one by whole pixels, by their median threshold bitmaps (Ward 2003)."""
    aligned = [frame.copy() for frame in frames]
    halvings = int(np.log2(min(frames[0].shape[:2])))  # OpenCV fails on pictures that its six leave nothing of
    cv2.createAlignMTB(max_bits=min(6, halvings)).process(list(frames), aligned)
    return aligned


def merge_flowed(frames: Frames, seconds: Sequence[float], reference: int) -> Radiance:
    """Frames brought to the reference frame by dense flow, then merged."""
    response = aligned_response(frames, seconds, reference)
    return merge(align_by_flow(frames, seconds, reference, response), seconds, response)


def aligned_response(
    frames: Frames, seconds: Sequence[float], reference: int, points: int = DEFAULT_POINTS
) -> Response:
    """Response from frames that were brought to the reference frame by dense flow."""
    first_guess = calibrate(frames, seconds, points)
    return calibrate(align_by_flow(frames, seconds, reference, first_guess), seconds, points)


def align_by_flow(
    frames: Frames, seconds: Sequence[float], reference: int, response: Response
) -> list[UInt8[np.ndarray, "height width 3"]]:
    """Brings each frame to the reference frame by dense flow (Kroeger et al. 2016) between equally exposed pictures.

    The darker of two frames is developed at the exposure of the brighter one, as it is the one that lost no light.
    """
    aligned = []
    for index, frame in enumerate(frames):
        pair = (frames[reference], frame)
        longest = max(seconds[reference], seconds[index])
        gains = (longest / seconds[reference], longest / seconds[index])
        guide, other = (
            cv2.cvtColor(reexposed(picture, gain, response), cv2.COLOR_RGB2GRAY)
            for picture, gain in zip(pair, gains, strict=True)
        )
        search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
        aligned.append(frame if index == reference else follow(frame, search.calc(guide, other, None)))
    return aligned


def reexposed(
    frame: UInt8[np.ndarray, "height width 3"], gain: float, response: Response
) -> UInt8[np.ndarray, "height width 3"]:
    """The photograph that `gain` times the light would have made."""
    log_exposure = np.maximum.accumulate(np.log(response[:, 0]), axis=0)  # calibration may give one that falls
    values = [np.interp(curve + np.log(gain), curve, np.arange(256)) for curve in log_exposure.T]
    table = np.rint(np.stack(values, -1)).astype(np.uint8)
    return np.stack([table[frame[..., c], c] for c in range(3)], -1)


def frames_alone(frames: Frames, seconds: Sequence[float], response: Response) -> list[Radiance]:
    """Each frame by itself through the inverse response."""
    return [merge(frames[index : index + 1], seconds[index : index + 1], response) for index in range(len(frames))]


def with_neighbours(frames: Frames, seconds: Sequence[float], response: Response) -> list[Radiance]:
    """Each frame merged with both its neighbours, which dense flow brings to it."""
    merged = []
    for index in range(len(frames)):
        near = slice(max(0, index - 1), index + 2)
        aligned = align_by_flow(frames[near], seconds[near], index - near.start, response)
        merged.append(merge(aligned, seconds[near], response))
    return merged


def first_response(frames: Frames, seconds: Sequence[float]) -> Response:
    """Response from the first frame of each exposure, as they are."""
    _, first = np.unique(seconds, return_index=True)
    return calibrate(frames[np.sort(first)], np.asarray(seconds)[np.sort(first)])


def middle_response(frames: Frames, seconds: Sequence[float], points: int = MANY_POINTS) -> Response:
    """Response from the middle frame and its neighbours, brought to it by dense flow."""
    middle = len(frames) // 2
    near = slice(max(0, middle - 1), middle + 2)
    return aligned_response(frames[near], seconds[near], middle - near.start, points)
