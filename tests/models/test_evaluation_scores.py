"""Scores of a rendered frame: against its photograph always, against radiance where the capture has it."""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np
import pytest
import torch

from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.models.evaluation_scores import score_image

PHOTOGRAPH = torch.full((60, 90, 3), 0.5)
BATCH = {"image": PHOTOGRAPH, "image_idx": 4}


@pytest.fixture
def outputs(desk) -> dict[str, torch.Tensor]:
    """A rendering that is 0.1 too bright, with the ground truth's radiance at another scale."""
    truth = torch.from_numpy(read_radiance(desk.radiance_truth[0]))
    return {"rgb": PHOTOGRAPH + 0.1, "hdr": 7 * truth, "all_in_focus": PHOTOGRAPH, "all_in_focus_hdr": PHOTOGRAPH}


def test_against_the_photograph(desk, outputs):
    scores, pictures = score_image(dataclasses.replace(desk, radiance_truth=(None,) * 9), "scale", outputs, BATCH)
    assert scores["psnr"] == pytest.approx(20.0, abs=1e-3)
    assert set(scores) == {"psnr", "ssim"}
    assert pictures["img"].shape == (60, 180, 3) and pictures["all_in_focus_hdr"].shape == (60, 90, 3)


@pytest.mark.parametrize("alignment", ["scale", "affine"])
def test_against_radiance_the_alignment_is_told_by_the_names(desk, outputs, alignment):
    scores, _ = score_image(desk, alignment, outputs, BATCH)
    assert set(scores) == {"psnr", "ssim", *(f"{name}_{alignment}" for name in ("psnr_mu", "ssim_mu", "psnr_pu21"))}
    assert scores[f"psnr_mu_{alignment}"] > 60  # seven times too bright is aligned away
    assert scores[f"ssim_mu_{alignment}"] > 0.999
    assert all(isinstance(score, float) and not math.isnan(score) for score in scores.values())


def test_each_frame_is_scored_against_its_own_truth(desk, outputs, tmp_path):
    for index in range(3):
        cv2.imwrite(str(tmp_path / f"sharp_{index}.png"), np.full((60, 90, 3), 128 + 10 * index, np.uint8))
    sharp = tuple(tmp_path / f"sharp_{index}.png" for index in range(3))
    capture = dataclasses.replace(
        desk, eval_indices=(0, 2), radiance_truth=(None,) * 9, sharp_truth=sharp + (None,) * 6
    )
    scores, _ = score_image(capture, "scale", outputs, {"image": PHOTOGRAPH, "image_idx": 1})
    assert scores["psnr_sharp"] == pytest.approx(-20 * math.log10(148 / 255 - 0.5), abs=1e-3)


def test_truth_that_some_evaluation_frames_lack_is_no_score(desk, outputs):
    truth = (None, *desk.radiance_truth[1:])
    scores, _ = score_image(dataclasses.replace(desk, radiance_truth=truth), "scale", outputs, BATCH)
    assert set(scores) == {"psnr", "ssim"}


def test_frames_shown_at_the_reference_frame_s_moment_are_scored_against_its_truth(desk, outputs):
    truth = [None] * 9
    truth[desk.reference_index] = desk.radiance_truth[0]
    capture = dataclasses.replace(desk, radiance_truth=tuple(truth))
    scores, _ = score_image(capture, "scale", outputs, BATCH, at_reference=True)
    assert scores["psnr_mu_scale"] > 60
