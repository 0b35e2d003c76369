"""Scores of a rendered frame: against its photograph, and against ground-truth radiance where the capture has it."""

from __future__ import annotations

import torch
from torch import Tensor

from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.evaluation.alignment import Alignment
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import ldr_scores


def score_image(
    capture: Capture, alignment: Alignment, outputs: dict[str, Tensor], batch: dict[str, Tensor]
) -> tuple[dict[str, float], dict[str, Tensor]]:
    """Numbers and pictures for nerfstudio's evaluation.

    Args:
        capture: Tells the ground truth, if there is one.
        alignment: How radiance is aligned with it: `scale` where exposures were given, else `affine`.
        outputs: `rgb` and `hdr` of a frame's camera.
        batch: `image` of that frame.

    Returns:
        `psnr`, `ssim` and, with ground truth, `psnr_mu_*`, `ssim_mu_*`, `psnr_pu21_*` with the alignment's name; the
        photograph beside its rendering, and the all-in-focus picture.
    """
    photograph, rendered = batch["image"].cpu(), outputs["rgb"].cpu()
    scores = ldr_scores(rendered.numpy(), photograph.numpy())
    if capture.ground_truth is not None:
        from neucam_nerfstudio.capture.ground_truth import read_radiance

        truth = read_radiance(capture.ground_truth, capture.downscale_factor)
        scores |= hdr_scores(outputs["hdr"].cpu().numpy(), truth, alignment)
    pictures = {"img": torch.cat([photograph, rendered], 1), "all_in_focus_hdr": outputs["all_in_focus_hdr"]}
    return scores, pictures
