"""How good our methods for scenes that move get on parts of rendered captures, in a fraction of their usual steps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from nerfstudio.utils.eval_utils import eval_setup

from neucam_nerfstudio.capture.ground_truth import read_sharp
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.evaluation.hdr_metrics import hdr_scores
from neucam_nerfstudio.evaluation.ldr_metrics import psnr
from neucam_nerfstudio.imaging.radiance_files import read_radiance

from .conftest import train

MOVING = Path(__file__).parents[1] / "data" / "moving"

LEAST_HANDHELD_PSNR_MU_DB = 45.0
"""Measured: 46.7 dB."""

LEAST_SHAKE_GAIN_DB, LARGEST_LOSS_DB = 4.5, 1.0
"""Measured: 5.9 dB over the frames under 30 dB, and 0.4 dB lost by the calm one."""


def rendered(run, name: str) -> tuple[object, list[np.ndarray]]:
    """The capture, and an output of every training frame."""
    _, pipeline, _, _ = eval_setup(run.config)
    dataset = pipeline.datamanager.train_dataset
    cameras = [dataset.cameras[index : index + 1] for index in range(len(dataset))]
    pictures = [pipeline.model.get_outputs_for_camera(camera)[name].numpy() for camera in cameras]
    return dataset.metadata["capture"], pictures


def test_a_handheld_bracket_becomes_hdr_without_ghosts(tmp_path):
    run = train("neucam-hdr", MOVING / "DeskHandheld", tmp_path, num_steps=100, rays=2048)
    capture, radiance = rendered(run, "hdr")
    truth = read_radiance(capture.radiance_truth[capture.reference_index])
    assert hdr_scores(radiance[capture.reference_index], truth)["psnr_mu_scale"] > LEAST_HANDHELD_PSNR_MU_DB


def test_a_shaken_video_becomes_sharp_and_calm_frames_stay_as_good(tmp_path):
    run = train("neucam-deblur", MOVING / "DeskShake", tmp_path, num_steps=150, rays=4096)
    capture, pictures = rendered(run, "all_in_focus")
    truth = [read_sharp(path) for path in capture.sharp_truth]
    before = np.array(
        [
            psnr(pixels / 255, sharp)
            for pixels, sharp in zip(PixelStore(capture).stack(capture.train_indices), truth, strict=True)
        ]
    )
    gain = np.array([psnr(picture, sharp) for picture, sharp in zip(pictures, truth, strict=True)]) - before
    assert gain[before < 30].mean() > LEAST_SHAKE_GAIN_DB
    assert gain.min() > -LARGEST_LOSS_DB
