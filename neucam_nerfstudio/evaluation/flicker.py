"""Flicker of HDR video: what changes from frame to frame though nothing there has moved or changed its light.

The mean absolute difference between each mu-law frame and the one before it, brought to it along the scene's true
motion. That motion is dense optical flow on the ground truth's mu-law frames, so every result is warped alike and a
result cannot hide flicker in a flow of its own. Light that really changes, noise and the interpolation of the warp
count in the ground truth too: its own value is given beside a result's, as what cannot be called flicker.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from neucam_nerfstudio.capture.alignment.optical_flow import Flow, dense_flow, follow, leads_inside, round_trip_px
from neucam_nerfstudio.evaluation.hdr_metrics import WHITE_PERCENTILE, Alignment, align_radiance
from neucam_nerfstudio.evaluation.ldr_metrics import check_equal_sizes
from neucam_nerfstudio.photometry import REC709_LUMINANCE
from neucam_nerfstudio.rendering.display_tonemapping import log_curve

ROUND_TRIP_LIMIT_PX = 1.0
"""Flow counts where it leads there and back to within this distance; elsewhere things are hidden or flow is wrong."""


class FrameStep(NamedTuple):
    """Flow from each pixel to the same thing in the frame before; it is reliable where flow the other way agrees."""

    flow: Flow
    reliable: Bool[np.ndarray, "height width"]


def hdr_flicker(
    prediction: Float[np.ndarray, "frames height width 3"],
    truth: Float[np.ndarray, "_ _ _ 3"],
    alignment: Alignment = "scale",
) -> dict[str, float]:
    """Flicker of a radiance video and of its ground truth, both in mu-law values: 0.01 is 1 % of the range.

    Args:
        prediction: Linear radiance in any unit.
        truth: Linear radiance in any unit; its 99.9th percentile over the whole video becomes 1.
        alignment: Of the whole video at once, because aligning each frame would take out flicker of its brightness.

    Returns:
        `flicker` and `flicker_truth`.

    Raises:
        ValueError: If the shapes differ, the ground truth is uniform, there is but one frame or no reliable motion.
    """
    truth = truth.astype(np.float64)
    white = np.percentile(truth, WHITE_PERCENTILE)
    encoded_truth = log_curve(truth / white)
    steps = video_steps(encoded_truth)
    check_equal_sizes(prediction, truth)
    tall = (-1, *truth.shape[2:])  # all frames as one tall picture
    aligned = align_radiance(prediction.astype(np.float64).reshape(tall), truth.reshape(tall), alignment)
    aligned /= white
    encoded = log_curve(aligned).reshape(truth.shape)
    return {"flicker": flicker(encoded, steps), "flicker_truth": flicker(encoded_truth, steps)}


def video_steps(display: Float[np.ndarray, "frames height width 3"]) -> list[FrameStep]:
    """Motion between all neighbouring frames of a video of display values in [0, 1]."""
    grey = [np.rint(255 * (frame @ np.array(REC709_LUMINANCE))).astype(np.uint8) for frame in display]
    steps = []
    for earlier, later in zip(grey[:-1], grey[1:], strict=True):
        back, there = dense_flow(later, earlier), dense_flow(earlier, later)
        reliable = (leads_inside(back) > 0) & (round_trip_px(back, there) < ROUND_TRIP_LIMIT_PX)
        steps.append(FrameStep(back, reliable))
    return steps


def flicker(display: Float[np.ndarray, "frames height width 3"], steps: Sequence[FrameStep]) -> float:
    """Mean absolute change along the motion, over all reliable pixels of all frames but the first.

    Args:
        display: Display values in [0, 1].
        steps: Motion from the second frame back to the first, from the third to the second, and so on.

    Raises:
        ValueError: If there is not one step fewer than frames, or no pixel's motion is reliable.
    """
    num_reliable = sum(int(step.reliable.sum()) for step in steps)
    if num_reliable == 0:
        raise ValueError("Flicker is measured between frames where motion is known: here that is nowhere.")
    changes = (
        np.abs(later - follow(earlier, step.flow))[step.reliable].sum()
        for earlier, later, step in zip(display[:-1], display[1:], steps, strict=True)
    )
    return float(sum(changes) / (num_reliable * display.shape[-1]))
