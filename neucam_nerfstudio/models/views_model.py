"""The model of many views: a volume seen through an implicit camera, whose poses can be refined."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizer, CameraOptimizerConfig
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from torch import Tensor
from torch.nn import Parameter

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig
from neucam_nerfstudio.scene.scene import SceneConfig
from neucam_nerfstudio.scene.volume.volume_scene import VolumeSceneConfig

OF_POSES = "camera_opt"
"""The parameter group of the poses, as nerfstudio names it."""


@dataclass
class Neucam3dModelConfig(NeucamModelConfig):
    """A volume and the parts of an implicit camera; each part can be exchanged or left out."""

    _target: type = field(default_factory=lambda: Neucam3dModel)
    """The model."""
    scene: SceneConfig = field(default_factory=VolumeSceneConfig)
    """What is seen along rays."""
    blur: BlurConfig = field(default_factory=ThinLensBlurConfig)
    """What spreads light over pixels: thin-lens, or none."""
    camera_optimizer: CameraOptimizerConfig = field(default_factory=lambda: CameraOptimizerConfig(mode="off"))
    """Refines the poses of training frames, which structure from motion finds only roughly in blurred frames."""


class Neucam3dModel(NeucamModel):
    """nerfstudio's view of a `LearnedCapture` of many views."""

    config: Neucam3dModelConfig

    def populate_modules(self) -> None:
        """Besides the parts, builds what refines poses."""
        super().populate_modules()
        self.camera_optimizer: CameraOptimizer = self.config.camera_optimizer.setup(
            num_cameras=self.num_train_data, device="cpu"
        )

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Those of the parts, and of the poses where they are refined."""
        groups = super().get_param_groups()
        self.camera_optimizer.get_param_groups(groups)
        return groups

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """As of any capture, from refined poses."""
        if self.training and self.config.camera_optimizer.mode != "off":
            assert ray_bundle.camera_indices is not None
            turn = self.camera_optimizer(ray_bundle.camera_indices[:, 0])[:, :, :3]
            ray_bundle.metadata["axes"] = (turn @ ray_bundle.metadata["axes"][..., None])[..., 0]
            self.camera_optimizer.apply_to_raybundle(ray_bundle)
        return super().get_outputs(ray_bundle)

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Tensor], metrics_dict: dict | None = None
    ) -> dict[str, Tensor]:
        """The terms of any capture, and of the poses."""
        losses = super().get_loss_dict(outputs, batch, metrics_dict)
        if self.training:
            self.camera_optimizer.get_loss_dict(losses)
        return losses

    @torch.no_grad()
    def settings_of(self, camera: Cameras) -> CameraSettings:
        """How a camera of nerfstudio's takes its picture: as its frame was taken; those of paths as the reference."""
        known = camera.metadata or {}
        if "frame_index" not in known:
            return CameraSettings()
        return self.learned.camera.settings_of_frame(int(known["frame_index"].flatten()[0]))
