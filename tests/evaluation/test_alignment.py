import numpy as np
import pytest

from neucam_nerfstudio.evaluation.alignment import align_radiance


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
