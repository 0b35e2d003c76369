"""Untrained models of the small capture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackLocation

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import frame_cameras
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig

ONE_FOCUS, ONE_EXPOSURE = {"train_frames": ("F1*",)}, {"train_frames": ("*E1",)}


@pytest.fixture
def build_model(desk: Capture) -> Callable[..., NeucamModel]:
    """Builds a model for a capture: `build_model(capture, blur="none")`; without a capture, for the small desk."""

    def build(capture: Capture = desk, **config) -> NeucamModel:
        torch.manual_seed(0)
        box = SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3]))
        return NeucamModelConfig(**config).setup(
            scene_box=box, num_train_data=len(capture.train_indices), metadata={"capture": capture}
        )

    return build


@pytest.fixture
def frame_camera(desk: Capture) -> Callable[[int], Cameras]:
    """The camera of one frame of the small desk: `frame_camera(4)`."""
    return lambda index: frame_cameras(desk, (index,))


@pytest.fixture
def desk_with_frames(desk: Capture) -> Callable[[int], Capture]:
    """The small desk's first frames as moments of a scene that moves, each with settings of its own."""

    def moving(num_frames: int) -> Capture:
        frames = [replace(desk.frames[i], focus_index=i, exposure_index=i) for i in range(num_frames)]
        stops = [desk.exposure_stops(i) for i in range(num_frames)]
        return replace(
            desk,
            frames=tuple(frames),
            train_indices=tuple(range(num_frames)),
            eval_indices=tuple(range(num_frames)),
            exposures=replace(desk.exposures, stops=tuple(stops)),
            focuses=replace(desk.focuses, positions=(0.0,) * num_frames),
            reference_index=(num_frames - 1) // 2,
            moves=True,
            times=tuple(i / (num_frames - 1) for i in range(num_frames)),
        )

    return moving


def camera_without_settings(camera: Cameras, **changes) -> Cameras:
    """The camera as the viewer or a path would give it; `metadata` may be told."""
    camera = camera[0:1]
    camera.metadata, camera.times = changes.get("metadata"), None
    return camera


def start(model, dataset) -> None:
    """Runs what the model has the trainer run before the first step."""
    trainer = SimpleNamespace(pipeline=SimpleNamespace(datamanager=SimpleNamespace(train_dataset=dataset)))
    for callback in model.get_training_callbacks(trainer):
        callback.run_callback_at_location(0, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)
