"""Pixels and everything the released code computes for them, beside the checkpoints it computed them from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from neucam_nerfstudio.camera.blur.neural_kernel import NeuralKernelBlur
from neucam_nerfstudio.camera.exposure.bounded_exposures import BoundedExposures
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.scene.deformation import DeformedScene
from neucam_nerfstudio.scene.layered_scene import LayeredScene
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation
from neucam_nerfstudio.scene.neural_opacity import NeuralOpacity
from neucam_nerfstudio.scene.scene_field import SceneField
from neucam_nerfstudio.scene.siren_atlas import SirenAtlas
from torch import Tensor, nn

from neucam_nerfstudio.published.checkpoint import PublishedCheckpoint, read_checkpoint
from neucam_nerfstudio.published.checkpoint_layout import Part

FOLDER = Path(__file__).parents[1] / "data" / "official_parity"
TOLERANCE = 1e-5


class OfficialTask:
    """One task's checkpoint, our modules with its weights, and what the released code computes at 256 pixels."""

    def __init__(self, name: str) -> None:
        self.checkpoint: PublishedCheckpoint = read_checkpoint(FOLDER / f"{name}.pth")
        with np.load(FOLDER / f"{name}.npz") as arrays:
            self.expected = {name: torch.from_numpy(arrays[name]) for name in arrays.files}
        num_frames, self.height, self.width = self.expected["shape_nhw"].tolist()
        uv = [(self.expected["col"] + 0.5) / self.width, (self.expected["row"] + 0.5) / self.height]
        self.uv = torch.stack(uv, -1).float()
        self.times = (self.expected["frame"] / (num_frames - 1)).float()[:, None]

    def assert_matches(self, computed: Tensor, name: str) -> None:
        """Compares with what the released code computes under `name`."""
        torch.testing.assert_close(computed, self.expected[name], rtol=0, atol=TOLERANCE)

    def atlas(self, part: Part) -> SirenAtlas:
        shape = self.checkpoint.network_shape(part)
        return self._loaded(SirenAtlas(self.height, self.width, shape.layer_width, shape.num_layers), part)

    def deformation(self, part: Part) -> NeuralDeformation:
        shape = self.checkpoint.network_shape(part)
        sizes = (self.height, self.width, shape.num_octaves, shape.layer_width, shape.num_layers)
        return self._loaded(NeuralDeformation(*sizes), part)

    def opacity(self) -> NeuralOpacity:
        shape = self.checkpoint.network_shape("opacity")
        sizes = (self.height, self.width, shape.num_octaves, shape.layer_width, shape.num_layers)
        return self._loaded(NeuralOpacity(*sizes), "opacity")

    def scene(self) -> SceneField:
        if not self.checkpoint.has("deformation"):
            return self.atlas("atlas")
        background = DeformedScene(self.atlas("atlas"), self.deformation("deformation"))
        if not self.checkpoint.has("opacity"):
            return background
        foreground = DeformedScene(self.atlas("foreground_atlas"), self.deformation("foreground_deformation"))
        return LayeredScene(background, foreground, self.opacity())

    def blur(self) -> NeuralKernelBlur:
        shape = self.checkpoint.network_shape("blur")
        blur = NeuralKernelBlur(
            self.height, self.width, shape.num_taps, layer_width=shape.layer_width, num_layers=shape.num_layers
        )
        return self._loaded(blur, "blur")

    def focus_position(self) -> Tensor:
        return self.checkpoint.focus_positions[self.expected["frame"]]

    def exposure_stops(self) -> Tensor:
        return self._loaded(BoundedExposures(self.checkpoint.num_frames), "exposures")(self.expected["frame"])

    def response(self) -> NeuralCurveResponse:
        return self._loaded(NeuralCurveResponse(self.checkpoint.network_shape("response").layer_width), "response")

    def _loaded(self, module: nn.Module, part: Part) -> nn.Module:
        self.checkpoint.load_into(module, part)
        return module.requires_grad_(False)


@pytest.fixture(scope="session")
def official_folder() -> Path:
    return FOLDER


@pytest.fixture(scope="session")
def mfme() -> OfficialTask:
    """A tripod capture: one atlas, blurred."""
    return OfficialTask("mfme")


@pytest.fixture(scope="session", params=["mfme", "me_dynamic", "video_deblur", "video_hdr"])
def official(request) -> OfficialTask:
    """Every task."""
    return OfficialTask(request.param)


@pytest.fixture(scope="session", params=["me_dynamic", "video_deblur", "video_hdr"])
def moving(request) -> OfficialTask:
    """The tasks with a deformation: plain (the first), encoded, and plain behind an encoded one."""
    return OfficialTask(request.param)


@pytest.fixture(scope="session", params=["video_deblur", "video_hdr"])
def layered(request) -> OfficialTask:
    """The tasks with a foreground before a background."""
    return OfficialTask(request.param)


@pytest.fixture(scope="session", params=["mfme", "video_deblur"])
def blurred(request) -> OfficialTask:
    """The tasks with a blur generator."""
    return OfficialTask(request.param)
