"""What a released checkpoint needs of our model is read from the file, and every weight finds its place."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.published.checkpoint import PublishedCheckpoint, read_checkpoint
from neucam_nerfstudio.published.checkpoint_loading import blur_of, fit_to_checkpoint, load_weights
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig, SirenSceneConfig

from ..learned import learn, moving_capture_of

OFFICIAL = Path(__file__).parents[1] / "data" / "official_parity"
SCENES = {
    **{"mfme": SirenSceneConfig, "me_dynamic": DeformedSirenConfig},
    **{"video_deblur": LayeredSirenConfig, "video_hdr": LayeredSirenConfig},
}


def fitted(task: str, checkpoint: PublishedCheckpoint) -> PublishedModelConfig:
    """The task's configuration with the checkpoint's sizes."""
    config = PublishedModelConfig(
        scene=SCENES[task](), exposures=BoundedExposuresConfig(), response=NeuralCurveConfig()
    )
    fit_to_checkpoint(config, checkpoint)
    return config


def learned_of(task: str, checkpoint: PublishedCheckpoint) -> LearnedCapture:
    config = fitted(task, checkpoint)
    times = tuple(i / (checkpoint.num_frames - 1) for i in range(checkpoint.num_frames))
    capture = moving_capture_of(20, 30, times)
    frames = tuple(dataclasses.replace(frame, focus_index=i) for i, frame in enumerate(capture.frames))
    focuses = dataclasses.replace(capture.focuses, positions=(0.0,) * checkpoint.num_frames)
    capture = dataclasses.replace(capture, frames=frames, focuses=focuses)
    return learn(capture, config.scene, config.blur, config.exposures, config.response)


def test_sizes_of_every_network_are_the_file_s():
    config = fitted("video_hdr", read_checkpoint(OFFICIAL / "video_hdr.pth"))
    scene = config.scene
    assert (scene.atlas_width, scene.atlas_layers, config.response.layer_width) == (64, 5, 128)
    assert scene.deformation == NetworkSizes(num_octaves=0, layer_width=32, num_layers=4)
    assert scene.foreground_deformation == NetworkSizes(num_octaves=3, layer_width=32, num_layers=6)
    assert scene.opacity == NetworkSizes(num_octaves=3, layer_width=32, num_layers=4)


@pytest.mark.parametrize(
    ("task", "blur"),
    [
        ("mfme", NeuralKernelConfig(num_taps=9, layer_width=64, num_layers=4, by_depth=False)),
        ("video_hdr", BlurConfig()),
    ],
)
def test_blur_is_the_file_s(task, blur):
    assert blur_of(read_checkpoint(OFFICIAL / f"{task}.pth")) == blur


def test_kernels_that_are_no_square_of_9_or_25_are_refused(tmp_path):
    contents = torch.load(OFFICIAL / "mfme.pth", weights_only=True)
    last = contents["model_blur_state_dict"]
    last["layers.3.weight"], last["layers.3.bias"] = torch.zeros(48, 64), torch.zeros(48)
    torch.save(contents, tmp_path / "model.pth")
    with pytest.raises(NeucamError, match="its blur has 16 taps, expected 9"):
        blur_of(read_checkpoint(tmp_path / "model.pth"))


@pytest.mark.parametrize("task", SCENES)
def test_every_weight_comes_from_the_file(task):
    checkpoint = read_checkpoint(OFFICIAL / f"{task}.pth")
    learned = learned_of(task, checkpoint)
    parameters = [parameter for group in learned.parameter_groups().values() for parameter in group]
    with torch.no_grad():
        for parameter in parameters:
            parameter.fill_(torch.nan)
    load_weights(checkpoint, learned)
    assert all(parameter.isfinite().all() for parameter in parameters)
