"""The published method for each of the paper's tasks, number for number."""

from __future__ import annotations

from typing import Any

from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.method_configs.methods import make_method
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.kernel_blur import NeuralKernelConfig
from neucam_nerfstudio.published.model import PublishedModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig, SirenSceneConfig
from neucam_nerfstudio.scene.scene import SceneConfig
from neucam_nerfstudio.training.optimizers import FreshStartConfig

LEARNING_RATE = 1e-4
GROUPS = ("scene", "blur", "focus", "exposures", "response")

FREEZING_STEP = 48_000
"""Where the method for moving brackets keeps the camera as it is, and turns to the reference frame."""


def _published(
    name: str,
    description: str,
    num_steps: int,
    pixels_per_step: int,
    *,
    scene: SceneConfig,
    blur: BlurConfig,
    frames: FrameKind = "settings",
    schedules: dict[str, Any] | None = None,
    **differences: Any,
) -> MethodSpecification:
    """The paper's model and settings; tasks differ in scene, blur, `schedules` and `differences` of the model."""
    model = PublishedModelConfig(
        scene=scene,
        blur=blur,
        exposures=BoundedExposuresConfig(),
        response=NeuralCurveConfig(),
        **differences,
    )
    optimizers = {
        group: {"optimizer": AdamOptimizerConfig(lr=LEARNING_RATE), "scheduler": (schedules or {}).get(group)}
        for group in GROUPS
    }
    return make_method(
        *(name, description, model, optimizers, num_steps, pixels_per_step), develop_all_exposures=False, frames=frames
    )


def _response_freezing() -> dict[str, Any]:
    """The scene starts afresh with a tenth of the learning rate; response, exposures and focus stay as they are."""
    factors = {"scene": 0.1, "focus": 0.0, "exposures": 0.0, "response": 0.0}
    return {group: FreshStartConfig(at_step=FREEZING_STEP, factor=factor) for group, factor in factors.items()}


neucam_paper = _published(
    "neucam-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus HDR.",
    *(150_000, 14_175),
    scene=SirenSceneConfig(),
    blur=NeuralKernelConfig(),
    random_mu_law=True,
)
neucam_multifocus_paper = _published(
    "neucam-multifocus-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus pictures.",
    *(100_000, 8_100),
    scene=SirenSceneConfig(),
    blur=NeuralKernelConfig(),
    frames="focus-stack",
)
neucam_hdr_paper = _published(
    "neucam-hdr-paper",
    "NeuCam as published (CVPR 2023) for HDR from a hand-held bracket, or one of something that moves.",
    *(150_000, 54_835),
    scene=DeformedSirenConfig(rigidity_mult=1.0, rigidity_steps=50_000),
    blur=BlurConfig(),
    frames="moments",
    schedules=_response_freezing(),
    random_mu_law=True,
    other_frames_mult=0.2,
    reference_first_step=FREEZING_STEP,
    needs_bracket=True,
    at_reference=True,
)
neucam_deblur_paper = _published(
    "neucam-deblur-paper",
    "NeuCam as published (CVPR 2023) for a video blurred by motion.",
    *(800_000, 18_432),
    scene=LayeredSirenConfig(
        deformation=NetworkSizes(num_octaves=3),
        foreground_deformation=NetworkSizes(num_octaves=3),
        opacity=NetworkSizes(num_octaves=4),
        warm_up_rounds=100,
        rigidity_mult=1e-2,
        rigidity_steps=20_000,
        hidden_foreground_mult=1e-3,
        undecided_opacity_mult=1.0,
        opacity_mult=5e-2,
    ),
    blur=NeuralKernelConfig(),
    frames="moments",
)
neucam_hdr_video_paper = _published(
    "neucam-hdr-video-paper",
    "NeuCam as published (CVPR 2023) for HDR video from one with alternating exposures.",
    *(800_000, 18_432),
    scene=LayeredSirenConfig(
        foreground_deformation=NetworkSizes(num_octaves=3, num_layers=6),
        opacity=NetworkSizes(num_octaves=3),
        mapping_scale=0.8,
        warm_up_rounds=100,
        rigidity_mult=1e-2,
        rigidity_steps=500_000,
        hidden_foreground_mult=5e-2,
        undecided_opacity_mult=1.0,
    ),
    blur=BlurConfig(),
    frames="moments",
    needs_bracket=True,
)
