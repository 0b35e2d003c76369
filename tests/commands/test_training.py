"""`ns-train`: what a run leaves behind, how it goes on, and every kind of capture it has to take."""

from __future__ import annotations

import copy
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from nerfstudio.utils.eval_utils import eval_setup

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture

from .conftest import NUM_STEPS, Run, check_pictures, scalars, train

DESK = Path(__file__).parents[2] / "dataset" / "MFME" / "Desk"


def rendered(run: Run, split: str = "train", index: int = 0) -> dict[str, np.ndarray]:
    """All outputs of a run at the camera of one frame."""
    _, pipeline, _, _ = eval_setup(run.config)
    manager = pipeline.datamanager
    cameras = (manager.train_dataset if split == "train" else manager.eval_dataset).cameras
    outputs = pipeline.model.get_outputs_for_camera(cameras[index : index + 1])
    return {name: picture.numpy() for name, picture in outputs.items()}


def test_learning_rates_and_times_are_logged_with_the_loss(neucam_run):
    shown = scalars(neucam_run)
    of_each_step = ("Train Loss", "learning_rate/scene", "Train Iter (time)", "ETA (time)")
    assert [len(shown[tag]) for tag in of_each_step] == [2] * 4, f"steps 0 and 10 of {NUM_STEPS}"


def test_learning_rates_follow_max_num_iterations(neucam_run):
    from nerfstudio.configs.method_configs import all_methods

    checkpoint = neucam_run.checkpoint()
    for name, schedule in checkpoint["schedulers"].items():
        group = all_methods["neucam"].optimizers[name]
        end = (
            group["optimizer"].lr
            * group["scheduler"].final_factor
            * min(1, NUM_STEPS / group["scheduler"].warmup_steps)
        )
        assert schedule["_last_lr"] == [pytest.approx(end, rel=0.1)]


@pytest.mark.parametrize("method", ["neucam", "neucam-paper", "neucam-hdr-video-paper"])
def test_run_goes_on_from_its_folder_without_starting_anew(runs, method, tiny_desk, tmp_path, monkeypatch):
    def start_again(*_):
        raise AssertionError("the start was run again")

    first = runs(method)
    monkeypatch.setattr(LearnedCapture, "start", start_again)
    resumed = train(method, tiny_desk, tmp_path, num_steps=5, load_dir=first.models)
    checkpoint = resumed.checkpoint()
    assert checkpoint["step"] == NUM_STEPS + 5 - 1
    for name, optimizer in checkpoint["optimizers"].items():
        assert {int(state["step"]) for state in optimizer["state"].values()} == {NUM_STEPS + 5}, name
    for name, schedule in checkpoint["schedulers"].items():
        assert schedule["last_epoch"] == NUM_STEPS + 5, name
    before, after = (run.checkpoint()["pipeline"] for run in (first, resumed))
    learned = [name for name, values in before.items() if values.numel() > 0]
    moved = max((after[name] - before[name]).abs().max().item() for name in learned)
    assert 0 < moved < 0.2  # a few steps further, not somewhere else


def freezing_at(step: int) -> dict:
    """The optimizers of the published method for moving brackets, frozen earlier."""
    from nerfstudio.configs.method_configs import all_methods

    optimizers = copy.deepcopy(all_methods["neucam-hdr-paper"].optimizers)
    for group in optimizers.values():
        if group["scheduler"] is not None:
            group["scheduler"].at_step = step
    return optimizers


def test_published_camera_is_frozen_and_the_scene_starts_afresh(tiny_desk, tmp_path):
    before, after = (
        train("neucam-hdr-paper", tiny_desk, tmp_path / str(steps), steps, optimizers=freezing_at(3)).checkpoint()
        for steps in (3, 6)
    )
    moved = {name for name, values in before["pipeline"].items() if not torch.equal(values, after["pipeline"][name])}
    assert moved and all(".scene." in name for name in moved)
    assert {int(state["step"]) for state in after["optimizers"]["scene"]["state"].values()} == {3}
    rates = {name: optimizer["param_groups"][0]["lr"] for name, optimizer in after["optimizers"].items()}
    assert rates == {"scene": pytest.approx(1e-5), "exposures": 0.0, "response": 0.0}


def test_a_resumed_run_is_frozen_at_the_same_step(tiny_desk, tmp_path):
    options = {"num_steps": 3, "optimizers": freezing_at(4)}
    first = train("neucam-hdr-paper", tiny_desk, tmp_path / "first", **options)
    assert {int(state["step"]) for state in first.checkpoint()["optimizers"]["scene"]["state"].values()} == {3}
    resumed = train("neucam-hdr-paper", tiny_desk, tmp_path / "resumed", load_dir=first.models, **options).checkpoint()
    assert resumed["step"] == 5
    assert {int(state["step"]) for state in resumed["optimizers"]["scene"]["state"].values()} == {2}
    assert resumed["optimizers"]["response"]["param_groups"][0]["lr"] == 0.0


