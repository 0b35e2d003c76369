"""Runs of nerfstudio's own commands, in this process, on captures small enough to train in seconds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

STILL = {
    *("all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused"),
    *("accumulation", "depth"),
}
LAYERED = {"opacity", "background", "foreground", "motion"}
OUTPUTS = {
    **dict.fromkeys(("neucam", "neucam-multifocus", "neucam-paper", "neucam-multifocus-paper"), STILL | {"defocus"}),
    **dict.fromkeys(("neucam-hdr", "neucam-hdr-video"), STILL | LAYERED),
    "neucam-deblur": STILL | LAYERED | {"defocus"},
    "neucam-hdr-paper": STILL | {"motion"},
    "neucam-deblur-paper": STILL | LAYERED | {"defocus"},
    "neucam-hdr-video-paper": STILL | LAYERED,
}
"""The outputs of each method. Those for scenes that move take the small desk's frames for moments."""
METHODS = tuple(OUTPUTS)
NUM_STEPS = 12


@dataclass(frozen=True)
class Run:
    """The folder that one run of `ns-train` has written."""

    folder: Path

    @property
    def config(self) -> Path:
        return self.folder / "config.yml"

    @property
    def models(self) -> Path:
        return self.folder / "nerfstudio_models"

    @property
    def outputs(self) -> set[str]:
        """Names of all outputs of its method."""
        return OUTPUTS[self.folder.parent.name]

    @property
    def has_truth(self) -> bool:
        """Whether there is ground truth: the small desk's is that of a still scene, or of the reference frame."""
        return "motion" not in self.outputs or self.folder.parent.name == "neucam-hdr-paper"

    @property
    def alignment(self) -> str:
        """How scores against radiance are aligned: the published method learns exposures whatever is known."""
        return "affine" if self.folder.parent.name.endswith("-paper") else "scale"

    def checkpoint(self) -> dict[str, Any]:
        """The newest checkpoint, loaded as nerfstudio does: without trusting the file."""
        return torch.load(max(self.models.glob("step-*.ckpt")), weights_only=True)


def train(
    method: str,
    data: Path,
    output_dir: Path,
    num_steps: int = NUM_STEPS,
    rays: int = 512,
    dataparser: dict[str, Any] | None = None,
    **trainer: Any,
) -> Run:
    """`ns-train METHOD --data DATA --vis tensorboard --max-num-iterations NUM_STEPS ... neucam-data ...`.

    The published networks get smaller ones, which learn as little in a few steps, but sooner.
    """
    from nerfstudio.configs.method_configs import all_methods
    from nerfstudio.scripts.train import main

    config = replace(
        copy.deepcopy(all_methods[method]),
        **{"data": data, "output_dir": output_dir, "timestamp": "run", "vis": "tensorboard"},
        **{"max_num_iterations": num_steps, "experiment_name": "test", **trainer},
    )
    config.logging.local_writer.enable = False
    sizes, motion = config.pipeline.model.network_sizes, config.pipeline.model.motion
    sizes.atlas_width = sizes.blur_width = sizes.response_width = 32
    for network in (sizes.deformation, sizes.foreground_deformation, sizes.opacity):
        network.layer_width = 16
    motion.warm_up_rounds = min(motion.warm_up_rounds, 1)
    config.pipeline.datamanager.train_num_rays_per_batch = rays
    for option, value in (dataparser or {}).items():
        setattr(config.pipeline.datamanager.dataparser, option, value)
    main(config)
    return Run(config.get_base_dir())


@pytest.fixture(scope="session")
def runs(tiny_desk: Path, tmp_path_factory: pytest.TempPathFactory):
    """A run of a method on the small desk, trained when first asked for: `runs("neucam")`; read only."""
    done: dict[str, Run] = {}

    def run_of(method: str) -> Run:
        if method not in done:
            folder = tmp_path_factory.mktemp("runs")
            during_training = {"steps_per_eval_batch": 4, "steps_per_eval_image": 5, "steps_per_eval_all_images": 10}
            done[method] = train(method, tiny_desk, folder, **during_training)
        return done[method]

    return run_of


@pytest.fixture(params=METHODS)
def run(request: pytest.FixtureRequest, runs) -> Run:
    """A run of each method; read only."""
    return runs(request.param)


@pytest.fixture
def neucam_run(runs) -> Run:
    """A run of `neucam`; read only."""
    return runs("neucam")
