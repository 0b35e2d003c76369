"""The methods that `ns-train` knows, from one factory; their published twins are in `published.methods`."""

from __future__ import annotations

import copy
from typing import Any

from nerfstudio.configs.base_config import ViewerConfig
from nerfstudio.plugins.types import MethodSpecification

from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.dataparsers.views_dataparser import Neucam3dDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.datasets.views_datamanager import ViewsDataManagerConfig
from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.models.presets import PRESETS
from neucam_nerfstudio.models.views_model import OF_POSES, Neucam3dModelConfig
from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.pipeline import NeucamPipelineConfig
from neucam_nerfstudio.training.trainer import NeucamTrainerConfig

EVALUATION_STEPS = 25_000
"""Between evaluations of whole photographs while training: one of a large picture takes longer than ours trains."""

EVALUATION_RAYS = 4096
"""In a step of evaluation."""

MANY_VIEWS_RATES = {
    **{"scene": 7e-2, "field": 1e-2, "blur": 1e-2, "focus": 1e-2},
    **{"exposures": 1e-2, "white_balance": 1e-2, "response": 2e-3},
    OF_POSES: 1e-4,
}
"""Learning rates of the volume, of the field that nerfacto has instead, of the parts of the camera, and of poses."""


def make_method(
    name: str,
    description: str,
    model: NeucamModelConfig,
    optimizers: dict[str, Any],
    num_steps: int,
    rays_per_step: int,
    develop_all_exposures: bool = True,
    frames: FrameKind = "settings",
    datamanager: CaptureDataManagerConfig | None = None,
) -> MethodSpecification:
    """A method of this package: all that methods share, and what they differ in; what is not told here, `Preset` tells.

    Args:
        name: What a user types after `ns-train`.
        model: Scene, camera parts and losses.
        optimizers: Optimizer and schedule of each parameter group.
        develop_all_exposures: Whether a ray serves all exposures of its focus setting.
        datamanager: Of another kind of capture than photographs of one view.
    """
    if datamanager is None:
        datamanager = CaptureDataManagerConfig(
            dataparser=NeucamDataParserConfig(), develop_all_exposures=develop_all_exposures, frames=frames
        )
    datamanager.train_num_rays_per_batch, datamanager.eval_num_rays_per_batch = rays_per_step, EVALUATION_RAYS
    return MethodSpecification(
        config=NeucamTrainerConfig(
            method_name=name,
            max_num_iterations=num_steps,
            steps_per_save=2000,
            steps_per_eval_batch=500,
            steps_per_eval_image=EVALUATION_STEPS,
            steps_per_eval_all_images=EVALUATION_STEPS,
            pipeline=NeucamPipelineConfig(datamanager=datamanager, model=model),
            optimizers=optimizers,
            viewer=ViewerConfig(),
            vis="viewer+tensorboard",
        ),
        description=description,
    )


def _ours(name: str) -> MethodSpecification:
    preset = PRESETS[name]
    parts = {part: copy.deepcopy(getattr(preset, part)) for part in ("scene", "blur", "exposures", "response")}
    model = NeucamModelConfig(**parts, needs_bracket=preset.needs_bracket)
    optimizers = {
        group: {"optimizer": FusedAdamConfig(lr=rate), "scheduler": RunLengthDecayConfig()}
        for group, rate in preset.learning_rates.items()
    }
    return make_method(
        name,
        preset.description,
        model,
        optimizers,
        preset.num_steps,
        preset.rays_per_step,
        frames=preset.frames,
        develop_all_exposures=preset.frames != "moments",
    )


neucam = _ours("neucam")
neucam_multifocus = _ours("neucam-multifocus")
neucam_hdr = _ours("neucam-hdr")
neucam_deblur = _ours("neucam-deblur")
neucam_hdr_video = _ours("neucam-hdr-video")


def _many_views() -> MethodSpecification:
    optimizers = {
        group: {"optimizer": FusedAdamConfig(lr=rate), "scheduler": RunLengthDecayConfig()}
        for group, rate in MANY_VIEWS_RATES.items()
    }
    return make_method(
        "neucam-3d",
        "Sharp, linear HDR volume from posed views of different focus and exposure.",
        Neucam3dModelConfig(),
        optimizers,
        num_steps=1150,
        rays_per_step=4096,
        datamanager=ViewsDataManagerConfig(dataparser=Neucam3dDataParserConfig()),
    )


neucam_3d = _many_views()
