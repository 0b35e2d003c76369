"""Each method from its first step to its scores: what training leaves behind, and what is rendered and told of it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from nerfstudio.scripts.eval import ComputePSNR
from nerfstudio.scripts.render import DatasetRender
from nerfstudio.utils.eval_utils import eval_setup

from .conftest import METHODS, NUM_STEPS, Run, check_pictures, scalars, train

NAMES = sorted(f"F{focus}E{exposure}" for focus in range(3) for exposure in range(3))
HEIGHT, WIDTH = 30, 45


@pytest.fixture(scope="module", params=METHODS)
def run(request: pytest.FixtureRequest, tiny_desk: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run of each method on the small desk at half its size, evaluated while it was trained; read only."""
    return train(
        request.param,
        tiny_desk,
        tmp_path_factory.mktemp("runs"),
        dataparser={"downscale_factor": 2},
        **{"steps_per_eval_batch": 4, "steps_per_eval_image": 5, "steps_per_eval_all_images": 10},
    )


def test_run_leaves_its_configuration_and_a_checkpoint(run):
    assert run.config.is_file()
    assert [path.name for path in run.models.iterdir()] == [f"step-{NUM_STEPS - 1:09d}.ckpt"]
    checkpoint = run.checkpoint()
    assert checkpoint["step"] == NUM_STEPS - 1
    assert all(torch.isfinite(values).all() for values in checkpoint["pipeline"].values())


def test_tensorboard_shows_training_and_evaluation(run):
    assert len(list(run.folder.glob("events.out.tfevents.*"))) == 1
    shown = scalars(run)
    for tag in ("Train Loss", "Eval Loss", "Eval Images Metrics/psnr", "Eval Images Metrics Dict (all images)/ssim"):
        assert np.isfinite(shown[tag]).all(), tag
    assert (f"Eval Images Metrics/psnr_mu_{run.alignment}" in shown) == run.has_truth


def test_loaded_run_renders_every_output(run):
    _, pipeline, _, _ = eval_setup(run.config)
    outputs = pipeline.model.get_outputs_for_camera(pipeline.datamanager.train_dataset.cameras[4:5])
    assert set(outputs) == run.outputs
    check_pictures({name: picture.numpy() for name, picture in outputs.items()})


def test_every_output_of_every_frame(run, tmp_path):
    names = [*sorted(run.outputs), "raw-hdr", "gt-rgb"]
    DatasetRender(run.config, tmp_path, image_format="png", rendered_output_names=names, split="train").main()
    assert {path.name for path in (tmp_path / "train").iterdir()} == set(names)
    for name in names:
        suffix = ".npy.gz" if name == "raw-hdr" else ".png"
        assert sorted(path.name for path in (tmp_path / "train" / name).iterdir()) == [f + suffix for f in NAMES], name
    assert cv2.imread(str(tmp_path / "train/rgb/F1E1.png")).shape == (HEIGHT, WIDTH, 3)


def test_scores_against_photographs_and_ground_truth(run, tmp_path):
    """The reference frame has scores in any case, as its truth is always there."""
    ComputePSNR(load_config=run.config, output_path=tmp_path / "scores.json").main()
    results = json.loads((tmp_path / "scores.json").read_text())["results"]
    radiance_scores = [f"{name}_{run.alignment}" for name in ("psnr_mu", "ssim_mu", "psnr_pu21")]
    for name in ("psnr", "ssim", *radiance_scores * run.has_truth):
        assert math.isfinite(results[name]) and math.isfinite(results[f"{name}_std"]), name
    assert 0 <= results["ssim"] <= 1
    for name in radiance_scores * run.has_truth:  # all frames show one scene
        assert results[f"{name}_std"] == pytest.approx(0, abs=1e-3)

    reported = {name: score for name, score in results.items() if name.startswith("reference_")}
    wanted = {"q_abf", "tenengrad", "flip", *radiance_scores}  # no mef_ssim: 30 pixels are too few for it
    assert set(reported) == {f"reference_{name}" for name in wanted}
    assert all(math.isfinite(score) for score in reported.values())
