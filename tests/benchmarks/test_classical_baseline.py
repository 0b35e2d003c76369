from pathlib import Path

import numpy as np
import pytest

from benchmarks.classical import classical_hdr, laplacian_fusion
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.imaging.radiance_files import read_radiance

DESK = Path(__file__).parents[2] / "dataset/MFME/Desk"


def test_scores_on_desk_what_the_published_table_says():
    capture = open_capture(DESK)[0]
    focus_index = [frame.focus_index for frame in capture.frames]
    stops = [capture.exposure_stops(index) for index in range(len(capture.frames))]
    radiance = classical_hdr(PixelStore(capture).stack(capture.train_indices), focus_index, stops)
    assert hdr_scores(radiance, read_radiance(capture.radiance_truth[capture.reference_index]))[
        "psnr_mu_scale"
    ] == pytest.approx(40.5, abs=0.1)


def test_fusion_of_one_image_is_that_image():
    image = np.random.default_rng(0).random((40, 56, 3), np.float32)
    np.testing.assert_allclose(laplacian_fusion([image]), image, atol=1e-5)


def test_fusion_takes_each_half_from_the_frame_that_shows_it_sharp():
    sharp = np.random.default_rng(0).random((64, 128, 3), np.float32)
    left, right = sharp.copy(), sharp.copy()
    left[:, 64:], right[:, :64] = sharp.mean(), sharp.mean()
    fused = laplacian_fusion([left, right])
    away_from_the_seam = np.r_[0:40, 88:128]
    middling = (left + right) / 2
    error = np.abs(fused - sharp)[:, away_from_the_seam].mean()
    assert error < 0.25 * np.abs(middling - sharp)[:, away_from_the_seam].mean()
