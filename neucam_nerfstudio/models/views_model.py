"""The model of many views: a volume seen through an implicit camera, whose poses can be refined."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any

import torch
from nerfstudio.cameras.camera_optimizers import CameraOptimizer, CameraOptimizerConfig
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor
from torch.nn import Parameter

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.exposure.white_balance import WhiteBalanceKind
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig, OutputsOnDemand, time_of
from neucam_nerfstudio.rendering.outputs import FARTHEST, OUTPUTS, Film
from neucam_nerfstudio.rendering.path_settings import SETTINGS_NAME, SettingsTrack, settings_beside
from neucam_nerfstudio.scene.scene import Rays, SceneConfig
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
    white_balance: WhiteBalanceKind = "none"
    """none: all photographs have one white balance. frame: gains of red and blue are learned of each training frame,
    for cameras that balanced each photograph by themselves."""
    camera_optimizer: CameraOptimizerConfig = field(default_factory=lambda: CameraOptimizerConfig(mode="off"))
    """Refines the poses of training frames, which structure from motion finds only roughly in blurred frames."""

    def parts(self) -> dict[str, Any]:
        """Those of any capture, and the white balance."""
        return {**super().parts(), "white_balance": self.white_balance}


class Neucam3dModel(NeucamModel):
    """nerfstudio's view of a `LearnedCapture` of many views."""

    config: Neucam3dModelConfig

    def populate_modules(self) -> None:
        """Besides the parts, builds what refines poses."""
        super().populate_modules()
        self._untimed_is_said = False
        self.camera_optimizer: CameraOptimizer = self.config.camera_optimizer.setup(
            num_cameras=self.num_train_data, device="cpu"
        )

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Those of the parts, and of the poses where they are refined."""
        groups = super().get_param_groups()
        self.camera_optimizer.get_param_groups(groups)
        return groups

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any] | RaysSeen:
        """As of any capture, from refined poses. Of rays that do not train, `RaysSeen`, which `ns-export` asks for."""
        if not self.training:
            return self._seen(ray_bundle)
        if self.config.camera_optimizer.mode != "off":
            assert ray_bundle.camera_indices is not None
            turn = self.camera_optimizer(ray_bundle.camera_indices[:, 0])[:, :, :3]
            ray_bundle.metadata["axes"] = (turn @ ray_bundle.metadata["axes"][..., None])[..., 0]
            self.camera_optimizer.apply_to_raybundle(ray_bundle)
        return super().get_outputs(ray_bundle)

    def _seen(self, ray_bundle: RayBundle) -> RaysSeen:
        times, axes = ray_bundle.times, ray_bundle.metadata.get("axes")
        times = torch.zeros_like(ray_bundle.origins[:, :1]) if times is None else times
        rays, renderer = Rays(ray_bundle.origins, ray_bundle.directions, times, axes), self.learned.renderer
        film = cache(lambda: Film(renderer, rays, CameraSettings(aperture=0.0)))
        photographed = cache(lambda: super(Neucam3dModel, self).get_outputs(ray_bundle))
        is_of_frame = axes is not None  # as our data manager gives them

        def output(name: str) -> Any:
            if is_of_frame and name in OF_FRAMES:
                return photographed()[name]
            with torch.no_grad():
                return OUTPUTS["all_in_focus" if name == "rgb" else name](film())

        return RaysSeen((*(OF_FRAMES if is_of_frame else ("rgb",)), *OF_RAYS), output)

    def get_rgba_image(self, outputs: Mapping[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Colours, and 1 where the distance is known, else 0. Of rays, as a point cloud has them, all colours are
        all in focus and at the reference frame's exposure.

        Args:
            outputs: Of rays or a picture.
            output_name: Of the colours.
        """
        name = "all_in_focus" if isinstance(outputs, RaysSeen) and output_name == "rgb" else output_name
        depth = outputs["depth"]
        is_known = depth.isfinite() & (depth < FARTHEST)
        return torch.cat([outputs[name], is_known.to(depth.dtype)], dim=-1)

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
        """How a camera of nerfstudio's takes its picture: as its frame was taken; those of paths as the reference, or
        as `camera_settings.json` of the capture says for their time."""
        known = camera.metadata or {}
        if "frame_index" in known:
            return self.learned.camera.settings_of_frame(int(known["frame_index"].flatten()[0]))
        time, track = time_of(camera), self._track
        if time is None and track is not None:
            self._say_untimed()
        if time is None or track is None:
            return CameraSettings()
        return self.learned.turned_to(CameraSettings(), track.at(time))

    @cached_property
    def _track(self) -> SettingsTrack | None:
        """Keyframes beside the capture, which are read once; and says so."""
        track = settings_beside(self.capture.folder)
        if track is not None:
            file = self.capture.folder / SETTINGS_NAME
            count = len(track.keyframes)
            CONSOLE.print(
                f"Settings along paths, by the time of each camera: {file} ({count} keyframes).", markup=False
            )
        return track

    def _say_untimed(self) -> None:
        """Says once that a path does without the keyframes."""
        if self._untimed_is_said:
            return
        self._untimed_is_said = True
        file = self.capture.folder / SETTINGS_NAME
        CONSOLE.print(
            f"{file} is not used: the cameras of this path tell no time (render_time), and take their pictures as the"
            " reference frame was taken.",
            markup=False,
        )


OF_FRAMES, OF_RAYS = ("rgb", "rays"), ("all_in_focus", "hdr", "accumulation", "depth")
"""Outputs of rays of captured frames, and of all rays that do not train."""


class RaysSeen(OutputsOnDemand):
    """Outputs of rays that do not train, each computed when it is first asked for: `rgb` the pixel values of captured
    frames, and of other rays like `all_in_focus`, which is at the reference frame's exposure; `hdr`; `depth`."""
