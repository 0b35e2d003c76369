"""The estimate from which scenes that move start: response, each moment as an HDR picture, and how moments relate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.capture.alignment.optical_flow import (
    ROUGH_SCALE,
    Flow,
    chain,
    continue_beyond,
    dense_flow,
    follow,
    leads_inside,
    pixel_places,
)
from neucam_nerfstudio.classical.motion.lending import DecodedFrames, agreement, grey_between, moment_pictures
from neucam_nerfstudio.classical.pixel_values import Photograph
from neucam_nerfstudio.classical.response_samples import reduce_frames
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.classical.warm_start import LEAST_STOPS_FOR_RESPONSE, estimate_camera, response_of_frames

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
    explained = []
    for index, flow in enumerate(offset_px):
        developed = decoded.develop(follow(moments[anchor], flow), index)
        explained.append(agreement(decoded.ldr(index), developed, decoded.pixel_noise) * leads_inside(flow))
    moments -= median
    return MovingStart(
        anchor=anchor,
        canvas=canvas - median,
        squared_slope=decoded.squared_slope(canvas),
        moments=moments,
        offset_px=offset_px,
        agreement=np.stack(explained),
        response=decoded.response.shifted(-median),
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
    one_focus = np.zeros(len(frames), int)
    first_response, stops = estimate_camera(frames, one_focus, exposure_stops, exposure_index, response, anchor)
    decoded = DecodedFrames(frames, stops, first_response)
    first = int(np.clip(anchor - FRAMES_FOR_RESPONSE // 2, 0, max(0, len(frames) - FRAMES_FOR_RESPONSE)))
    near = slice(first, first + FRAMES_FOR_RESPONSE)
    if response is not None or np.ptp(stops[near]) < LEAST_STOPS_FOR_RESPONSE:
        return decoded
    brought = reduce_frames([_bring(decoded, index, anchor) for index in range(len(frames))[near]])
    return replace(decoded, response=response_of_frames(brought, one_focus[near], stops[near], frames[0].dtype))


def _bring(decoded: DecodedFrames, index: int, anchor: int) -> Shaped[np.ndarray, "height width 3"]:
    """A frame's pixels where the anchor shows the same things."""
    frame = np.asarray(decoded.frames[index])
    if index == anchor:
        return frame
    guide, other = decoded.guides(anchor, index)
    return follow(frame, dense_flow(guide, other))


def flows_to_anchor(moments: Float[np.ndarray, "frames height width 3"], anchor: int) -> list[Flow]:
    """Flow from each moment to the anchor's: roughly from frame to frame, then searched once more directly.

    Where it leads beyond the anchor's border, it goes on as the camera moves.
    """
    # Compared is the brightness between the anchor's darkest and brightest light.
    darkest, brightest = np.percentile(moments[anchor], SEEN_PERCENTILES, axis=(0, 1))
    guides = [grey_between(moment, darkest, np.maximum(brightest, darkest + 1e-3)) for moment in moments]
    flows: dict[int, Flow] = {anchor: np.zeros((*moments.shape[1:3], 2), np.float32)}
    for step in (-1, 1):
        for index in range(anchor + step, -1 if step < 0 else len(moments), step):
            rough = dense_flow(guides[index], guides[index - step], finest_scale=ROUGH_SCALE)
            direct = dense_flow(guides[index], guides[anchor], chain(rough, flows[index - step]))
            flows[index] = continue_beyond(direct)
    return [flows[index] for index in range(len(moments))]


def shared_canvas(
    moments: Float[np.ndarray, "frames height width 3"],
    offset_px: Float[np.ndarray, "frames height width 2"],
    anchor: int,
    margin_px: tuple[int, int],
) -> Float[np.ndarray, "canvas_height canvas_width 3"]:
    """The anchor's picture, and around it the mean of what other frames show there; else the anchor's border goes on.

    Args:
        moments: Picture of each frame.
        offset_px: Steps (right, down) from each frame's pixels to their places in the anchor.
        anchor: Which frame it is.
        margin_px: Rows above and below, and columns left and right, around the anchor.
    """
    down, right = margin_px
    canvas = cv2.copyMakeBorder(moments[anchor], down, down, right, right, cv2.BORDER_REPLICATE)
    height, width = moments.shape[1:3]
    light_sum, count = np.zeros_like(canvas), np.zeros((*canvas.shape[:2], 1), np.float32)
    for moment, offset in zip(moments, offset_px, strict=True):
        column, row = np.moveaxis(np.rint(pixel_places(height, width) + offset).astype(int) + (right, down), -1, 0)
        in_frame = (row >= down) & (row < down + height) & (column >= right) & (column < right + width)
        on_canvas = (row >= 0) & (row < canvas.shape[0]) & (column >= 0) & (column < canvas.shape[1])
        shown = on_canvas & ~in_frame
        np.add.at(light_sum, (row[shown], column[shown]), moment[shown])
        np.add.at(count, (row[shown], column[shown]), 1)
    # Places between pixels that moved apart are filled from their neighbours.
    light_sum, count = (cv2.blur(part, (3, 3)).reshape(*canvas.shape[:2], -1) for part in (light_sum, count))
    seen = count[..., 0] > 0
    seen[down : down + height, right : right + width] = False
    canvas[seen] = light_sum[seen] / count[seen]
    return canvas


def evenness(places_px: Float[np.ndarray, "frames ..."], times: Sequence[float]) -> tuple[float, float]:
    """How much of the motion after the first frame there was before it, and after the last of that before it: all of a
    steady walk (1), nothing of a camera that shakes (0), as the next step of the motion tells.

    Args:
        places_px: Of any number of things in each frame.
        times: Of the frames, rising.
    """

    def share(nearest: np.ndarray, next_one: np.ndarray) -> float:
        return float(np.clip((nearest * next_one).sum() / max(float((nearest**2).sum()), 1e-9), 0, 1))

    if len(times) < 3:
        return 0.0, 0.0
    steps = ((places_px[i + 1] - places_px[i]) / (times[i + 1] - times[i]) for i in (0, 1, -3, -2))
    first, second, before_last, last = steps
    return share(first, second), share(last, before_last)


def moments_from_means(
    mean_px: Float[np.ndarray, "frames ..."],
    times: Sequence[float] | Float[np.ndarray, " frames"],
    open_share: float,
    ends: tuple[float, float] = (0.0, 0.0),
) -> Float[np.ndarray, "frames ..."]:
    """Positions at the frames' moments, of which blurred frames only show the means over their open time.

    Motion is even from moment to moment. Half of the open time lies on each side of the frame's moment, so its mean has
    a share s of each neighbour's position and the rest of its own. At the shortest time between frames s = open_share /
    8; at k times that, it is a k-th.

    Args:
        mean_px: Mean positions, any number of them a frame.
        times: Of the frames, rising.
        open_share: Share of the shortest time between frames that the shutter is open, [0, 2].
        ends: See `evenness`. Where the motion goes on evenly, the mean of the first or last frame is its moment.
    """
    steps = np.diff(times)
    neighbour_shares = open_share / 8 * steps.min(initial=np.inf) / steps
    mixing = np.diag(neighbour_shares, k=1) + np.diag(neighbour_shares, k=-1)
    mixing[0] *= 1 - ends[0]
    mixing[-1] *= 1 - ends[1]
    mixing += np.diag(1 - mixing.sum(axis=1))
    return np.linalg.solve(mixing, mean_px.reshape(len(mean_px), -1)).reshape(mean_px.shape).astype(mean_px.dtype)
