from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores, psnr_mu, psnr_pu21, ssim_mu
from neucam_nerfstudio.evaluation.ldr_metrics import ssim
from neucam_nerfstudio.evaluation.perceptual_encoding import mu_law, pu21
from neucam_nerfstudio.imaging.radiance_files import read_radiance

DESK = Path(__file__).parents[2] / "dataset/MFME/Desk"


@pytest.fixture(scope="module")
def desk_crop() -> tuple[np.ndarray, np.ndarray]:
    """A crude radiance estimate (one photograph, gamma undone) and the ground truth, 96 x 128 pixels of Desk."""
    crop = np.s_[100:196, 200:328]
    photograph = cv2.imread(str(DESK / "F1E1.png"))[..., ::-1] / 255.0
    return photograph[crop] ** 2.2, read_radiance(DESK / "gt/all_in_focus_hdr.exr")[crop]


# What the acceptance tool, `score_hdr.py`, printed for the two images of `desk_crop`.
@pytest.mark.parametrize(("alignment", "psnr", "ssim"), [("scale", 24.39, 0.8876), ("affine", 26.79, 0.8969)])
def test_equals_the_acceptance_tool(desk_crop, alignment, psnr, ssim):
    scores = hdr_scores(*desk_crop, alignment)
    assert round(scores[f"psnr_mu_{alignment}"], 2) == psnr
    assert round(scores[f"ssim_mu_{alignment}"], 4) == ssim


def test_names_say_what_was_aligned(desk_crop):
    assert set(hdr_scores(*desk_crop)) == {"psnr_mu_scale", "ssim_mu_scale", "psnr_pu21_scale"}
    assert set(hdr_scores(*desk_crop, "affine")) == {"psnr_mu_affine", "ssim_mu_affine", "psnr_pu21_affine"}


def test_scores_are_plain_floats(desk_crop):
    prediction, truth = (image.astype(np.float32) for image in desk_crop)
    assert all(type(score) is float for score in hdr_scores(prediction, truth).values())


def test_any_gain_a_channel_scores_the_same(desk_crop):
    prediction, truth = desk_crop
    assert hdr_scores(prediction * [7.0, 0.3, 2.0], truth) == pytest.approx(hdr_scores(prediction, truth))


def test_psnr_mu_of_one_known_error():
    truth = np.full((8, 8, 3), 2.0)
    prediction = truth.copy()
    prediction[..., 0] = 2.0 * 0.0198  # mu-law value log(100) / log(5001) in one channel of three
    error = 1 - np.log(100.0) / np.log(5001.0)
    assert psnr_mu(prediction, truth, white=2.0) == pytest.approx(-10 * np.log10(error**2 / 3))


def test_psnr_pu21_shows_white_at_1000_candela_and_peaks_at_256():
    truth, prediction = np.full((4, 4, 3), 5.0), np.full((4, 4, 3), 0.5)
    white, darker = pu21(np.array([1000.0, 100.0]))
    assert psnr_pu21(prediction, truth, white=5.0) == pytest.approx(20 * np.log10(256 / (white - darker)))


def test_ssim_mu_is_the_ssim_of_photographs_on_mu_law_values(desk_crop):
    prediction, truth = desk_crop
    white = float(np.percentile(truth, 99.9))
    assert ssim_mu(prediction, truth, white) == ssim(mu_law(prediction / white), mu_law(truth / white))


def test_equal_pictures_are_perfect(desk_crop):
    _, truth = desk_crop
    scores = hdr_scores(truth, truth)
    assert scores["psnr_mu_scale"] > 100 and scores["ssim_mu_scale"] == pytest.approx(1)
