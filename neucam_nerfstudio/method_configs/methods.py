"""The methods that `ns-train` knows: ours and their published twins, from one factory."""

from __future__ import annotations

from typing import Any

from nerfstudio.configs.base_config import ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.plugins.types import MethodSpecification

from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.models.motion_losses import MotionTraining
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.models.training_losses import LossWeights
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes
from neucam_nerfstudio.training.optimizers import FreshStartConfig, FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.pipeline import NeucamPipelineConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

# Responses start as the photographs tell them. Learning faster, they bend to errors that are not theirs.
LEARNING_RATES = {
    **{"scene": 4e-3, "motion": 1e-1, "opacity": 5e-2},
    **{"blur": 1e-2, "focus": 1e-2, "exposures": 1e-2, "response": 1e-3},
}
PUBLISHED_LEARNING_RATE = 1e-4
PUBLISHED_GROUPS = ("scene", "blur", "focus", "exposures", "response")

EVALUATION_STEPS = 25_000
"""Between evaluations of whole photographs while training: one of a large picture takes longer than ours trains."""

FREEZING_STEP = 48_000
"""Where the published method for moving brackets keeps the camera as it is, and turns to the reference frame."""


def make_method(
    name: str,
    description: str,
    model: NeucamModelConfig,
    optimizers: dict[str, Any],
    num_steps: int,
    rays_per_step: int,
    develop_all_exposures: bool = True,
    frames: FrameKind = "settings",
) -> MethodSpecification:
    """A method of this package: all that methods share, and what they differ in.

    Args:
        name: What a user types after `ns-train`.
        description: What `ns-train --help` says of it.
        model: Scene field, camera parts and losses.
        optimizers: Optimizer and schedule of each parameter group.
        num_steps: Training steps.
        rays_per_step: Rays a step.
        develop_all_exposures: Whether a ray serves all exposures of its focus setting.
        frames: Whether frames are settings of a still scene, a focus stack, or moments of a scene that moves.
    """
    return MethodSpecification(
        config=NeucamTrainerConfig(
            method_name=name,
            max_num_iterations=num_steps,
            steps_per_save=2000,
            steps_per_eval_batch=500,
            steps_per_eval_image=EVALUATION_STEPS,
            steps_per_eval_all_images=EVALUATION_STEPS,
            pipeline=NeucamPipelineConfig(
                datamanager=CaptureDataManagerConfig(
                    dataparser=NeucamDataParserConfig(),
                    train_num_rays_per_batch=rays_per_step,
                    eval_num_rays_per_batch=4096,
                    develop_all_exposures=develop_all_exposures,
                    frames=frames,
                ),
                model=model,
            ),
            optimizers=optimizers,
            viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
            vis="viewer+tensorboard",
        ),
        description=description,
    )


def _ours(
    name: str,
    description: str,
    frames: FrameKind = "settings",
    rates: dict[str, float] | None = None,
    **differences: Any,
) -> MethodSpecification:
    """Our model; methods differ in `rates` of learning and in `differences` of the model."""
    optimizers = {
        group: {"optimizer": FusedAdamConfig(lr=rate), "scheduler": RunLengthDecayConfig()}
        for group, rate in (LEARNING_RATES | (rates or {})).items()
    }
    return make_method(
        *(name, description, NeucamModelConfig(**differences), optimizers),
        num_steps=600,
        rays_per_step=8192,
        frames=frames,
        develop_all_exposures=frames != "moments",
    )


def _ours_moving(name: str, description: str, **differences: Any) -> MethodSpecification:
    """Ours for scenes that move."""
    motion = MotionTraining(opacity_mult=1e-4, blurred_opacity_mult=1.2e-3, motion_variation_mult=1e-3)
    return _ours(name, description, frames="moments", scene="moving-grid", motion=motion, **differences)


def _published(
    name: str,
    description: str,
    *,
    num_steps: int,
    pixels_per_step: int,
    frames: FrameKind = "settings",
    losses: dict[str, Any] | None = None,
    schedules: dict[str, Any] | None = None,
    **differences: Any,
) -> MethodSpecification:
    """The paper's model and settings, number for number; tasks differ in `losses`, `schedules` and `differences`."""
    common = {
        **{"scene": "siren", "blur": "neural-kernel-9", "mixing": "log-light"},
        **{"exposures": "bounded", "response": "neural-curve", "start_from_classical": False},
    }
    weights = LossWeights(white_ldr=1.0, unit_exposure_mult=1.0, falling_response_mult=33.3, **(losses or {}))
    optimizers = {
        group: {"optimizer": AdamOptimizerConfig(lr=PUBLISHED_LEARNING_RATE), "scheduler": (schedules or {}).get(group)}
        for group in PUBLISHED_GROUPS
    }
    return make_method(
        *(name, description, NeucamModelConfig(**{**common, "losses": weights, **differences}), optimizers),
        *(num_steps, pixels_per_step),
        develop_all_exposures=False,
        frames=frames,
    )


