"""The NeuCam model: a scene seen through an implicit camera, as nerfstudio trains, evaluates and shows it."""

from __future__ import annotations

from collections import UserDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor
from torch.nn import Parameter

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.lens import LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import ExposureConfig, SettingExposuresConfig, check_bracket
from neucam_nerfstudio.camera.response.monotone_curve import MonotoneCurveConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.classical.pixel_values import WHITE_LDR
from neucam_nerfstudio.cli_options import without_options
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment
from neucam_nerfstudio.models.evaluation_scores import score_image
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.models.photographic_error import error_of_photographs, mean_of_frames, with_white_as_bound
from neucam_nerfstudio.rendering.view import View, pinhole_view
from neucam_nerfstudio.scene.grid_scene import GridSceneConfig
from neucam_nerfstudio.scene.scene import Rays, SceneConfig


@without_options("enable_collider", "collider_params", "loss_coefficients", "eval_num_rays_per_chunk", "prompt")
@dataclass
class NeucamModelConfig(ModelConfig):
    """A scene and the parts of an implicit camera; each part can be exchanged or left out."""

    _target: type = field(default_factory=lambda: NeucamModel)
    """The model."""
    enable_collider: bool = False
    """Not used: rays meet the image plane wherever it is."""
    scene: SceneConfig = field(default_factory=GridSceneConfig)
    """What is seen along rays."""
    blur: BlurConfig = field(default_factory=LensBlurConfig)
    """What spreads light over pixels: lens, motion, or none."""
    exposures: ExposureConfig = field(default_factory=SettingExposuresConfig)
    """The exposure of each frame."""
    response: ResponseConfig = field(default_factory=MonotoneCurveConfig)
    """What develops light into pixel values."""
    white_ldr: float = WHITE_LDR
    """Where photographs have this pixel value or more, any light that develops to as much explains them (published: 1,
    which takes all pixel values as they are)."""
    needs_bracket: bool = False
    """Refuse captures whose frames all have one known exposure, which tells nothing of high dynamic range."""

    def parts(self) -> dict[str, Any]:
        """What a `LearnedCapture` is built of, by name."""
        return {"scene": self.scene, "blur": self.blur, "exposures": self.exposures, "response": self.response}


