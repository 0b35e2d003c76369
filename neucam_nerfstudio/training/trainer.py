"""nerfstudio's trainer, with runs that do not mix, whole checkpoints, and a start that can be looked at."""

from __future__ import annotations

import copy
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, cast

import torch
from nerfstudio.configs.base_config import MachineConfig
from nerfstudio.engine.optimizers import Optimizers
from nerfstudio.engine.trainer import Trainer, TrainerConfig
from nerfstudio.utils import writer
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture
from neucam_nerfstudio.capture.pixels.source import ARRAY_SUFFIXES, VIDEO_SUFFIXES
from neucam_nerfstudio.cli_options import without_options
from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
from neucam_nerfstudio.datasets.capture_datamanager import CaptureDataManagerConfig
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import REC709, srgb_curve_profile, told_primaries
from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photograph_metadata import PhotographMetadata, read_metadata
from neucam_nerfstudio.imaging.radiance_files import write_radiance
from neucam_nerfstudio.models.neucam_model import NeucamModel
from neucam_nerfstudio.rendering.view import UNTIMED_FRAME_RATE, write_camera_path
from neucam_nerfstudio.runtime import prepare_process
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.training.optimizers import RunLengthDecayConfig

TIME_OF_DAY = TrainerConfig.timestamp
"""What the time stamp of a run is before the run begins, unless it is typed."""

START_FOLDER = "start"
"""Folder of a run with the pictures that training starts from."""


def machine_here() -> MachineConfig:
    """CUDA where there is such a device, else the CPU."""
    return MachineConfig(device_type="cuda" if torch.cuda.is_available() else "cpu")


@without_options("prompt")
@dataclass
class NeucamTrainerConfig(TrainerConfig):
    """A run.

    `ns-train` calls `set_timestamp` before all else and then `save_config`: what can be refused is refused there.
    """

    _target: type = field(default_factory=lambda: NeucamTrainer)
    """The trainer."""
    machine: MachineConfig = field(default_factory=machine_here)
    """Machine configuration; the device is CUDA where there is one, else the CPU. One device is used."""

    def __post_init__(self) -> None:
        # Told apart here, as the config.yml of an earlier run (--load-config) has that run's time stamp.
        self._stamp_is_typed = self.timestamp != TIME_OF_DAY

    def set_experiment_name(self) -> None:
        """Names the experiment after the data, unless it has a name."""
        if self.experiment_name is None:
            manager = cast(CaptureDataManagerConfig, self.pipeline.datamanager)
            self.experiment_name = experiment_name(manager.data or manager.dataparser.data)

    def set_timestamp(self) -> None:
        """Gives the run a folder of its own: a time stamp that is taken is changed, unless the user has typed it.

        Raises:
            NeucamError: The typed time stamp names a run that is there already, or more than one device is asked for.
        """
        prepare_process()
        _check_machine(self.machine)
        is_typed = self.__dict__.pop("_stamp_is_typed", False)
        super().set_timestamp()
        run = self.get_base_dir()
        earlier = self._earlier_run()
        if earlier is not None and earlier.resolve() == run.resolve():
            return  # it goes on in its own folder
        if is_typed:
            check_is_free(run, self.get_checkpoint_dir())
            return
        stamp, self.timestamp = self.timestamp, claim_folder(run.parent, run.name)
        if self.timestamp != stamp:
            CONSOLE.print(f"{run} is there already: this run goes to {self.get_base_dir()}.", markup=False)

    def save_config(self) -> None:
        """Writes config.yml, which names the run's own manifest of the capture: a copy, where it goes on from a run."""
        manifest, earlier = self.get_base_dir() / MANIFEST_NAME, self._earlier_run()
        manager = cast(CaptureDataManagerConfig, self.pipeline.datamanager)
        if isinstance(manager.dataparser, NeucamDataParserConfig):  # the data manager refuses any other
            manager.dataparser.manifest = manifest
        if earlier is not None and (earlier / MANIFEST_NAME).is_file() and not manifest.exists():
            manifest.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(earlier / MANIFEST_NAME, manifest)
            CONSOLE.print(
                f"Goes on with the capture of {earlier}, whatever neucam-data is told: {manifest} can be edited.",
                markup=False,
                soft_wrap=True,
            )
        super().save_config()

    def _earlier_run(self) -> Path | None:
        """Folder of the run that this one goes on from."""
        if self.load_dir is not None:
            return self.load_dir.parent
        return None if self.load_checkpoint is None else self.load_checkpoint.parent.parent