def test_one_known_exposure_is_refused_for_high_dynamic_range(tiny_desk, tmp_path):
    with pytest.raises(NeucamError, match="have one exposure .* neucam-deblur for a video"):
        train("neucam-hdr-video-paper", tiny_desk, tmp_path, dataparser={"train_frames": ("*E1",)})


def test_training_makes_the_photographs_fit_better(tiny_desk, tmp_path):
    run = train("neucam", tiny_desk, tmp_path, num_steps=60, rays=1024)
    psnr = scalars(run)["Train Metrics Dict/psnr"]
    assert psnr[-1] > psnr[0] + 1


def test_held_out_frames_are_rendered_and_scored(tiny_desk, tmp_path):
    three = {"train_frames": ("F0E0", "F1E1", "F2E2")}
    run = train("neucam", tiny_desk, tmp_path, dataparser=three, steps_per_eval_all_images=10)
    _, pipeline, _, _ = eval_setup(run.config)
    assert (len(pipeline.datamanager.train_dataset), len(pipeline.datamanager.eval_dataset)) == (3, 6)
    check_pictures(rendered(run, "eval", 5))
    assert np.isfinite(scalars(run)["Eval Images Metrics Dict (all images)/psnr"]).all()


def renamed(capture: Path) -> None:
    """Names that tell the focus and nothing of the exposure, in an order that is not the exposures'."""
    for photograph in capture.glob("F?E?.png"):
        focus, exposure = photograph.stem[:2], int(photograph.stem[3])
        photograph.rename(capture / f"{focus}_{'bca'[exposure]}.png")
    (capture / "exposure.txt").unlink()


def test_unknown_exposures_are_estimated_and_learned(tiny_capture, tmp_path):
    renamed(tiny_capture)
    run = train("neucam", tiny_capture, tmp_path / "runs", num_steps=20)
    _, pipeline, _, _ = eval_setup(run.config)
    stops = pipeline.model.learned.camera.exposures.stops
    frames = pipeline.datamanager.train_dataset.metadata["capture"].frames
    by_letter = {
        letter: [stops[f.exposure_index].item() for f in frames if f.name.endswith(letter)] for letter in "abc"
    }
    # a was the brightest, b the darkest, three stops from the middle each.
    assert max(by_letter["b"]) + 1 < min(by_letter["c"]) and max(by_letter["c"]) + 1 < min(by_letter["a"])
    check_pictures(rendered(run))


@pytest.mark.parametrize("method", ["neucam", "neucam-multifocus", "neucam-multifocus-paper"])
@pytest.mark.parametrize("train_frames", [("F1*",), ("*E1",)], ids=["one focus", "one exposure"])
def test_focus_stack_or_bracket_alone(tiny_desk, tmp_path, method, train_frames):
    run = train(method, tiny_desk, tmp_path, num_steps=4, dataparser={"train_frames": train_frames})
    check_pictures(rendered(run))
    check_pictures(rendered(run, "eval"))


def test_focus_settings_with_different_numbers_of_exposures(tiny_desk, tmp_path):
    frames = ("F0*", "F1E1", "F2E0", "F2E2")
    run = train("neucam", tiny_desk, tmp_path, dataparser={"train_frames": frames})
    check_pictures(rendered(run))


def test_sixteen_bits_are_used(tiny_capture, tmp_path):
    for photograph in tiny_capture.glob("F?E?.png"):
        full_size = cv2.imread(str(DESK / photograph.name)).astype(np.float32) / 255
        averaged = cv2.resize(full_size, (90, 60), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(photograph), np.rint(65535 * averaged).astype(np.uint16))
    run = train("neucam", tiny_capture, tmp_path / "runs", num_steps=20)
    _, pipeline, _, _ = eval_setup(run.config)
    assert pipeline.datamanager.train_dataset.frames_native().dtype == torch.uint16
    outputs = rendered(run, index=4)
    check_pictures(outputs)
    photograph = cv2.imread(str(tiny_capture / "F1E1.png"), cv2.IMREAD_UNCHANGED)[..., ::-1] / 65535
    assert np.abs(outputs["rgb"] - photograph).mean() < 0.02


def test_smaller_size_may_be_asked_for(tiny_desk, tmp_path):
    run = train("neucam", tiny_desk, tmp_path, num_steps=3, dataparser={"downscale_factor": 2})
    assert rendered(run)["hdr"].shape == (30, 45, 3)
