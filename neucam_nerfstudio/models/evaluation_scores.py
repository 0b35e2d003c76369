"""Scores of a rendered frame, against its photograph and ground truth, and of the picture that a run is for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from jaxtyping import Bool
from torch import Tensor

from neucam_nerfstudio.camera.exposure.exposures import exposures_differ
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment, hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores, psnr
from neucam_nerfstudio.evaluation.picture_scores import picture_scores, yardstick
from neucam_nerfstudio.evaluation.view_scores import PROTOCOL, scores_of_views
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models.learned_capture import LearnedCapture


def score_image(
    capture: Capture,
    alignment: Alignment,
    outputs: Mapping[str, Tensor],
    batch: Mapping[str, Any],
    at_reference: bool = False,
    covered: Bool[np.ndarray, "height width"] | None = None,
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Numbers and pictures for nerfstudio's evaluation.

    Args:
        capture: Tells the ground truth, if there is one.
        alignment: How radiance is aligned with it: `scale` where exposures were given, else `affine`.
        outputs: `rgb`, `hdr` and `all_in_focus` of an evaluation frame's camera.
        batch: `image` of that frame, and `image_idx`, its number among the evaluation frames.
        covered: Which pixels of the photograph show something, and are scored; None where all do.
        at_reference: Whether it shows the reference frame's moment, whose ground truth then counts, and not its own.

    Returns:
        `psnr`, `ssim` and, with true radiance, `psnr_mu_*`, `ssim_mu_*`, `psnr_pu21_*` with the alignment's name, and
        with a true sharp photograph `psnr_sharp`; the photograph beside its rendering, and the all-in-focus picture.
        Ground truth counts where every moment shown has it: nerfstudio averages each score over all of them. Many
        views are scored by `score_views`, as far as radiance goes; one without a photograph has no scores here.
    """
    shown = (capture.reference_index,) * len(capture.eval_indices) if at_reference else capture.eval_indices
    frame_index = shown[int(batch["image_idx"])]
    radiance_truth, sharp_truth = capture.radiance_truth[frame_index], capture.sharp_truth[frame_index]
    if radiance_truth == capture.frames[frame_index].path:  # a view that nobody has photographed
        return {}, {"all_in_focus_hdr": outputs["all_in_focus_hdr"]}
    photograph, rendered = batch["image"].cpu(), outputs["rgb"].cpu()
    scores = ldr_scores(rendered.numpy(), photograph.numpy(), covered)
    if capture.views is None and radiance_truth is not None and _all_have(capture.radiance_truth, shown):
        truth = read_radiance(radiance_truth, capture.downscale_factor)
        scores |= hdr_scores(outputs["hdr"].cpu().numpy(), truth, alignment)
    if sharp_truth is not None and _all_have(capture.sharp_truth, shown):
        sharp = read_sharp(sharp_truth, capture.downscale_factor)
        scores["psnr_sharp"] = psnr(outputs["all_in_focus"].cpu().numpy(), sharp)
    pictures = {"img": torch.cat([photograph, rendered], 1), "all_in_focus_hdr": outputs["all_in_focus_hdr"]}
    return scores, pictures


def score_reference(
    capture: Capture, pixels: PixelStore, alignment: Alignment, outputs: Mapping[str, Tensor]
) -> dict[str, float]:
    """Scores of the all-in-focus picture at the reference frame.

    That is radiance; or where the photographs have but one exposure, which tells no more range than they have, a
    photograph.

    Args:
        capture: Tells the ground truth, if there is any.
        pixels: Of the frames, by their index in the capture.
        alignment: How radiance is aligned with it: `scale` where exposures were given, else `affine`.
        outputs: `hdr` and `all_in_focus` of the reference frame's camera.

    Returns:
        Those of `picture_scores`, each as `reference_<name>`.
    """
    is_radiance = exposures_differ(capture)
    picture = outputs["hdr" if is_radiance else "all_in_focus"].cpu().numpy()
    scores = picture_scores(picture, is_radiance, yardstick(capture, pixels), alignment)
    return {f"reference_{name}": score for name, score in scores.items()}


@torch.no_grad()
def score_views(learned: LearnedCapture, alignment: Alignment) -> tuple[dict[str, float], str]:
    """Scores of all evaluation views that have true radiance, and how they are taken, in words.

    Returns:
        Those of `scores_of_views`, and the means of `hdr_scores`, for which each channel of each view is aligned by
        itself. Nothing where there is no true radiance.
    """
    capture = learned.capture
    indices = [index for index in capture.eval_indices if capture.radiance_truth[index] is not None]
    if not indices:
        return {}, ""
    truths = [read_radiance(cast(Path, capture.radiance_truth[index]), capture.downscale_factor) for index in indices]
    pictures = [
        learned.renderer.render(learned.view_of_frame(index), CameraSettings(frame=index), ("hdr",))["hdr"]
        .cpu()
        .numpy()
        for index in indices
    ]
    each = [hdr_scores(picture, truth, alignment) for picture, truth in zip(pictures, truths, strict=True)]
    means = {name: float(np.mean([scores[name] for scores in each])) for name in each[0]}
    protocol = PROTOCOL[alignment].format(count=len(indices))
    scores = scores_of_views(pictures, truths, alignment) | means
    return scores, f"{protocol}; psnr_mu_{alignment} and those like it: one to each channel of each view"


def _all_have(truth: Sequence[Path | None], frame_indices: Sequence[int]) -> bool:
    return all(truth[index] is not None for index in frame_indices)
