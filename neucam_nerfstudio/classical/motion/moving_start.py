"""The estimate from which scenes that move start: response, each moment as an HDR picture, and how moments relate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8

from neucam_nerfstudio.classical.camera_estimate import CameraEstimate
from neucam_nerfstudio.classical.exposure_estimation import estimate_exposure_stops
from neucam_nerfstudio.classical.motion.canvas import shared_canvas
from neucam_nerfstudio.classical.motion.decoded_frames import DecodedFrames, grey_between
from neucam_nerfstudio.classical.motion.lending import agreement, moment_pictures
from neucam_nerfstudio.classical.motion.optical_flow import (
    ROUGH_SCALE,
    Flow,
    chain,
    continue_beyond,
    dense_flow,
    follow,
    leads_inside,
)
from neucam_nerfstudio.classical.pixel_values import Photograph
from neucam_nerfstudio.classical.response_samples import reduce_frames
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import LEAST_STOPS_FOR_RESPONSE, response_of_frames

FRAMES_FOR_RESPONSE = 7
"""The response is learned from this many frames around the anchor, brought to its moment."""

SEEN_PERCENTILES = (0.5, 99.5)
"""HDR pictures are compared between these percentiles of log radiance."""


@dataclass(frozen=True)
class MovingStart(CameraEstimate):
    """What photographs of a moving scene tell before any training. All log radiances share one zero.

    Attributes:
        anchor: The frame that the shared picture is.
        canvas: Natural log radiance of the anchor's moment and a margin around it, as far as other frames see that.
        squared_slope: How strongly a photograph tells that light, on average: squared change of pixel value a unit of
            log radiance, the least of the channels.
        moments: HDR picture of each frame's moment, natural log radiance; the anchor's median is 0.
        offset_px: Steps (right, down) from each frame's pixels to their places in the anchor.
        agreement: How well the anchor explains each frame: 1 fully, 0 not at all.
    """

    anchor: int
    canvas: Float[np.ndarray, "canvas_height canvas_width 3"]
    squared_slope: Float[np.ndarray, "canvas_height canvas_width"]
    moments: Float[np.ndarray, "frames height width 3"]
    offset_px: Float[np.ndarray, "frames height width 2"]
    agreement: Float[np.ndarray, "frames height width"]


def moving_estimate(
    frames: Sequence[Photograph],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None = None,
    anchor: int | None = None,
    margin_px: tuple[int, int] = (0, 0),
    response: ResponseTable | None = None,
) -> MovingStart:
    """Estimates response and exposures, merges each frame with what its neighbours show, and relates all to one.

    An unknown response cannot be told without two different exposures: that of the sRGB standard is taken then.

    Args:
        frames: Photographs [height, width, 3] in order of time, RGB, 8 or 16 bit or floating point in [0, 1].
        exposure_stops: Exposure of each frame, or None to estimate it.
        exposure_index: Exposure setting of each frame where known; ties exposures that are estimated.
        anchor: The frame that the shared picture is; None for the sharpest.
        margin_px: Rows above and below, and columns left and right, of the margin around the shared picture.
        response: Of the camera, if known.
    """
    anchor = sharpest_frame(frames) if anchor is None else anchor
    decoded = _decode(frames, exposure_stops, exposure_index, anchor, response)
    moments = np.empty((len(frames), *frames[0].shape), np.float32)
    for index, picture in enumerate(moment_pictures(decoded)):
        moments[index] = picture
    median = float(np.median(moments[anchor]))
    offset_px = np.stack(flows_to_anchor(moments, anchor))
    canvas = shared_canvas(moments, offset_px, anchor, margin_px)
    explained = [_explained(decoded, i, moments[anchor], flow) for i, flow in enumerate(offset_px)]
    moments -= median
    shifted = decoded.response.shifted(-median)
    return MovingStart(
        anchor=anchor,
        canvas=canvas - median,
        squared_slope=decoded.squared_slope(canvas),
        moments=moments,
        offset_px=offset_px,
        agreement=np.stack(explained),
        log_exposure_knots=shifted.log_exposure,
        response_values=shifted.ldr,
        exposure_stops=decoded.exposure_stops.astype(np.float32),
    )


def sharpest_frame(frames: Sequence[Photograph]) -> int:
    """The frame with the strongest edges for its brightness."""

    def sharpness(frame: Photograph) -> float:
        grey = np.asarray(frame)[..., 1].astype(np.float32)
        return float(np.abs(cv2.Laplacian(grey, cv2.CV_32F)).mean() / max(grey.mean(), 1e-6))

    return int(np.argmax([sharpness(frame) for frame in frames]))


def _decode(
    frames: Sequence[Photograph],
    exposure_stops: Sequence[float] | Float[np.ndarray, " frames"] | None,
    exposure_index: Sequence[int] | None,
    anchor: int,
    response: ResponseTable | None,
) -> DecodedFrames:
    """Response and exposures: first as if nothing moved, then from frames brought to the anchor's moment."""
    still, dtype = np.zeros(len(frames), int), frames[0].dtype
    small_ldr = reduce_frames(frames)
    if exposure_stops is None:
        stops = estimate_exposure_stops(small_ldr, still, exposure_index, response)
    else:
        stops = np.asarray(exposure_stops, np.float64)
    if response is not None:
        return DecodedFrames(frames, stops, response)
    decoded = DecodedFrames(frames, stops, response_of_frames(small_ldr, still, stops, dtype, anchor))
    near = _around(anchor, len(frames))
    if np.ptp(stops[near]) < LEAST_STOPS_FOR_RESPONSE:
        return decoded
    brought = reduce_frames([_bring(decoded, index, anchor) for index in near.tolist()])
    return DecodedFrames(frames, stops, response_of_frames(brought, still[near], stops[near], dtype))