def _response_freezing() -> dict[str, Any]:
    """The scene starts afresh with a tenth of the learning rate; response, exposures and focus stay as they are."""
    factors = {"scene": 0.1, "focus": 0.0, "exposures": 0.0, "response": 0.0}
    return {group: FreshStartConfig(at_step=FREEZING_STEP, factor=factor) for group, factor in factors.items()}


neucam = _ours("neucam", "All-in-focus HDR from a focus stack, an exposure bracket or both, from a tripod.")
neucam_multifocus = _ours(
    "neucam-multifocus",
    "All-in-focus picture from a focus stack at one exposure.",
    frames="focus-stack",
    response="srgb",
)
neucam_hdr = _ours_moving(
    "neucam-hdr",
    "HDR from a hand-held exposure bracket, or one of something that moves.",
    blur="none",
    needs_bracket=True,
)
neucam_deblur = _ours_moving(
    "neucam-deblur",
    "Sharp video from one blurred by motion.",
    # The share of open shutter time shrinks first and seldom comes back, where it learns faster than motion does.
    rates={"blur": 2e-3},
    # What starts from blurred frames must not be held to them.
    losses=LossWeights(start_mult=0.0),
    blur="motion",
    response="srgb",
)
neucam_hdr_video = _ours_moving(
    "neucam-hdr-video", "HDR video from one with alternating exposures.", blur="none", needs_bracket=True
)
neucam_paper = _published(
    "neucam-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus HDR.",
    num_steps=150_000,
    pixels_per_step=14_175,
    losses={"random_mu_law": True},
)
neucam_multifocus_paper = _published(
    "neucam-multifocus-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus pictures.",
    num_steps=100_000,
    pixels_per_step=8_100,
    frames="focus-stack",
)
neucam_hdr_paper = _published(
    "neucam-hdr-paper",
    "NeuCam as published (CVPR 2023) for HDR from a hand-held bracket, or one of something that moves.",
    num_steps=150_000,
    pixels_per_step=54_835,
    frames="moments",
    losses={"random_mu_law": True, "other_frames_mult": 0.2, "reference_first_step": FREEZING_STEP},
    schedules=_response_freezing(),
    scene="deformed-siren",
    blur="none",
    motion=MotionTraining(rigidity_mult=1.0, rigidity_steps=50_000),
    needs_bracket=True,
    at_reference=True,
)
neucam_deblur_paper = _published(
    "neucam-deblur-paper",
    "NeuCam as published (CVPR 2023) for a video blurred by motion.",
    num_steps=800_000,
    pixels_per_step=18_432,
    frames="moments",
    scene="layered-siren",
    network_sizes=NetworkSizes(
        deformation=MotionNetworkSizes(num_octaves=3),
        foreground_deformation=MotionNetworkSizes(num_octaves=3),
        opacity=MotionNetworkSizes(num_octaves=4),
    ),
    motion=MotionTraining(
        warm_up_rounds=100,
        rigidity_mult=1e-2,
        rigidity_steps=20_000,
        hidden_foreground_mult=1e-3,
        undecided_opacity_mult=1.0,
        opacity_mult=5e-2,
    ),
)
neucam_hdr_video_paper = _published(
    "neucam-hdr-video-paper",
    "NeuCam as published (CVPR 2023) for HDR video from one with alternating exposures.",
    num_steps=800_000,
    pixels_per_step=18_432,
    frames="moments",
    scene="layered-siren",
    blur="none",
    network_sizes=NetworkSizes(
        foreground_deformation=MotionNetworkSizes(num_octaves=3, num_layers=6),
        opacity=MotionNetworkSizes(num_octaves=3),
    ),
    motion=MotionTraining(
        mapping_scale=0.8,
        warm_up_rounds=100,
        rigidity_mult=1e-2,
        rigidity_steps=500_000,
        hidden_foreground_mult=5e-2,
        undecided_opacity_mult=1.0,
    ),
    needs_bracket=True,
)
