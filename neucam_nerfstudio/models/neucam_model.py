"""The NeuCam model: a scene field seen through an implicit camera, as nerfstudio trains, evaluates and shows it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor
from torch.nn import Parameter

from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera, Mixing
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.cli_options import without_options
from neucam_nerfstudio.evaluation.alignment import Alignment
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.models.camera_parts import (
    BlurKind,
    ExposureKind,
    ResponseKind,
    build_blur,
    build_exposures,
    build_focus,
    build_response,
)
from neucam_nerfstudio.models.evaluation_scores import score_image
from neucam_nerfstudio.models.frame_settings import (
    FramesInTime,
    are_of_frames,
    check_bracket,
    exposures_differ,
    own_settings,
    settings_of_rays,
    times_of_rays,
)
from neucam_nerfstudio.models.local_display import LocalDisplay
from neucam_nerfstudio.models.mask_and_flow import MaskAndFlow
from neucam_nerfstudio.models.motion_losses import MotionTraining, TrainingRays, motion_losses
from neucam_nerfstudio.models.motion_picture import largest_motion
from neucam_nerfstudio.models.outputs import (
    Display,
    layer_outputs,
    motion_output,
    picture_anchors,
    render_outputs,
)
from neucam_nerfstudio.models.scene_parts import SceneKind, build_scene, check_scene_options
from neucam_nerfstudio.models.training_losses import LossWeights, reference_emphasis, training_losses
from neucam_nerfstudio.published.network_sizes import NetworkSizes
from neucam_nerfstudio.rendering.image_formation import blur_radius_px, develop, image_radiance
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.scene.layered_scene import LayeredField, LayeredScene, WatchedLayers
from neucam_nerfstudio.scene.moving_scene import MovingScene
from neucam_nerfstudio.scene.scene_field import MovingField
from neucam_nerfstudio.viewer.camera_back import CameraBack
from neucam_nerfstudio.viewer.dials import Dials, OwnSettings
from neucam_nerfstudio.viewer.render_thread import viewer_is_rendering


@without_options("enable_collider", "collider_params", "loss_coefficients", "prompt")
@dataclass
class NeucamModelConfig(ModelConfig):
    """A scene field and the parts of an implicit camera; each part can be left out."""

    _target: type = field(default_factory=lambda: NeucamModel)
    """The model."""
    enable_collider: bool = False
    """Not used: rays meet the image plane wherever it is."""
    eval_num_rays_per_chunk: int = 1 << 15
    """Rays rendered at a time."""
    scene: SceneKind = "grid"
    """Scene field: our coarse-to-fine grid; or the published SIREN: alone, deformed, or one for each of two layers."""
    blur: BlurKind = "lens"
    """Blur generator: our lens, the published kernel network with 9 or 25 taps, or none."""
    blur_by_depth: bool = True
    """Where the capture has a depth/ folder, tell the published kernel network the depth instead of the place."""
    mixing: Mixing = "light"
    """Whether blur sums light, as lenses do, or its logarithm, as the published model does."""
    exposures: ExposureKind = "settings"
    """Exposures as the dataparser gives them, or the published ones: learned from 0 within 3 stops in any case."""
    response: ResponseKind = "monotone"
    """Camera response: our rising curves, the sRGB standard, the published networks, or none (linear photographs, as
    which RAW files are developed: there the first two give way to it)."""
    start_from_classical: bool = True
    """Start from OpenCV-style estimates of radiance, response and focus; else from random weights, as published."""
    most_learned_cells: int = 600_000
    """Of a larger picture, detail finer than a grid of so many cells stays as the classical start found it, and a step
    costs no more than for one of this size. Raise it together with the rays a step; without effect on networks."""
    network_sizes: NetworkSizes = field(default_factory=NetworkSizes)
    """Sizes of the published networks, where scene, blur or response is one; others have no sizes to choose."""
    losses: LossWeights = field(default_factory=LossWeights)
    """Weights of the terms of the training loss."""
    motion: MotionTraining = field(default_factory=MotionTraining)
    """Training of deformations and layers; without effect on other scenes."""
    needs_bracket: bool = False
    """Refuse captures whose frames all have one known exposure, which tells nothing of high dynamic range."""
    at_reference: bool = False
    """Render captured frames at the reference frame's time, as published for brackets: only their exposures are their
    own. The viewer, camera paths and exports choose the time themselves."""


class NeucamModel(Model):
    """Scene field + implicit camera.

    Outputs at any camera: see `models.outputs`. A training ray only gets its light and its pixel values.
    """

    config: NeucamModelConfig

    def populate_modules(self) -> None:
        """Builds the parts that the configuration names."""
        super().populate_modules()
        config, capture, sizes = self.config, self.capture, self.config.network_sizes
        check_scene_options(config.scene, config.start_from_classical, config.most_learned_cells)
        if config.needs_bracket:
            check_bracket(capture)
        self.plane = ImagePlane(capture.height, capture.width)
        most_cells = config.most_learned_cells if config.start_from_classical else None
        self.scene = build_scene(config.scene, capture, sizes, most_cells)
        self.camera = ImplicitCamera(
            build_focus(capture),
            build_blur(config.blur, capture, sizes, self.scene, config.blur_by_depth, most_cells),
            build_exposures(config.exposures, capture),
            build_response(self._response_kind(), sizes),
            config.mixing,
        )
        self.reference_time = capture.times[capture.reference_index]
        self.anchors = ParameterMemo(self.scene, lambda: picture_anchors(self.scene, self.reference_time))
        self.largest_motion = ParameterMemo(
            self.scene, lambda: largest_motion(self.scene, self.plane, capture.times, self.reference_time)
        )
        self.frames_in_time = FramesInTime(capture) if capture.moves else None
        self.mask_and_flow = MaskAndFlow(capture, config.motion.mask_steps > 0, config.motion.flow_mult > 0)
        self.step = 0
        self.local_display = LocalDisplay(self.scene, self.plane, self.reference_time)
        self.camera_back = CameraBack(capture, self.camera, self.plane, self.settings_of_frame)
        self.register_load_state_dict_post_hook(lambda model, keys: model.camera_back.follow())

    @property
    def dials(self) -> Dials:
        """What cameras without settings of their own are set to: the viewer's, one on a path, an exported one."""
        return self.camera_back.dials

    def settings_of_frame(self, index: int) -> OwnSettings:
        """Focus and exposure of a frame, by its index in the capture, as they are learned now."""
        return own_settings(self.camera, self.capture, index)

    def _response_kind(self) -> ResponseKind:
        """The configured response, unless the photographs' own is known, or they cannot tell the one to be learned."""
        kind = self.config.response
        if kind in ("monotone", "srgb") and self.capture.linear_light:
            CONSOLE.print("RAW files are developed to linear light: the camera has no response to learn.")
            return "none"
        if kind == "monotone" and not exposures_differ(self.capture):
            CONSOLE.print("All frames have one exposure, which tells no response: taking the sRGB standard's.")
            kind = "srgb"
        if kind == "srgb" and self.capture.number_type != np.uint8:
            CONSOLE.print("Pixel values are read as sRGB; --pipeline.model.response none takes them for linear light.")
        return kind

    @property
    def capture(self) -> Capture:
        """The photographs that are trained on and what is known of them."""
        return self.kwargs["metadata"]["capture"]

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Parameters by what they describe; groups with nothing to learn are left out."""
        camera = self.camera
        groups = {
            **self.scene.parameter_groups(),
            "blur": [] if camera.blur is None else camera.blur.parameters(),
            "focus": [] if camera.blur is None else camera.focus.parameters(),
            "exposures": camera.exposures.parameters(),
            "response": [] if camera.response is None else camera.response.parameters(),
        }
        learned = {name: [p for p in parameters if p.requires_grad] for name, parameters in groups.items()}
        return {name: parameters for name, parameters in learned.items() if parameters}

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        """The start before the first step, the number of every step, and dials that follow what is learned."""
        datamanager = attributes.pipeline.datamanager

        before_each = [TrainingCallbackLocation.BEFORE_TRAIN_ITERATION]
        after_each = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
        return [
            TrainingCallback(before_each, lambda step: self._start(datamanager.train_dataset), iters=(0,)),
            TrainingCallback(before_each, self._count, update_every_num_iters=1),
            TrainingCallback(after_each, lambda step: self.camera_back.follow(), update_every_num_iters=50),
        ]

    def _count(self, step: int) -> None:
        self.step = step

    def _start(self, dataset) -> None:
        """Brings scene and camera to where training starts from."""
        if self.config.start_from_classical:
            from neucam_nerfstudio.models import classical_start, moving_start

            start = moving_start if isinstance(self.scene, MovingScene) else classical_start
            pixels = dataset.frames_native().numpy()
            CONSOLE.print(start.start_from_photographs(self.scene, self.camera, self.capture, pixels), markup=False)
        else:
            from neucam_nerfstudio.models.published_start import warm_up

            warm_up(self.scene, self.camera, self.config.motion, self.capture)
        self.camera_back.follow()

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Any]:
        """Training: `rgb` `[rays, exposures, 3]`, without the axis of exposures for one, and the `TrainingRays`.

        Else: see `models.outputs`.
        """
        uv, distance, inside = self.plane.intersect(ray_bundle.origins, ray_bundle.directions)
        times = times_of_rays(ray_bundle, self.reference_time)
        if self.training:
            return self._train(uv, times, ray_bundle)
        outputs = self._render(uv, times, ray_bundle)
        shown = {name: torch.where(inside, values, 0) for name, values in outputs.items()}
        return {**shown, "accumulation": inside.float(), "depth": distance.clamp(max=100.0)}

    def _train(self, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"], rays: RayBundle) -> dict[str, Any]:
        settings = settings_of_rays(self.camera, rays, times, self.dials.read(), self.frames_in_time)
        scene = WatchedLayers(self.scene) if isinstance(self.scene, LayeredScene) else self.scene
        radiance, taps = image_radiance(scene, self.camera, uv, times, settings)
        layers = scene.seen if isinstance(scene, WatchedLayers) else None
        radius_px = None
        if taps is not None and self.config.motion.blurred_opacity_mult > 0:
            radius_px = blur_radius_px(taps, uv, self.camera.blur.picture_size_px)
        return {
            "rgb": develop(self.camera.response, radiance, settings.exposure_stops).squeeze(1),
            "rays": TrainingRays(uv, times, rays.camera_indices[:, 0], radius_px, layers),
        }

    def _render(
        self, uv: Float[Tensor, "rays 2"], frame_times: Float[Tensor, "rays 1"], rays: RayBundle
    ) -> dict[str, Tensor]:
        at_reference = self.config.at_reference and are_of_frames(rays)
        times = torch.full_like(frame_times, self.reference_time) if at_reference else frame_times
        dials = self.dials.read()
        settings = settings_of_rays(self.camera, rays, times, dials, self.frames_in_time)
        curves = self.local_display.curves_of_rays(uv, times) if dials.tone_mapping == "local" else None
        display = Display(self.anchors(), dials.tone_mapping, dials.display_exposure_stops, curves)
        response = self.camera.response if dials.response_on or are_of_frames(rays) else None
        outputs = render_outputs(self.scene, self.camera, uv, times, settings, display, response)
        if isinstance(self.scene, LayeredField):
            outputs |= layer_outputs(self.scene, uv, times, display)
        if isinstance(self.scene, MovingField):
            motion = (frame_times, self.reference_time, self.largest_motion())
            outputs |= motion_output(self.scene, self.plane, uv, *motion)
        return self.camera_back.listed(outputs, uv, display.tonemap) if viewer_is_rendering() else outputs

    def get_metrics_dict(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR of the rays' pixel values."""
        with torch.no_grad():
            return {"psnr": -10 * torch.log10((outputs["rgb"] - batch["image"]).square().mean())}

    def get_loss_dict(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor], metrics_dict: dict | None = None
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms of the training loss; of evaluation rays, without those on what lies along the rays."""
        config, rays = self.config, outputs.get("rays")
        if rays is None:
            return training_losses(config.losses, self.scene, self.camera, outputs["rgb"], batch)
        is_reference = rays.frame_index == self.capture.reference_position
        emphasis = reference_emphasis(config.losses, is_reference, self.step)
        losses = training_losses(config.losses, self.scene, self.camera, outputs["rgb"], batch, emphasis)
        return losses | motion_losses(config.motion, self.scene, self.mask_and_flow, rays, self.step)

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores of a rendered photograph, and of the radiance where the capture has ground truth."""
        return score_image(self.capture, self.alignment, outputs, batch, self.config.at_reference)

    @property
    def alignment(self) -> Alignment:
        """How radiance is aligned to ground truth: with free exposures it is known only up to a power."""
        given = self.config.exposures == "settings" and self.capture.exposures.source != "unknown"
        return "scale" if given else "affine"