class NeucamModel(Model):
    """nerfstudio's view of a `LearnedCapture`."""

    config: NeucamModelConfig
    learned: LearnedCapture

    def populate_modules(self) -> None:
        """Builds the parts that the configuration names."""
        super().populate_modules()
        if self.config.needs_bracket:
            check_bracket(self.capture)
        self.learned = LearnedCapture(self.capture, **self.config.parts())
        for note in self.learned.notes():
            CONSOLE.print(note, markup=False)
        self.step = 0

    @property
    def capture(self) -> Capture:
        """What is known of the photographs."""
        return self.kwargs["metadata"]["capture"]

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Parameters by what they describe; groups with nothing to learn are left out."""
        return self.learned.parameter_groups()

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        """The number of every step."""
        return [TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], self._count)]

    def _count(self, step: int) -> None:
        self.step = step

    def start(self) -> None:
        """Brings scene and camera to where training starts, and says what was found."""
        pixels: PixelStore = self.kwargs["metadata"]["pixels"]
        for said in self.learned.start(pixels.whole, pixels.coverage):
            CONSOLE.print(said, markup=False)

    def make_large(self) -> None:
        """Makes a large picture of what the camera has learned, if that alone is learned."""
        pixels: PixelStore = self.kwargs["metadata"]["pixels"]
        self.learned.make_large(pixels.whole, pixels.coverage)

    def keep_as_filmed(self) -> None:
        """Lets pictures show frames as they were filmed where they are not explained, and says which."""
        said = self.learned.keep_as_filmed(self.kwargs["metadata"]["pixels"].whole)
        if said is not None:
            CONSOLE.print(said, markup=False)

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """`rgb` of rays of captured frames, `[rays, exposures, 3]`, or `[rays, 3]` for one exposure; and `rays`."""
        times, frame, known = ray_bundle.times, ray_bundle.camera_indices, ray_bundle.metadata
        assert times is not None and frame is not None  # our data manager gives them
        ldr, went = self.learned.photograph_rays(
            Rays(ray_bundle.origins, ray_bundle.directions, times, known.get("axes")),
            known["focus_index"].long(),
            known["exposure_index"].long(),
            frame[:, 0],
            self.step,
        )
        return {"rgb": ldr.squeeze(1), "rays": went}

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR of the rays' pixel values, and what the parts find worth watching."""
        with torch.no_grad():
            error = (outputs["rgb"] - batch["image"]).square()
            psnr = -10 * torch.log10(mean_of_frames(error, batch.get("is_frame")))
            return {"psnr": psnr, **self.learned.metrics()}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Tensor], metrics_dict: dict | None = None
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms of the training loss; of evaluation rays the photographic one alone."""
        ldr, photographed = with_white_as_bound(outputs["rgb"], batch["image"], self.config.white_ldr)
        is_frame = batch.get("is_frame")
        error = self.photographic_error(ldr, photographed, outputs["rays"].frame_index, is_frame)
        of_parts = self.learned.losses(outputs["rays"]) if self.training else {}
        return {"photographs": mean_of_frames(error, is_frame), **of_parts}

    def photographic_error(
        self,
        ldr: Float[Tensor, "*rays 3"],
        photographed: Float[Tensor, "*rays 3"],
        frame_index: Tensor,
        is_frame: Bool[Tensor, "*rays"] | None = None,
    ) -> Float[Tensor, "*rays 3"]:
        """Error of pixel values in [0, 1], counted in [-1, 1] as published.

        Args:
            ldr: Rendered.
            photographed: Of the photographs.
            frame_index: Training frame of each ray.
            is_frame: Which of them a photograph shows; None for all.
        """
        return error_of_photographs(ldr, photographed, is_frame, self.capture)

    @torch.no_grad()
    def get_outputs_for_camera(self, camera: Cameras, obb_box: object = None) -> OutputsOnDemand:
        """All outputs, each rendered when it is first looked at.

        Args:
            camera: One camera. With the settings of a captured frame it takes the frame's photograph; others (camera
                paths) have those of the reference frame, or where the scene moves of the frame nearest in time.
            obb_box: Not used: a picture has nothing to be cropped away.
        """
        view, settings, renderer = view_of(camera), self.settings_of(camera), self.learned.renderer
        return OutputsOnDemand(renderer.output_names(), lambda name: renderer.render(view, settings, (name,))[name])

    @torch.no_grad()
    def settings_of(self, camera: Cameras) -> CameraSettings:
        """How a camera of nerfstudio's takes its picture."""
        time, known = time_of(camera), camera.metadata or {}
        if "focus_index" not in known:
            return CameraSettings(time=time)
        parts = self.learned.camera
        focus, exposure = (known[name].long().flatten()[:1] for name in ("focus_index", "exposure_index"))
        return CameraSettings(float(parts.focus(focus)), exposure_stops=float(parts.exposures(exposure)), time=time)

    def get_image_metrics_and_images(
        self, outputs: Mapping[str, Tensor], batch: Mapping[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores of a rendered photograph, and of the radiance where the capture has ground truth."""
        pixels: PixelStore = self.kwargs["metadata"]["pixels"]
        covered = pixels.coverage(self.capture.eval_indices[int(batch["image_idx"])])
        return score_image(self.capture, self.alignment, outputs, batch, covered=covered)

    @property
    def alignment(self) -> Alignment:
        """How radiance is aligned to ground truth: with free exposures it is known only up to a power."""
        given = self.learned.camera.exposures.follows_capture and self.capture.exposures.source != "unknown"
        return "scale" if given else "affine"


class OutputsOnDemand(UserDict):
    """Pictures by the name of their output, each rendered when it is first asked for."""

    def __init__(self, names: Sequence[str], render: Callable[[str], Tensor]) -> None:
        super().__init__(dict.fromkeys(names))
        self._render = render

    def __getitem__(self, name: str) -> Tensor:
        if super().__getitem__(name) is None:
            self[name] = self._render(name)
        return super().__getitem__(name)


def time_of(camera: Cameras) -> float | None:
    """When one camera of nerfstudio's takes its picture, if it tells; smooth paths go a little beyond [0, 1]."""
    return None if camera.times is None else min(max(float(camera.times.flatten()[0]), 0.0), 1.0)


def view_of(camera: Cameras) -> View:
    """The view of one camera of nerfstudio's, of any type."""
    height, width = int(camera.height.flatten()[0]), int(camera.width.flatten()[0])
    is_perspective = int(camera.camera_type.flatten()[0]) == CameraType.PERSPECTIVE.value
    pose = camera.camera_to_worlds.reshape(-1, 3, 4)[0]
    if is_perspective and camera.distortion_params is None:
        fx, fy, cx, cy = (float(value.flatten()[0]) for value in (camera.fx, camera.fy, camera.cx, camera.cy))
        return pinhole_view(pose, (fx, fy), (cx, cy), height, width)

    def rays_of_rows(rows: slice) -> tuple[Tensor, Tensor]:
        coords = camera.get_image_coords()[rows].to(camera.device)
        rays = camera.reshape((-1,)).generate_rays(camera_indices=0, coords=coords)
        return rays.origins.reshape(-1, 3), rays.directions.reshape(-1, 3)

    # Wider than a half space, other cameras have no plane in front of them that a lens could be focused on.
    axis = F.normalize(-pose[:, 2], dim=-1) if is_perspective else None
    return View(height, width, rays_of_rows, axis)
