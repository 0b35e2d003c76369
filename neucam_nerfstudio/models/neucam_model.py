"""The NeuCam model: a scene field seen through an implicit camera, as nerfstudio trains, evaluates and shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.engine.callbacks import TrainingCallback, TrainingCallbackAttributes, TrainingCallbackLocation
from nerfstudio.models.base_model import Model, ModelConfig
from nerfstudio.utils.rich_utils import CONSOLE
from torch import Tensor
from torch.nn import Parameter

from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera, Mixing
from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.models.camera_parts import (
    BlurKind,
    ExposureKind,
    ResponseKind,
    SceneKind,
    build_blur,
    build_exposures,
    build_focus,
    build_response,
    build_scene,
)
from neucam_nerfstudio.models.dials import Dials
from neucam_nerfstudio.models.evaluation_scores import score_image
from neucam_nerfstudio.models.frame_settings import exposures_differ, settings_of_rays
from neucam_nerfstudio.models.outputs import for_display, picture_anchors, render_outputs
from neucam_nerfstudio.models.training_losses import LossWeights, training_losses
from neucam_nerfstudio.models.viewer_camera import ViewerCamera, viewer_is_rendering
from neucam_nerfstudio.published.network_sizes import NetworkSizes
from neucam_nerfstudio.rendering.image_formation import develop, image_radiance
from neucam_nerfstudio.rendering.image_plane import ImagePlane


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
    """Scene field: our coarse-to-fine grid, or the published SIREN atlas."""
    blur: BlurKind = "lens"
    """Blur generator: our lens, the published kernel network with 9 or 25 taps, or none."""
    mixing: Mixing = "light"
    """Whether blur sums light, as lenses do, or its logarithm, as the published model does."""
    exposures: ExposureKind = "settings"
    """Exposures as the dataparser gives them, or the published ones: learned from 0 within 3 stops in any case."""
    response: ResponseKind = "monotone"
    """Camera response: our rising curves, the sRGB standard, the published networks, or none (linear photographs)."""
    start_from_classical: bool = True
    """Start from OpenCV-style estimates of radiance, response and focus; else from random weights, as published."""
    network_sizes: NetworkSizes = field(default_factory=NetworkSizes)
    """Sizes of the published networks, where scene, blur or response is one; others have no sizes to choose."""
    losses: LossWeights = field(default_factory=LossWeights)
    """Weights of the terms of the training loss."""


class NeucamModel(Model):
    """Scene field + implicit camera.

    Outputs at any camera: see `models.outputs`. A training ray only gets its light and its pixel values.
    """

    config: NeucamModelConfig

    def populate_modules(self) -> None:
        """Builds the parts that the configuration names."""
        super().populate_modules()
        config, capture, sizes = self.config, self.capture, self.config.network_sizes
        self.plane = ImagePlane(capture.height, capture.width)
        self.scene = build_scene(config.scene, capture, sizes)
        self.camera = ImplicitCamera(
            build_focus(capture),
            build_blur(config.blur, capture, sizes),
            build_exposures(config.exposures, capture),
            build_response(self._response_kind(), sizes),
            config.mixing,
        )
        self.anchors = ParameterMemo(self.scene, lambda: picture_anchors(self.scene, self.plane))
        self.reference = capture.frames[capture.reference_index]
        self.dials = Dials(
            capture.focuses.positions,
            capture.exposures.stops,
            capture.focus_position(capture.reference_index),
            capture.exposure_stops(capture.reference_index),
        )
        self.viewer_camera = ViewerCamera(self.plane)
        self.register_load_state_dict_post_hook(lambda model, keys: model._dials_follow())

    def _response_kind(self) -> ResponseKind:
        """The configured response, unless it is to be learned from photographs that cannot tell it."""
        if self.config.response == "monotone" and not exposures_differ(self.capture):
            CONSOLE.print("All frames have one exposure, which tells no response: taking the sRGB standard's.")
            return "srgb"
        return self.config.response

    @property
    def capture(self) -> Capture:
        """The photographs that are trained on and what is known of them."""
        return self.kwargs["metadata"]["capture"]

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """Parameters by what they describe; groups with nothing to learn are left out."""
        camera = self.camera
        groups = {
            "scene": self.scene.parameters(),
            "blur": [] if camera.blur is None else camera.blur.parameters(),
            "focus": [] if camera.blur is None else camera.focus.parameters(),
            "exposures": camera.exposures.parameters(),
            "response": [] if camera.response is None else camera.response.parameters(),
        }
        learned = {name: [p for p in parameters if p.requires_grad] for name, parameters in groups.items()}
        return {name: parameters for name, parameters in learned.items() if parameters}

    def get_training_callbacks(self, attributes: TrainingCallbackAttributes) -> list[TrainingCallback]:
        """The start before the first step, and dials that follow what is learned."""
        datamanager = attributes.pipeline.datamanager

        def once_before_training(func: Callable) -> TrainingCallback:
            return TrainingCallback([TrainingCallbackLocation.BEFORE_TRAIN_ITERATION], func, iters=(0,))

        after_each = [TrainingCallbackLocation.AFTER_TRAIN_ITERATION]
        return [
            once_before_training(lambda step: self._start(datamanager.train_dataset)),
            TrainingCallback(after_each, lambda step: self._dials_follow(), update_every_num_iters=50),
        ]

    def _start(self, dataset) -> None:
        """Brings scene and camera to where training starts from."""
        if self.config.start_from_classical:
            from neucam_nerfstudio.models.classical_start import estimate_from, said_of_estimate, start_from_estimate

            estimate = estimate_from(self.capture, dataset.frames_native().numpy())
            CONSOLE.print(said_of_estimate(self.capture, estimate), markup=False)
            start_from_estimate(self.scene, self.camera, self.capture, estimate)
        elif self.camera.response is not None:
            from neucam_nerfstudio.published.warm_up import warm_up_response

            warm_up_response(self.camera.response)
        self._dials_follow()

    def _dials_follow(self) -> None:
        """The dials that nobody has turned stay at the reference frame, wherever training moves its settings."""
        with torch.no_grad():
            self.dials.follow_reference(
                float(self.camera.focus.positions[self.reference.focus_index]),
                float(self.camera.exposures.stops[self.reference.exposure_index]),
            )

    def get_outputs(self, ray_bundle: RayBundle) -> dict[str, Tensor]:
        """Training: `rgb` `[rays, exposures, 3]`, without the axis of exposures for one. Else: see `models.outputs`."""
        uv, distance, inside = self.plane.intersect(ray_bundle.origins, ray_bundle.directions)
        times = torch.zeros_like(distance) if ray_bundle.times is None else ray_bundle.times
        dials = self.dials.read()
        settings = settings_of_rays(self.camera, ray_bundle, dials)
        if self.training:
            radiance, _ = image_radiance(self.scene, self.camera, uv, times, settings)
            return {"rgb": develop(self.camera.response, radiance, settings.exposure_stops).squeeze(1)}
        display = (self.anchors(), dials.tone_mapping, dials.display_exposure_stops)
        outputs = render_outputs(self.scene, self.camera, uv, times, settings, *display)
        if viewer_is_rendering():
            outputs = for_display(outputs, *display)
        shown = {name: torch.where(inside, values, 0) for name, values in outputs.items()}
        return {**shown, "accumulation": inside.float(), "depth": distance.clamp(max=100.0)}

    def get_metrics_dict(self, outputs: dict[str, Tensor], batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """PSNR of the rays' pixel values."""
        with torch.no_grad():
            return {"psnr": -10 * torch.log10((outputs["rgb"] - batch["image"]).square().mean())}

    def get_loss_dict(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor], metrics_dict: dict | None = None
    ) -> dict[str, Float[Tensor, ""]]:
        """The weighted terms of the training loss."""
        return training_losses(self.config.losses, self.scene, self.camera, outputs["rgb"], batch)

    def get_image_metrics_and_images(
        self, outputs: dict[str, Tensor], batch: dict[str, Tensor]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """Scores of a rendered photograph, and of the radiance where the capture has ground truth."""
        given = self.config.exposures == "settings" and self.capture.exposures.source != "unknown"
        return score_image(self.capture, "scale" if given else "affine", outputs, batch)
