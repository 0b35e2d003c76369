"""Runs of nerfstudio's own commands, in this process, on captures small enough to train in seconds."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from neucam_nerfstudio.models.neucam_model import NeucamModelConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.scene import DeformedSirenConfig

STILL = {
    *("all_in_focus_hdr", "rgb", "all_in_focus", "hdr", "hdr_defocused"),
    *("accumulation", "depth"),
}
LAYERED = {"opacity", "background", "foreground", "motion"}
OUTPUTS = {
    **dict.fromkeys(("neucam", "neucam-multifocus"), STILL | {"defocus", "confidence"}),
    **dict.fromkeys(("neucam-paper", "neucam-multifocus-paper"), STILL | {"defocus"}),
    **dict.fromkeys(("neucam-hdr", "neucam-hdr-video"), STILL | LAYERED | {"as_filmed"}),
    "neucam-deblur": STILL | LAYERED | {"defocus", "as_filmed"},
    "neucam-hdr-paper": STILL | {"motion"},
    "neucam-deblur-paper": STILL | LAYERED | {"defocus"},
    "neucam-hdr-video-paper": STILL | LAYERED,
}
"""The outputs of each method. Those for scenes that move take the small desk's frames for moments."""
PICTURES = {"all_in_focus_hdr", "rgb", "all_in_focus", "defocus", "as_filmed"} | LAYERED
"""Outputs to look at, in [0, 1]."""
METHODS = tuple(
    method.name
    for method in entry_points(group="nerfstudio.method_configs")
    if method.module.startswith("neucam_nerfstudio") and method.name != "neucam-3d"
)
"""Of one view; many views have tests of their own."""
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
    from nerfstudio.utils import writer

    config = replace(
        copy.deepcopy(all_methods[method]),
        **{"data": data, "output_dir": output_dir, "timestamp": "run", "vis": "tensorboard"},
        **{"max_num_iterations": num_steps, "experiment_name": "test", **trainer},
    )
    config.logging.local_writer.enable = False
    make_small(config.pipeline.model)
    config.pipeline.datamanager.train_num_rays_per_batch = rays
    for option, value in (dataparser or {}).items():
        setattr(config.pipeline.datamanager.dataparser, option, value)
    main(config)
    writer.EVENT_WRITERS.clear()  # nerfstudio keeps them for ever, and they would write down what later tests train
    return Run(config.get_base_dir())


def make_small(model: NeucamModelConfig) -> None:
    """Gives the networks of the published method small layers, and a short warm-up."""
    for part in (model.scene, model.blur, model.response):
        for option in {"atlas_width", "layer_width"} & vars(part).keys():
            setattr(part, option, 32)
        for network in vars(part).values():
            if isinstance(network, NetworkSizes):
                network.layer_width = 16
    if isinstance(model.scene, DeformedSirenConfig):
        model.scene.warm_up_rounds = min(model.scene.warm_up_rounds, 1)


def scalars(run: Run) -> dict[str, list[float]]:
    """What TensorBoard shows of a run."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run.folder)).Reload()
    return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def check_pictures(outputs: dict[str, np.ndarray]) -> None:
    """All outputs are finite, and those to look at in [0, 1]."""
    for name, picture in outputs.items():
        assert np.isfinite(picture).all(), name
        assert name not in PICTURES or (picture.min() >= 0 and picture.max() <= 1), name


@pytest.fixture(scope="session")
def runs(tiny_desk: Path, tmp_path_factory: pytest.TempPathFactory):
    """A run of a method on the small desk, trained when first asked for: `runs("neucam")`; read only."""
    done: dict[str, Run] = {}

    def run_of(method: str) -> Run:
        if method not in done:
            folder = tmp_path_factory.mktemp("runs")
            done[method] = train(method, tiny_desk, folder)
        return done[method]

    return run_of


@pytest.fixture
def neucam_run(runs) -> Run:
    """A run of `neucam`; read only."""
    return runs("neucam")
