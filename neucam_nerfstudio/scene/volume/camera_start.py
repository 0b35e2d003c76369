"""What many views tell of their camera before anything is known of the scene: response and exposures.

Views that look at one scene show about the same brightnesses, wherever they stand: the darkest tenth of one is the
darkest tenth of the other. So the quantiles of their pixel values stand for pixels that lie on one another.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int

from neucam_nerfstudio.classical.pixel_values import Photograph, half_step, pixel_values
from neucam_nerfstudio.classical.response_estimation import solve_response, usable, weighted_mean
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable, srgb_response
from neucam_nerfstudio.classical.warm_start import LEAST_STOPS_FOR_RESPONSE
from neucam_nerfstudio.parts import Start
from neucam_nerfstudio.photometry import LN2

NUM_QUANTILES = 200
"""Of the pixel values of each view and channel."""

MOST_FRAMES = 60
"""The response is told by about so many of the views."""

ALTERNATIONS = 20
"""How often exposures are found beside the light, and the light beside the exposures."""


def estimate_camera(known: Start, response: ResponseTable | None) -> CameraEstimate:
    """Response and exposures of the training frames of a capture of many views, see `estimate_camera_of_views`."""
    capture, trained = known.capture, known.capture.train_indices
    return estimate_camera_of_views(
        [known.photograph(index) for index in trained],
        capture.known_train_stops,
        [capture.frames[index].exposure_index for index in trained],
        response,
        [known.coverage(index) for index in trained],
    )


def estimate_camera_of_views(
    frames: Sequence[Photograph],
    exposure_stops: Sequence[float] | None,
    exposure_index: Sequence[int],
    response: ResponseTable | None = None,
    covered: Sequence[Bool[np.ndarray, "height width"] | None] = (),
) -> CameraEstimate:
    """Response and exposures of views of one scene: as given, or estimated where they are None.

    Args:
        frames: Photographs [height, width, 3], RGB, 8 or 16 bit or floating point in [0, 1].
        exposure_stops: Exposure of each, if known.
        exposure_index: Exposure setting of each.
        response: Of the camera, if known.
        covered: Which pixels of each show something; None where all do.
    """
    ldr = np.stack(
        [quantiles(frame, mask) for frame, mask in zip(frames, [*covered, *[None] * len(frames)], strict=False)], axis=1
    )
    index = np.asarray(exposure_index)
    if exposure_stops is not None:
        stops = np.asarray(exposure_stops, np.float64)
        if response is None and np.ptp(stops) < LEAST_STOPS_FOR_RESPONSE:
            response = srgb_response(half_step(frames[0].dtype))
    elif response is not None:
        stops = stops_by_response(ldr, response, index)
    else:
        stops = None
    if response is None:
        some = np.unique(np.linspace(0, len(frames) - 1, MOST_FRAMES).round().astype(int))
        told = None if stops is None else stops[some]
        is_shown = np.ones((len(ldr), len(some)), bool)
        response, _ = solve_response(ldr[:, some], is_shown, told, index[some], half_step(frames[0].dtype))
        stops = stops_by_response(ldr, response, index) if stops is None else stops
    assert stops is not None
    return CameraEstimate(response, stops.astype(np.float32))


def quantiles(
    frame: Photograph, covered: Bool[np.ndarray, "height width"] | None = None
) -> Float[np.ndarray, "quantiles 3"]:
    """Pixel values in [0, 1] of a frame, channel by channel from dark to bright."""
    values = pixel_values(frame[:, :, :3])
    values = values.reshape(-1, 3) if covered is None or not covered.any() else values[covered]
    shares = (np.arange(NUM_QUANTILES) + 0.5) / NUM_QUANTILES
    return np.quantile(values, shares, axis=0).astype(np.float32)


def stops_by_response(
    ldr: Float[np.ndarray, "samples frames 3"], response: ResponseTable, exposure_index: Int[np.ndarray, " frames"]
) -> Float[np.ndarray, " frames"]:
    """Exposures at which frames show samples in one light, by a known response; their mean is 0.

    Args:
        ldr: Pixel values in [0, 1].
        response: Of the camera.
        exposure_index: Exposure setting of each frame.
    """
    log_exposure, shown = response.decode(ldr), usable(ldr).astype(np.float64)
    settings = np.unique(exposure_index, return_inverse=True)[1]
    weights = np.maximum(shown * response.slope(log_exposure) ** 2, 1e-9)
    of_setting = np.eye(settings.max() + 1)[settings]
    stops = np.zeros(len(settings))
    for _ in range(ALTERNATIONS):
        light = weighted_mean(log_exposure - LN2 * stops[:, None], weights)
        off = (weights * (log_exposure - light)).sum((0, 2)) @ of_setting / (weights.sum((0, 2)) @ of_setting)
        stops = off[settings] / LN2
        stops -= stops.mean()
    return stops
