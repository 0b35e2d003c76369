"""nerfstudio's trainer, with schedules that follow the length of the run, and a camera path beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import torch
from nerfstudio.configs.experiment_config import MachineConfig
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.cli_options import without_options
from neucam_nerfstudio.rendering.camera_path import UNTIMED_FRAME_RATE, path_of_frames, write_camera_path
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.training.optimizers import RunLengthDecayConfig


def machine_here() -> MachineConfig:
    """CUDA where there is such a device, else the CPU."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


@without_options("prompt")
@dataclass
class NeucamTrainerConfig(TrainerConfig):
    """A run."""

    _target: type = field(default_factory=lambda: NeucamTrainer)
    """The trainer."""
    machine: MachineConfig = field(default_factory=machine_here)
    """Machine configuration; the device is CUDA where there is one, else the CPU."""

    def save_config(self) -> None:
        """As nerfstudio does; also says where the run keeps what is found of its photographs."""
        self.pipeline.datamanager.dataparser.manifest = self.get_base_dir() / MANIFEST_NAME
        super().save_config()


class NeucamTrainer(Trainer):
    """Says where it trains, tells the schedules how long, and writes the camera path of a capture that moves."""

    config: NeucamTrainerConfig

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """As nerfstudio does; then writes the path, which videos of the run are rendered along."""
        super().setup(test_mode)
        capture: Capture = self.pipeline.datamanager.train_dataset.metadata["capture"]
        if capture.moves and self.local_rank == 0:
            self._write_camera_path(capture)

    def _write_camera_path(self, capture: Capture) -> None:
        path = self.base_dir / "camera_path.json"
        rate = capture.frame_rate or UNTIMED_FRAME_RATE
        write_camera_path(path, path_of_frames(ImagePlane(capture.height, capture.width), capture.times, rate))
        chosen = "" if capture.frame_rate else ", as the capture tells no frame rate"
        CONSOLE.print(f"Camera path of all frames, for ns-render camera-path: {path} ({rate:g} a second{chosen}).")

    def setup_optimizers(self) -> Optimizers:
        """Optimizers whose learning rates fall over `--max-num-iterations`."""
        if self.local_rank == 0:
            CONSOLE.print(f"Training on {self.device}.")
        for group in self.config.optimizers.values():
            if isinstance(group["scheduler"], RunLengthDecayConfig):
                group["scheduler"].num_steps = self.config.max_num_iterations
        return super().setup_optimizers()
