"""The methods that `ns-train` knows: ours and their published twins, from one factory."""

from __future__ import annotations

from typing import Any

from nerfstudio.configs.base_config import ViewerConfig
from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.pipelines.base_pipeline import VanillaPipelineConfig
from nerfstudio.plugins.types import MethodSpecification

from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.models.training_losses import LossWeights
from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

LEARNING_RATES = {"scene": 4e-3, "blur": 1e-2, "focus": 1e-2, "exposures": 1e-2, "response": 1e-2}
PUBLISHED_LEARNING_RATE = 1e-4


def make_method(
    name: str,
    description: str,
    model: NeucamModelConfig,
    optimizers: dict[str, Any],
    num_steps: int,
    rays_per_step: int,
    develop_all_exposures: bool = True,
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
    """
    return MethodSpecification(
        config=NeucamTrainerConfig(
            method_name=name,
            max_num_iterations=num_steps,
            steps_per_save=2000,
            steps_per_eval_batch=500,
            steps_per_eval_image=500,
            steps_per_eval_all_images=25_000,
            pipeline=VanillaPipelineConfig(
                datamanager=CaptureDataManagerConfig(
                    dataparser=NeucamDataParserConfig(),
                    train_num_rays_per_batch=rays_per_step,
                    eval_num_rays_per_batch=4096,
                    develop_all_exposures=develop_all_exposures,
                ),
                model=model,
            ),
            optimizers=optimizers,
            viewer=ViewerConfig(num_rays_per_chunk=1 << 15),
            vis="viewer+tensorboard",
        ),
        description=description,
    )


def _ours(name: str, description: str, **differences: Any) -> MethodSpecification:
    optimizers = {
        group: {"optimizer": FusedAdamConfig(lr=rate), "scheduler": RunLengthDecayConfig()}
        for group, rate in LEARNING_RATES.items()
    }
    return make_method(
        name, description, NeucamModelConfig(**differences), optimizers, num_steps=600, rays_per_step=8192
    )


def _published(
    name: str, description: str, *, num_steps: int, pixels_per_step: int, random_mu_law: bool
) -> MethodSpecification:
    """The paper's model and settings, number for number."""
    model = NeucamModelConfig(
        scene="siren",
        blur="neural-kernel-9",
        mixing="log-light",
        exposures="bounded",
        response="neural-curve",
        start_from_classical=False,
        losses=LossWeights(random_mu_law=random_mu_law, unit_exposure_mult=1.0, falling_response_mult=33.3),
    )
    optimizers = {
        group: {"optimizer": AdamOptimizerConfig(lr=PUBLISHED_LEARNING_RATE), "scheduler": None}
        for group in LEARNING_RATES
    }
    return make_method(name, description, model, optimizers, num_steps, pixels_per_step, develop_all_exposures=False)


neucam = _ours("neucam", "All-in-focus HDR from a focus stack, an exposure bracket or both, from a tripod.")
neucam_multifocus = _ours(
    "neucam-multifocus", "All-in-focus picture from a focus stack at one exposure.", response="srgb"
)
neucam_paper = _published(
    "neucam-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus HDR.",
    num_steps=150_000,
    pixels_per_step=14_175,
    random_mu_law=True,
)
neucam_multifocus_paper = _published(
    "neucam-multifocus-paper",
    "NeuCam as published (CVPR 2023) for all-in-focus pictures.",
    num_steps=100_000,
    pixels_per_step=8_100,
    random_mu_law=False,
)
