"""Pixels and everything the released code computes for them, beside the checkpoints it computed them from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from neucam_nerfstudio.published.checkpoint import Part, PublishedCheckpoint, read_checkpoint
from neucam_nerfstudio.published.checkpoint_loading import blur_of
from neucam_nerfstudio.published.exposures import BoundedExposures, BoundedExposuresConfig
from neucam_nerfstudio.published.fields import (
    NeuralDeformation,
    NeuralOpacity,
    SirenAtlas,
    TwoLayerField,
)
from neucam_nerfstudio.published.kernel_blur import NeuralKernelBlur
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig, NeuralCurveResponse
from neucam_nerfstudio.scene.plane_field import DeformedField, PlaneField

from ..learned import capture_of

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
        return self._loaded(NeuralDeformation(self.height, self.width, self._sizes(part)), part)

    def opacity(self) -> NeuralOpacity:
        return self._loaded(NeuralOpacity(self.height, self.width, self._sizes("opacity")), "opacity")

    def _sizes(self, part: Part) -> NetworkSizes:
        shape = self.checkpoint.network_shape(part)
        return NetworkSizes(shape.num_octaves, shape.layer_width, shape.num_layers)

    def field(self) -> PlaneField:
        if "deformation" not in self.checkpoint.weights:
            return self.atlas("atlas")
        background = DeformedField(self.atlas("atlas"), self.deformation("deformation"))
        if "opacity" not in self.checkpoint.weights:
            return background
        foreground = DeformedField(self.atlas("foreground_atlas"), self.deformation("foreground_deformation"))
        return TwoLayerField(background, foreground, self.opacity())

    def blur(self) -> NeuralKernelBlur:
        return self._loaded(NeuralKernelBlur(blur_of(self.checkpoint), capture_of(self.height, self.width)), "blur")

    def focus_position(self) -> Tensor:
        return self.checkpoint.weights["focus"]["positions"].values[self.expected["frame"]]

    def exposure_stops(self) -> Tensor:
        capture = capture_of(1, 1, stops=(0.0,) * self.checkpoint.num_frames)
        exposures = BoundedExposures(BoundedExposuresConfig(), capture)
        return self._loaded(exposures, "exposures")(self.expected["frame"])

    def response(self) -> NeuralCurveResponse:
        config = NeuralCurveConfig(layer_width=self.checkpoint.network_shape("response").layer_width)
        return self._loaded(NeuralCurveResponse(config), "response")

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