class NeucamTrainer(Trainer):
    """Says where it trains, tells the schedules how long, and writes what can be looked at beside the run."""

    config: NeucamTrainerConfig

    def setup(self, test_mode: Literal["test", "val", "inference"] = "val") -> None:
        """As nerfstudio does; then writes the path, which videos of the run are rendered along."""
        if self.config.max_num_iterations == 0:
            self.config.logging.local_writer.enable = False  # nerfstudio's table of steps needs one
        super().setup(test_mode)
        if self.model.capture.moves:
            self._write_camera_path(self.model.capture)

    @property
    def model(self) -> NeucamModel:
        """What is trained."""
        return cast(NeucamModel, self.pipeline.model)

    def train(self) -> None:
        """Brings the model to its start, unless the run goes on from a checkpoint, writes what it shows, and trains."""
        if self._start_step == 0:
            with self.train_lock:  # the viewer may be rendering
                self.model.start()
                self._write_start()
        self.step = max(self._start_step - 1, 0)  # of the checkpoint that a run without steps leaves
        with self.model.learned.threads_of_steps():
            super().train()

    def _after_train(self) -> None:
        """Makes a large picture of what was learned of its camera, unless an earlier run has, and then as nerfstudio
        does."""
        if self._start_step == 0 and self.config.max_num_iterations > 0:
            with self.train_lock:  # the viewer may be rendering
                self.model.make_large()
        super()._after_train()

    def _update_viewer_state(self, step: int) -> None:
        """Besides, drops the times and learning rates that nerfstudio notes at every step, where no other number is
        logged: to write them takes a tenth of our step."""
        super()._update_viewer_state(step)
        if step % self.config.logging.steps_per_log != 0:
            writer.EVENT_STORAGE.clear()

    def save_checkpoint(self, step: int) -> None:
        """Writes a checkpoint, whole or not at all, and only then removes earlier ones, unless all are kept.

        Raises:
            NeucamError: It cannot be written.
        """
        self.model.keep_as_filmed()
        folder = self.checkpoint_dir
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".unfinished-", dir=self.base_dir) as scratch:
            # A copy, as the viewer's thread may save at the same time.
            saving = copy.copy(self)
            saving.checkpoint_dir = Path(scratch)
            try:
                super(NeucamTrainer, saving).save_checkpoint(step)
            except (OSError, RuntimeError) as error:  # the latter is what torch makes of a full disk
                raise NeucamError(
                    f"{folder}: the checkpoint of step {step} cannot be written ({' '.join(str(error).split())}). "
                    f"Earlier ones are whole: make room, and go on from the last with --load-dir {folder}"
                ) from error
            (whole,) = Path(scratch).iterdir()
            saved = whole.replace(folder / whole.name)
        if self.config.save_only_latest_checkpoint:
            for path in folder.glob("*.ckpt"):
                if path != saved:
                    path.unlink()

    @torch.no_grad()
    def _write_start(self) -> None:
        """Writes the all-in-focus picture before anything has been learned, as radiance and for display."""
        learned, folder = self.model.learned, self.base_dir / START_FOLDER
        settings = learned.camera.settings_of_frame(learned.capture.reference_index)
        pictures = learned.renderer.render(learned.view, settings, ("hdr", "all_in_focus_hdr"))
        radiance, shown = (picture.cpu().numpy() for picture in pictures.values())
        capture = learned.capture
        reference = capture.frames[capture.reference_index].path
        profile, exif = read_metadata(reference).at_size(capture.downscale_factor)
        primaries, _ = told_primaries(profile, reference.name)
        write_radiance(folder / "hdr.exr", radiance, "float", primaries=primaries, exif=exif)
        shown_profile = None if primaries == REC709 else srgb_curve_profile(primaries)
        kept = PhotographMetadata(shown_profile, exif)
        write_image(folder / "all_in_focus_hdr.png", shown, metadata=kept)
        CONSOLE.print(f"The picture that training starts from: {folder}", markup=False, soft_wrap=True)

    def _write_camera_path(self, capture: Capture) -> None:
        path = self.base_dir / "camera_path.json"
        rate = capture.frame_rate or UNTIMED_FRAME_RATE
        write_camera_path(path, ImagePlane(capture.height, capture.width), capture.times, rate)
        chosen = "" if capture.frame_rate else ", as the capture tells no frame rate"
        CONSOLE.print(f"Camera path of all frames, for ns-render camera-path: {path} ({rate:g} a second{chosen}).")

    def setup_optimizers(self) -> Optimizers:
        """Optimizers whose learning rates fall over `--max-num-iterations`: all that a camera alone takes, where the
        picture is made of it."""
        CONSOLE.print(f"Training on {self.device}.")
        rays = cast(CaptureDataManagerConfig, self.config.pipeline.datamanager)
        self.config.max_num_iterations, rays.train_num_rays_per_batch = self.model.learned.most_steps(
            self.config.max_num_iterations, rays.train_num_rays_per_batch
        )
        for group in self.config.optimizers.values():
            if isinstance(group["scheduler"], RunLengthDecayConfig):
                group["scheduler"].num_steps = self.config.max_num_iterations
        return super().setup_optimizers()


