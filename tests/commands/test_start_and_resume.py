"""`ns-train` before its first step and after its last: the start alone, going on, and copies of what was learned."""

from __future__ import annotations

import copy

import cv2
import numpy as np
import torch
from nerfstudio.utils.eval_utils import eval_setup

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.imaging.radiance_files import read_radiance

from .conftest import Run, train


def rendered(run: Run) -> dict[str, np.ndarray]:
    """All outputs of a run at the reference frame's camera."""
    _, pipeline, _, _ = eval_setup(run.config)
    position = pipeline.model.capture.reference_position
    cameras = pipeline.datamanager.train_dataset.cameras[position : position + 1]
    return {name: picture.numpy() for name, picture in pipeline.model.get_outputs_for_camera(cameras).items()}


def test_no_steps_are_the_start_which_can_be_opened_and_gone_on_from(tiny_desk, tmp_path):
    start = train("neucam", tiny_desk, tmp_path / "start", num_steps=0)
    assert [path.name for path in start.models.iterdir()] == ["step-000000000.ckpt"]
    radiance = read_radiance(start.folder / "start" / "hdr.exr")
    np.testing.assert_allclose(rendered(start)["hdr"], radiance, rtol=1e-3)
    shown = cv2.imread(str(start.folder / "start" / "all_in_focus_hdr.png"))[..., ::-1] / 255
    np.testing.assert_allclose(rendered(start)["all_in_focus_hdr"], shown, atol=0.6 / 255)
    resumed = train("neucam", tiny_desk, tmp_path / "resumed", num_steps=3, load_dir=start.models)
    assert resumed.checkpoint()["step"] == 3
    assert not (resumed.folder / "start").exists()
    unchanged = train("neucam", tiny_desk, tmp_path / "unchanged", num_steps=0, load_dir=resumed.models)
    assert unchanged.checkpoint()["step"] == 3


def test_a_resumed_run_has_the_earlier_run_s_capture(tiny_desk, tmp_path):
    held_out = {"train_frames": ("F0*", "F1*")}
    first = train("neucam", tiny_desk, tmp_path / "first", num_steps=1, dataparser=held_out)
    resumed = train("neucam", tiny_desk, tmp_path / "resumed", num_steps=1, load_dir=first.models)
    before, after = (Capture.load(run.folder / "capture.json") for run in (first, resumed))
    assert after == before and len(after.train_indices) == 6


def test_a_model_can_be_copied(neucam_run):
    _, pipeline, _, _ = eval_setup(neucam_run.config)
    camera = pipeline.datamanager.train_dataset.cameras[0:1]
    before = pipeline.model.get_outputs_for_camera(camera)["hdr"]
    copied = copy.deepcopy(pipeline.model)
    with torch.no_grad():
        for parameter in copied.learned.scene.parameters():
            parameter.add_(0.1)
    assert torch.equal(pipeline.model.get_outputs_for_camera(camera)["hdr"], before)
    assert not torch.equal(copied.get_outputs_for_camera(camera)["hdr"], before)
