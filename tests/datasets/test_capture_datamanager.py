"""The data manager: what is drawn for training and for evaluation, from frames held once."""

from __future__ import annotations

import shutil

import pytest
import torch
import yaml
from nerfstudio.data.dataparsers.nerfstudio_dataparser import NerfstudioDataParserConfig

from neucam_nerfstudio.capture.pixels import source
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManager, CaptureDataManagerConfig
from neucam_nerfstudio.errors import NeucamError

THREE_FRAMES = ("F0E0", "F1E1", "F2E2")


def datamanager(folder, develop_all_exposures=True, frames="settings", **parser_options) -> CaptureDataManager:
    config = CaptureDataManagerConfig(
        dataparser=NeucamDataParserConfig(data=folder, **parser_options),
        frames=frames,
        develop_all_exposures=develop_all_exposures,
        train_num_rays_per_batch=64,
        eval_num_rays_per_batch=32,
    )
    return config.setup(device="cpu", test_mode="val", world_size=1, local_rank=0)


def test_training_rays_are_developed_at_all_exposures_of_their_focus(tiny_desk):
    rays, batch = datamanager(tiny_desk).next_train(0)
    assert batch["image"].shape == (64, 3, 3)
    assert rays.metadata["exposure_index"].unique(dim=0).tolist() == [[0, 1, 2]]
    assert sorted(rays.metadata["focus_index"].unique().tolist()) == [0, 1, 2]


def test_or_every_frame_has_its_own_rays(tiny_desk):
    rays, batch = datamanager(tiny_desk, develop_all_exposures=False).next_train(0)
    assert batch["image"].shape == (64, 3) and rays.metadata["exposure_index"].shape == (64, 1)


def test_evaluation_draws_single_frames(tiny_desk):
    rays, batch = datamanager(tiny_desk).next_eval(0)
    assert batch["image"].shape == (32, 3) and rays.metadata["exposure_index"].shape == (32, 1)


def test_frames_are_held_once_when_none_is_held_out(tiny_desk):
    manager = datamanager(tiny_desk)
    assert manager.eval_pixels is manager.train_pixels
    assert manager.train_pixels.pixels.data_ptr() == manager.train_dataset.frames_native().data_ptr()


def test_held_out_frames_are_evaluated_and_never_trained_on(tiny_desk):
    manager = datamanager(tiny_desk, train_frames=THREE_FRAMES)
    train_settings, eval_settings = set(), set()
    for _ in range(4):
        for settings, (rays, _) in ((train_settings, manager.next_train(0)), (eval_settings, manager.next_eval(0))):
            focus, exposure = (rays.metadata[name][:, 0].tolist() for name in ("focus_index", "exposure_index"))
            settings.update(zip(focus, exposure, strict=True))
    assert train_settings == {(0, 0), (1, 1), (2, 2)}
    assert eval_settings == {(i, j) for i in range(3) for j in range(3) if i != j}
    assert len(manager.fixed_indices_eval_dataloader) == 6


def test_groups_of_unequal_size_say_what_is_padding(tiny_desk):
    manager = datamanager(tiny_desk, train_frames=("F0*", "F1E1"))
    rays, batch = manager.next_train(0)
    padded = rays.metadata["focus_index"][:, 0] == 1
    assert batch["is_frame"][padded].tolist() == [[True, False, False]] * int(padded.sum())
    assert batch["is_frame"][~padded].all()


def test_steps_are_counted(tiny_desk):
    manager = datamanager(tiny_desk)
    manager.next_train(0), manager.next_train(1), manager.next_eval(0)
    assert (manager.train_count, manager.eval_count) == (2, 1)


def test_next_eval_image_gives_a_camera_and_its_photograph(tiny_desk):
    camera, batch = datamanager(tiny_desk, train_frames=THREE_FRAMES).next_eval_image(0)
    assert batch["image"].shape == (60, 90, 3)
    assert set(camera.metadata) >= {"focus_index", "exposure_index"}
    assert torch.is_floating_point(batch["image"])


def test_method_of_moments_makes_its_dataparser_one(tiny_desk):
    manager = datamanager(tiny_desk, frames="moments", train_frames=("F0*",), eval_frames=("F0*",))
    assert manager.includes_time and manager.dataparser.capture.moves
    rays, batch = manager.next_train(0)
    assert batch["image"].shape == (64, 3)
    assert torch.equal(rays.times, rays.metadata["focus_index"] / 2), "every frame has a focus and a time of its own"


def test_method_of_settings_makes_its_dataparser_one(tiny_desk):
    assert not datamanager(tiny_desk).includes_time


def test_method_of_focus_stacks_makes_its_dataparser_one(tmp_path, tiny_desk):
    for name in ("F0E0", "F1E1"):
        shutil.copy(tiny_desk / f"{name}.png", tmp_path / f"{name[1]}.png")
    assert datamanager(tmp_path).dataparser.capture.focuses.positions == (0.0,)
    manager = datamanager(tmp_path, frames="focus-stack")
    assert not manager.includes_time and manager.dataparser.capture.focuses.positions == (-1.0, 1.0)


def test_choice_of_the_method_survives_the_yaml_file_of_a_run(tiny_desk):
    config = CaptureDataManagerConfig(dataparser=NeucamDataParserConfig(data=tiny_desk), frames="moments")
    again = yaml.load(yaml.dump(config), Loader=yaml.Loader)
    again.dataparser = NeucamDataParserConfig(data=tiny_desk)
    assert again.setup(device="cpu").dataparser.capture.moves


def test_scaled_cameras_are_refused(tiny_desk):
    config = CaptureDataManagerConfig(dataparser=NeucamDataParserConfig(data=tiny_desk), camera_res_scale_factor=0.5)
    said = r"--pipeline.datamanager.camera-res-scale-factor 0.5: expected 1. .* dataparser's --downscale-factor"
    with pytest.raises(NeucamError, match=said):
        config.setup(device="cpu")


def test_no_photograph_is_decoded_before_pixels_are_drawn(tiny_desk, tmp_path, monkeypatch):
    decoded = []
    real = source.read_photograph
    monkeypatch.setattr(source, "read_photograph", lambda path, **rest: decoded.append(path.stem) or real(path, **rest))
    parsed = NeucamDataParserConfig(data=tiny_desk, manifest=tmp_path / "capture.json", train_frames=THREE_FRAMES)
    parsed.setup().get_dataparser_outputs()
    decoded.clear()
    for mode in ("inference", "test", "val"):
        config = CaptureDataManagerConfig(dataparser=parsed, train_num_rays_per_batch=64)
        manager = config.setup(device="cpu", test_mode=mode, world_size=1, local_rank=0)
        for _, batch in getattr(manager, "fixed_indices_eval_dataloader", ()):
            assert batch["image_idx"] >= 0
    assert decoded == []
    manager.next_train(0)
    assert sorted(decoded) == list(THREE_FRAMES)


def test_another_dataparser_is_refused_with_what_to_do():
    config = CaptureDataManagerConfig(dataparser=NerfstudioDataParserConfig())
    with pytest.raises(NeucamError, match="NerfstudioDataParserConfig: this dataparser reads no .* neucam-data"):
        config.setup(device="cpu")