def experiment_name(data: Path) -> str:
    """Name of what is trained on: of a folder, of a file without its suffix, of what a manifest describes.

    Two clips of one name in a folder, such as `clip.mp4` and `clip.mov`, keep their suffixes, which tell them apart.

    Raises:
        NeucamError: A manifest cannot be read.
    """
    data = Path(os.path.abspath(data))  # `.` has no name; a link keeps its own
    if not data.is_file():
        return data.name or "unnamed"
    if data.suffix.lower() == ".json":
        return experiment_name(Capture.load(data).data)
    clips = (path for path in data.parent.iterdir() if path.suffix.lower() in VIDEO_SUFFIXES | ARRAY_SUFFIXES)
    return data.stem if [path.stem for path in clips].count(data.stem) <= 1 else data.name


def claim_folder(experiment: Path, stamp: str) -> str:
    """Makes a folder for a run in that of an experiment, where no other process has one.

    Returns:
        The folder's name: the time stamp or, where that is taken, the first free one of `stamp-2`, `stamp-3`, ...
    """
    experiment.mkdir(parents=True, exist_ok=True)
    name, number = stamp, 1
    while True:
        try:
            (experiment / name).mkdir()
            return name
        except FileExistsError:
            number += 1
            name = f"{stamp}-{number}"


def check_is_free(run: Path, models: Path) -> None:
    """Refuses a folder that holds a run, whose checkpoints lie in `models`, by a `NeucamError`."""
    saved = any(models.glob("*.ckpt"))
    if saved or (run / "config.yml").exists():
        also = f"go on with that run: --load-dir {models}" if saved else "remove that folder, which has no checkpoint"
        raise NeucamError(
            f"{run}: --timestamp names a run that is there already. Give another one, leave --timestamp out for the "
            f"time of day, or {also}."
        )


def _check_machine(machine: MachineConfig) -> None:
    """Refuses several devices: each would hold all frames, and pictures of one view keep no second one busy."""
    for option, number in (("num-devices", machine.num_devices), ("num-machines", machine.num_machines)):
        if number != 1:
            raise NeucamError(
                f"--machine.{option} {number}: expected 1. Training takes a minute or so on one device, and every "
                f"further one would read all photographs again. Type --machine.{option} 1, or leave it out."
            )
