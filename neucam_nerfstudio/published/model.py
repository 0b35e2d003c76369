"""The published method's training: its photographic error, and what it makes of the reference frame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Bool, Float
from nerfstudio.cameras.cameras import Cameras
from torch import Tensor

from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.models.evaluation_scores import score_image
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig
from neucam_nerfstudio.scene.grid_scene import SQUARED_RANGE

MIN_MU, MAX_MU = 1.0, 101.0
"""Range of the random mu-law (`use_random_gamma` in the released code)."""


@dataclass
class PublishedModelConfig(NeucamModelConfig):
    """The published model."""

    _target: type = field(default_factory=lambda: PublishedModel)
    """The model."""
    white_ldr: float = 1.0
    """Where photographs have this pixel value or more, any light that develops to as much explains them (published: 1,
    which takes all pixel values as they are)."""
    random_mu_law: bool = False
    """Add a mu-law image with random mu to both sides of the photographic error, so that shadows weigh more."""
    other_frames_mult: float = 1.0
    """On the photographic error of all frames but the reference, from `reference_first_step` on."""
    reference_first_step: int = 0
    """The step from which the reference frame counts more than the others (published for moving brackets: 48,000)."""
    at_reference: bool = False
    """Render captured frames at the reference frame's time, as published for brackets: only their exposures are their
    own. The viewer, camera paths and exports choose the time themselves."""


class PublishedModel(NeucamModel):
    """The model of ours, trained as published."""

    config: PublishedModelConfig

    def photographic_error(
        self,
        ldr: Float[Tensor, "*rays 3"],
        photographed: Float[Tensor, "*rays 3"],
        frame_index: Tensor,
        is_frame: Bool[Tensor, "*rays"] | None = None,
    ) -> Float[Tensor, "*rays 3"]:
        """Squared error of pixel values, counted in [-1, 1], with the published emphases."""
        difference = ldr - photographed
        if self.config.random_mu_law:
            mu = draw_mu(ldr.device)
            difference = difference + mu_law(ldr, mu) - mu_law(photographed, mu)
        error = SQUARED_RANGE * difference.square()
        if not self.training or self.config.other_frames_mult == 1 or self.step < self.config.reference_first_step:
            return error
        is_reference = frame_index == self.capture.reference_position
        weights = torch.where(is_reference, 1.0, self.config.other_frames_mult)
        return error * weights.reshape(-1, *[1] * (error.ndim - 1))

    def settings_of(self, camera: Cameras) -> CameraSettings:
        """How a camera of nerfstudio's takes its picture: a captured frame's at the time of the reference frame."""
        settings = super().settings_of(camera)
        if self.config.at_reference and settings.exposure_stops is not None:
            return replace(settings, time=self.learned.renderer.reference_time)
        return settings

    def get_image_metrics_and_images(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores of a rendered photograph, and of the radiance where the capture has ground truth."""
        return score_image(self.capture, self.alignment, outputs, batch, self.config.at_reference)


def draw_mu(device: torch.device | str = "cpu") -> Float[Tensor, ""]:
    """One mu for a training step, evenly from [1, 101]."""
    return MIN_MU + (MAX_MU - MIN_MU) * torch.rand((), device=device)


def mu_law(ldr: Float[Tensor, "*batch"], mu: Float[Tensor, ""]) -> Float[Tensor, "*batch"]:
    """Brightens the shadows of pixel values in [0, 1]: log(1 + mu * ldr) / log(1 + mu)."""
    return torch.log1p(mu * ldr) / torch.log1p(mu)
