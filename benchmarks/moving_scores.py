"""Scores of a capture that moves against its ground truth: what the scores of its frames come to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from benchmarks.moving_rows import Scored
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.evaluation.flicker import hdr_flicker
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment, hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import psnr
from neucam_nerfstudio.imaging.radiance_files import read_radiance

BLURRED_BELOW_DB = 30.0
"""A frame counts as blurred if its PSNR against the sharp photograph is lower."""


class VideoScores(NamedTuple):
    """Scores of a video.

    Attributes:
        scores: By name.
        psnr_of_frames: dB; none of a single picture.
    """

    scores: dict[str, float]
    psnr_of_frames: tuple[float, ...] = ()


def capture_scores(
    capture: Capture, scored: Scored, pictures: Sequence[Float[np.ndarray, "height width 3"]], alignment: Alignment
) -> VideoScores:
    """Scores a result against the ground truth of its capture.

    Args:
        capture: All its frames are training frames.
        scored: What `pictures` are.
        pictures: Linear radiance of each frame; of the reference frame alone for `reference`; display pictures of
            each frame in [0, 1] for `sharp`.
        alignment: How radiance is aligned.
    """
    if scored == "reference":
        (radiance,) = pictures
        return VideoScores(
            hdr_scores(radiance, read_radiance(capture.radiance_truth[capture.reference_index]), alignment)
        )
    if scored == "frames":
        truth = np.stack([read_radiance(path) for path in capture.radiance_truth])
        return hdr_video_scores(np.stack(pictures), truth, alignment)
    return deblurring_scores(pictures, photographs(capture), [read_sharp(path) for path in capture.sharp_truth])


def photographs(capture: Capture) -> Float[np.ndarray, "frames height width 3"]:
    """The capture's frames as display values in [0, 1]."""
    return PixelStore(capture).stack(capture.train_indices) / np.iinfo(capture.number_type).max


def hdr_video_scores(
    prediction: Float[np.ndarray, "frames height width 3"],
    truth: Float[np.ndarray, "frames height width 3"],
    alignment: Alignment,
) -> VideoScores:
    """Mean of `hdr_scores`, each frame aligned by itself, `psnr_worst` (dB, mu-law), `flicker` and `flicker_truth`."""
    of_frames = [hdr_scores(*pair, alignment) for pair in zip(prediction, truth, strict=True)]
    mean = {name: float(np.mean([scores[name] for scores in of_frames])) for name in of_frames[0]}
    psnr_of_frames = tuple(scores[f"psnr_mu_{alignment}"] for scores in of_frames)
    flicker = hdr_flicker(prediction, truth, alignment)
    return VideoScores(mean | {"psnr_worst": min(psnr_of_frames)} | flicker, psnr_of_frames)


def deblurring_scores(
    prediction: Sequence[Float[np.ndarray, "height width 3"]],
    photographs: Sequence[Float[np.ndarray, "height width 3"]],
    sharp: Sequence[Float[np.ndarray, "height width 3"]],
) -> VideoScores:
    """PSNR against sharp photographs, and how it differs from that of the blurred ones themselves.

    Args:
        prediction: Display values in [0, 1].
        photographs: The blurred ones.
        sharp: The same without blur.

    Returns:
        `psnr_sharp` (mean, dB), `psnr_worst`, `worst_change` (of any frame, dB) and, if the photographs have frames
        below 30 dB, `gain_on_blurred` (their mean, dB).
    """
    after, before = (
        np.array([psnr(*pair) for pair in zip(pictures, sharp, strict=True)]) for pictures in (prediction, photographs)
    )
    scores = {
        "psnr_sharp": float(after.mean()),
        "psnr_worst": float(after.min()),
        "worst_change": float((after - before).min()),
    }
    blurred = before < BLURRED_BELOW_DB
    if blurred.any():
        scores["gain_on_blurred"] = float((after - before)[blurred].mean())
    return VideoScores(scores, tuple(after.tolist()))
