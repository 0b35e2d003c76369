"""Untrained models of the small capture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.data.scene_box import SceneBox

from neucam_nerfstudio.capture.capture import Capture, load_capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import frame_cameras
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig

ONE_FOCUS, ONE_EXPOSURE = {"train_frames": ("F1*",)}, {"train_frames": ("*E1",)}


@pytest.fixture(scope="session")
def desk(tiny_desk: Path) -> Capture:
    """Three focus settings at three exposures, 90 x 60."""
    return load_capture(tiny_desk)


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
