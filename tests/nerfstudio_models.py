"""Untrained models as nerfstudio holds them, and what it asks them with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.engine.callbacks import TrainingCallbackAttributes, TrainingCallbackLocation

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig, frame_cameras
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManager, CaptureDataManagerConfig, as_bundle
from neucam_nerfstudio.datasets.pixel_sampling import ExposureGroups, PixelSampler
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig

from .learned import photographs_of


def model_of(capture: Capture, config: NeucamModelConfig | None = None, **parts: object) -> NeucamModel:
    """An untrained model of a capture, the same whenever it is built.

    Args:
        capture: The photographs.
        config: Of the model; ours by default.
        parts: Fields of `NeucamModelConfig`, where no `config` is told.
    """
    torch.manual_seed(0)
    return (config or NeucamModelConfig(**parts)).setup(
        scene_box=SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3])),
        num_train_data=len(capture.train_indices),
        metadata={"capture": capture, "pixels": Photographs(capture)},
    )


def datamanager(folder: Path, **options: object) -> CaptureDataManager:
    """Deals out 32 rays a step of a folder's photographs; `options` are the dataparser's."""
    dataparser = NeucamDataParserConfig(data=folder, **options)
    config = CaptureDataManagerConfig(dataparser=dataparser, train_num_rays_per_batch=32)
    return config.setup(device="cpu", test_mode="val", world_size=1, local_rank=0)


class Photographs:
    """Pixels of a capture's frames, by their index."""

    def __init__(self, capture: Capture) -> None:
        self.whole = photographs_of(capture)

    def __getitem__(self, index: int) -> np.ndarray:
        return self.whole(index)

    def coverage(self, index: int) -> None:
        """All of it."""


def run_before_step(model: NeucamModel, step: int) -> None:
    """Runs what the trainer has the model run before a step, and the start before the first."""
    if step == 0:
        model.start()
    attributes = TrainingCallbackAttributes(optimizers=None, grad_scaler=None, pipeline=None, trainer=None)
    for callback in model.get_training_callbacks(attributes):
        callback.run_callback_at_location(step, TrainingCallbackLocation.BEFORE_TRAIN_ITERATION)


def camera_of_frame(capture: Capture, index: int) -> Cameras:
    """The camera of a frame, which tells its settings."""
    return frame_cameras(capture, (index,))


def camera_without_settings(capture: Capture, time: float | None = None) -> Cameras:
    """A camera as the viewer or a path gives it: it sees the whole picture, and tells nothing but its time."""
    camera = frame_cameras(capture, (0,))
    camera.metadata = {"cam_idx": 0}
    camera.times = None if time is None else torch.tensor([[time]])
    return camera


def rays_of_frames(capture: Capture, frames: tuple[int, ...], num_rays: int) -> RayBundle:
    """Training rays at random pixels of training frames."""
    black = torch.zeros(len(capture.train_indices), capture.height, capture.width, 3, dtype=torch.uint8)
    sampler = PixelSampler(black, capture, capture.train_indices, "cpu")
    return as_bundle(sampler.sample(num_rays, ExposureGroups(torch.tensor(frames)[:, None], None)))[0]
