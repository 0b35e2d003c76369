import math

import numpy as np
import pytest

from benchmarks.moving_scores import capture_scores, deblurring_scores, hdr_video_scores
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture

GREY = np.full((4, 5, 3), 0.5)


def off_by(error: float) -> np.ndarray:
    """A picture whose PSNR against grey is -20 log10(error) dB."""
    return GREY + error


def test_deblurring_by_hand():
    # 20, 40 and 20 dB before; 30, 34 and 26 dB after
    photographs = [off_by(10**-1.0), off_by(10**-2.0), off_by(10**-1.0)]
    prediction = [off_by(10**-1.5), off_by(10**-1.7), off_by(10**-1.3)]
    scores, psnr_of_frames = deblurring_scores(prediction, photographs, [GREY] * 3)
    assert psnr_of_frames == pytest.approx((30, 34, 26))
    assert scores == pytest.approx(
        {"psnr_sharp": 30, "psnr_worst": 26, "gain_on_blurred": (10 + 6) / 2, "worst_change": -6}
    )


def test_a_video_without_blurred_frames_has_no_gain_on_them():
    scores, _ = deblurring_scores([off_by(0.02)], [off_by(0.01)], [GREY])
    assert "gain_on_blurred" not in scores
    assert scores["worst_change"] == pytest.approx(-20 * math.log10(2))


def test_video_scores_are_those_of_its_frames(pan_radiance):
    prediction = pan_radiance.copy()
    prediction[2, :, :40] *= 1.5
    scores, psnr_of_frames = hdr_video_scores(prediction, pan_radiance, "scale")
    assert np.argmin(psnr_of_frames) == 2 and scores["psnr_worst"] == psnr_of_frames[2]
    assert scores["psnr_mu_scale"] == pytest.approx(np.mean(psnr_of_frames))
    assert scores["flicker"] > scores["flicker_truth"]


def test_frames_are_aligned_one_by_one_but_flicker_sees_their_brightness(pan_radiance):
    gains = np.array([1.0, 1.2, 1.0, 1.2], np.float32)[:, None, None, None]
    scores, psnr_of_frames = hdr_video_scores(pan_radiance * gains, pan_radiance, "scale")
    assert min(psnr_of_frames) > 100
    assert scores["flicker"] > scores["flicker_truth"] + 0.01


def test_a_bracket_is_scored_by_its_reference_frame(data_root, pan_radiance):
    capture = open_capture(data_root / "ME-dynamic/DeskHandheld", frames="moments")[0]
    right, wrong = (
        capture_scores(capture, "reference", [2 * pan_radiance[index]], "scale").scores["psnr_mu_scale"]
        for index in (1, 0)
    )
    assert right > 100 > 30 > wrong


def test_photographs_scored_against_themselves_gain_nothing(data_root):
    capture = open_capture(data_root / "Video-deblur/DeskShake", frames="moments")[0]
    scores, psnr_of_frames = capture_scores(
        capture, "sharp", PixelStore(capture).stack(capture.train_indices) / 255, "scale"
    )
    assert scores["worst_change"] == 0 and psnr_of_frames[0] > 100 > 40 > psnr_of_frames[1]