def _around(anchor: int, count: int) -> Int[np.ndarray, " frames"]:
    """Indices of frames around the anchor, all of which exist."""
    first = int(np.clip(anchor - FRAMES_FOR_RESPONSE // 2, 0, max(0, count - FRAMES_FOR_RESPONSE)))
    return np.arange(first, min(count, first + FRAMES_FOR_RESPONSE))


def _bring(decoded: DecodedFrames, index: int, anchor: int) -> Shaped[np.ndarray, "height width 3"]:
    """A frame's pixels where the anchor shows the same things."""
    frame = np.asarray(decoded.frames[index])
    if index == anchor:
        return frame
    guide, other = decoded.guides(anchor, index)
    return follow(frame, dense_flow(guide, other))


def _explained(
    decoded: DecodedFrames, index: int, anchor_moment: Float[np.ndarray, "height width 3"], flow: Flow
) -> Float[np.ndarray, "height width"]:
    """How well the anchor's picture explains a frame: 1 fully, 0 not at all."""
    developed = decoded.develop(follow(anchor_moment, flow), index)
    return agreement(decoded.ldr(index), developed, decoded.pixel_noise) * leads_inside(flow)


def flows_to_anchor(moments: Float[np.ndarray, "frames height width 3"], anchor: int) -> list[Flow]:
    """Flow from each moment to the anchor's: roughly from frame to frame, then searched once more directly.

    Where it leads beyond the anchor's border, it goes on as the camera moves.
    """
    guides = [_guide(moment, moments[anchor]) for moment in moments]
    flows: dict[int, Flow] = {anchor: np.zeros((*moments.shape[1:3], 2), np.float32)}
    for step in (-1, 1):
        for index in range(anchor + step, -1 if step < 0 else len(moments), step):
            start = chain(
                dense_flow(guides[index], guides[index - step], finest_scale=ROUGH_SCALE), flows[index - step]
            )
            flows[index] = continue_beyond(dense_flow(guides[index], guides[anchor], start))
    return [flows[index] for index in range(len(moments))]


def _guide(
    moment: Float[np.ndarray, "height width 3"], anchor_moment: Float[np.ndarray, "height width 3"]
) -> UInt8[np.ndarray, "height width"]:
    """A moment as it is compared with the anchor's: brightness between the anchor's darkest and brightest light."""
    darkest, brightest = np.percentile(anchor_moment, SEEN_PERCENTILES, axis=(0, 1))
    return grey_between(moment, darkest, np.maximum(brightest, darkest + 1e-3))
