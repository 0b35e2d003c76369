from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.evaluation.hdr_metrics import align_radiance, hdr_scores, pu21
from neucam_nerfstudio.evaluation.ldr_metrics import ssim
from neucam_nerfstudio.imaging.radiance_files import read_radiance
from neucam_nerfstudio.rendering.display_tonemapping import log_curve

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


def test_errors_of_known_size():
    """One row is wrong, which moves no median: white, at 5, is given as 0.0198 of that, or as 100 of 1000 cd/m2."""
    truth = np.linspace(0.5, 5.0, 100)[:, None, None] * np.ones((1, 40, 3))
    darker, dull = truth.copy(), truth.copy()
    darker[-1, :, 0] = 5.0 * 0.0198  # mu-law value log(100) / log(5001)
    dull[-1] = 0.5
    mu_error = 1 - np.log(100.0) / np.log(5001.0)
    assert hdr_scores(darker, truth)["psnr_mu_scale"] == pytest.approx(-10 * np.log10(mu_error**2 / 300), abs=1e-6)
    pu21_error = np.diff(pu21(np.array([100.0, 1000.0])))[0]
    expected = 20 * np.log10(256 / pu21_error) + 20
    assert hdr_scores(dull, truth)["psnr_pu21_scale"] == pytest.approx(expected, abs=1e-6)


def test_ssim_mu_is_the_ssim_of_photographs_on_mu_law_values(desk_crop):
    prediction, truth = desk_crop
    truth = truth.astype(np.float64)
    white = float(np.percentile(truth, 99.9))
    aligned = align_radiance(prediction, truth, "scale")
    expected = ssim(log_curve(aligned / white), log_curve(truth / white))
    assert hdr_scores(prediction, truth)["ssim_mu_scale"] == expected


def test_equal_pictures_are_perfect(desk_crop):
    _, truth = desk_crop
    scores = hdr_scores(truth, truth)
    assert scores["psnr_mu_scale"] > 100 and scores["ssim_mu_scale"] == pytest.approx(1)


def ramp(height: int = 20, width: int = 30) -> np.ndarray:
    """Radiance rising evenly in log from 1e-2 to 1e2, the channels a factor of two apart."""
    log_radiance = np.linspace(np.log(1e-2), np.log(1e2), height * width).reshape(height, width, 1)
    return np.exp(log_radiance + np.log([1.0, 2.0, 4.0]))


def test_scale_takes_out_one_gain_a_channel():
    truth = ramp()
    aligned = align_radiance(truth * [0.5, 3.0, 10.0], truth, "scale")
    np.testing.assert_allclose(aligned, truth, rtol=1e-12)


def test_scale_leaves_contrast_alone():
    truth = ramp()
    aligned = align_radiance(truth**2, truth, "scale")
    contrast = np.log(aligned[-1, -1] / aligned[0, 0]) / np.log(truth[-1, -1] / truth[0, 0])
    np.testing.assert_allclose(contrast, 2.0, rtol=1e-9)


def test_affine_takes_out_a_power_and_a_gain():
    truth = ramp()
    aligned = align_radiance(3.0 * truth**1.7, truth, "affine")
    np.testing.assert_allclose(aligned, truth, rtol=1e-9)


def test_gain_is_the_median_of_the_middle_so_wrong_extremes_do_not_move_it():
    truth = ramp()
    prediction = 2.0 * truth
    prediction[0, :3], prediction[-1, -3:] = 1e6, 1e-6
    aligned = align_radiance(prediction, truth, "scale")
    np.testing.assert_allclose(aligned[5], truth[5], rtol=1e-12)


def test_black_pixels_stay_finite():
    truth = ramp()
    prediction = truth.copy()
    prediction[3, 4] = 0.0
    assert np.isfinite(align_radiance(prediction, truth, "affine")).all()


def test_refuses_different_shapes():
    with pytest.raises(ValueError, match=r"\(20, 30, 3\).*\(10, 30, 3\)"):
        align_radiance(ramp(20), ramp(10), "scale")


def test_refuses_a_uniform_ground_truth():
    with pytest.raises(ValueError, match="too uniform"):
        align_radiance(ramp(), np.ones((20, 30, 3)), "scale")


def test_pu21_puts_an_ordinary_displays_white_at_256():
    assert pu21(np.array([100.0])) == pytest.approx(256.0, abs=0.5)


def test_pu21_by_hand_at_one_candela():
    # at 1 cd/m2 every power of the luminance is 1, so only the constants remain
    expected = 596.3148142 * (((0.353487901 + 0.3734658629) / (1 + 8.277049286e-05)) ** 0.09150303166 - 0.9099517204)
    assert pu21(np.array([1.0])) == pytest.approx(expected, rel=1e-12)


def test_pu21_clips_to_its_range():
    np.testing.assert_allclose(pu21(np.array([0.0, 1e9])), pu21(np.array([0.005, 1e4])))
    assert pu21(np.array([0.0])) >= 0


@given(st.floats(0.01, 9000), st.floats(1.001, 10))
def test_brighter_light_encodes_higher(luminance, ratio):
    assert pu21(np.array([luminance * ratio])) > pu21(np.array([luminance]))
