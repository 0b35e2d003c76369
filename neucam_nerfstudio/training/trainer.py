"""nerfstudio's trainer, with schedules that follow the length of the run."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from nerfstudio.configs.experiment_config import MachineConfig
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.training.optimizers import RunLengthDecayConfig


def machine_here() -> MachineConfig:
    """CUDA where there is such a device, else the CPU."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


@dataclass
class NeucamTrainerConfig(TrainerConfig):
    """A run."""

    _target: type = field(default_factory=lambda: NeucamTrainer)
    """The trainer."""
    machine: MachineConfig = field(default_factory=machine_here)
    """Machine configuration; the device is CUDA where there is one, else the CPU."""


class NeucamTrainer(Trainer):
    """Says where it trains, and tells the schedules how long."""

    config: NeucamTrainerConfig

    def setup_optimizers(self) -> Optimizers:
        """Optimizers whose learning rates fall over `--max-num-iterations`."""
        if self.local_rank == 0:
            CONSOLE.print(f"Training on {self.device}.")
        for group in self.config.optimizers.values():
            if isinstance(group["scheduler"], RunLengthDecayConfig):
                group["scheduler"].num_steps = self.config.max_num_iterations
        return super().setup_optimizers()
