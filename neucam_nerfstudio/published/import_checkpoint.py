"""`neucam-import`: a checkpoint of the released NeuCam code, with its photographs, as a run that nerfstudio opens."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
import tyro
import yaml
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.checkpoint import ALWAYS_THERE, Part, PublishedCheckpoint, read_checkpoint
from neucam_nerfstudio.scripts.run_command import run_command

if TYPE_CHECKING:
    from nerfstudio.data.datamanagers.base_datamanager import VanillaDataManagerConfig
    from nerfstudio.engine.trainer import TrainerConfig
    from nerfstudio.pipelines.base_pipeline import Pipeline

    from neucam_nerfstudio.capture.manifest import Capture
    from neucam_nerfstudio.dataparsers.neucam_dataparser import NeucamDataParserConfig
    from neucam_nerfstudio.published.model import PublishedModelConfig


class PublishedTask(NamedTuple):
    """A task of the released code.

    Attributes:
        method: The method of ours that does the same.
        parts: What its checkpoints hold beside what all hold.
        sizes: Width and height in pixels to which its released configurations resize photographs.
    """

    method: str
    parts: frozenset[Part]
    sizes: tuple[tuple[int, int], ...]


BLUR: frozenset[Part] = frozenset({"blur", "focus"})
LAYERS: frozenset[Part] = frozenset({"deformation", "foreground_atlas", "foreground_deformation", "opacity"})
TASKS = (
    PublishedTask("neucam-paper", BLUR, ((450, 300),)),
    PublishedTask("neucam-hdr-paper", frozenset({"deformation"}), ((680, 448), (448, 680))),
    PublishedTask("neucam-deblur-paper", BLUR | LAYERS, ((640, 360),)),
    PublishedTask("neucam-hdr-video-paper", LAYERS, ((640, 360),)),
)


@dataclass
class ImportCommand:
    """Makes a run out of a checkpoint of the released NeuCam code and the photographs it was trained on.

    ns-viewer, ns-render, ns-eval and neucam-export open the run; it renders what the released code does, and nothing is
    trained. The checkpoint tells its task: a still scene, a moving bracket, a blurred video or an HDR video.
    """

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint (.pth) that the released code saved."""
    data: Path
    """Folder of the photographs or video frames it was trained on."""
    output_dir: Path = Path("outputs")
    """Folder of all runs: this one becomes OUTPUT_DIR/EXPERIMENT_NAME/METHOD/TIME."""
    experiment_name: str | None = None
    """Name of the experiment; default: the name of the data folder."""
    downscale_factor: int | None = None
    """Make the photographs this many times smaller, to the size of the training, as blur and deformation need."""
    train_frames: tuple[str, ...] = ()
    """Names or name patterns of the frames it was trained on, such as F0E0 'F1*', if the folder holds others, too."""

    def main(self) -> None:
        """Writes the run and says how to open it."""
        from neucam_nerfstudio.published.checkpoint_loading import load_weights

        checkpoint = read_checkpoint(self.checkpoint)
        task = _task_of(checkpoint)
        config = self._run_config(checkpoint, task)
        pipeline = config.pipeline.setup(device="cpu", test_mode="inference")
        capture = pipeline.datamanager.train_dataparser_outputs.metadata["capture"]
        _check_frames(checkpoint, capture)
        order = places_by_name([frame.path for frame in capture.frames])
        if capture.moves:
            _check_order(checkpoint, capture, order)
        load_weights(checkpoint.with_frames_in_order(order), pipeline.model.learned)
        _tell(capture, task, _write_run(config, pipeline, capture))

    def _run_config(self, checkpoint: PublishedCheckpoint, task: PublishedTask) -> TrainerConfig:
        from nerfstudio.configs.method_configs import all_methods

        from neucam_nerfstudio.published.checkpoint_loading import fit_to_checkpoint

        config = copy.deepcopy(all_methods[task.method])
        config.output_dir, config.experiment_name = self.output_dir, self.experiment_name
        config.pipeline.datamanager.data = self.data
        dataparser, model = _dataparser_of(config), cast("PublishedModelConfig", config.pipeline.model)
        dataparser.downscale_factor = self.downscale_factor
        # Other frames have no settings in the checkpoint, so none are held out for evaluation.
        dataparser.train_frames = dataparser.eval_frames = self.train_frames
        dataparser.settings_per_frame = True
        # The released code reads photographs as they are: moved, they would no longer lie on what the checkpoint shows.
        dataparser.align = "off"
        fit_to_checkpoint(model, checkpoint)
        # The checkpoint knows the exposures, and each frame shows what the released code computes for it.
        model.needs_bracket = model.at_reference = False
        return config


def _task_of(checkpoint: PublishedCheckpoint) -> PublishedTask:
    """The task that has exactly the checkpoint's parts."""
    found = frozenset(checkpoint.weights)
    for task in TASKS:
        if found == task.parts.union(ALWAYS_THERE):
            return task
    choices = "; ".join(f"{', '.join(sorted(task.parts))} ({task.method})" for task in TASKS)
    raise NeucamError(
        f"{checkpoint.path}: holds {', '.join(sorted(found))}, which is no published task. Expected "
        f"{', '.join(sorted(ALWAYS_THERE))} and one of: {choices}."
    )


def _check_frames(checkpoint: PublishedCheckpoint, capture: Capture) -> None:
    """Refuses more photographs than the checkpoint has frames, or fewer."""
    num_photographs, num_frames = len(capture.frames), checkpoint.num_frames
    if num_photographs == num_frames:
        return
    remedy = f"Choose all {num_frames} photographs that it was trained on."
    if num_photographs > num_frames:
        first = sorted(frame.path.name for frame in capture.frames)[:num_frames]
        names = " ".join(Path(name).stem for name in first)
        remedy = f"Name those with --train-frames; the released code takes the first by name: --train-frames {names}"
    raise NeucamError(
        f"{checkpoint.path}: was trained on {num_frames} frames, but {num_photographs} photographs of {capture.folder} "
        f"are chosen. {remedy}"
    )


def places_by_name(paths: Sequence[Path]) -> list[int]:
    """Place of each file in the order in which the released code reads a folder: IMG_10 comes before IMG_9."""
    in_order = sorted(path.name for path in paths)
    return [in_order.index(path.name) for path in paths]


def _check_order(checkpoint: PublishedCheckpoint, capture: Capture, order: Sequence[int]) -> None:
    """Refuses frames that do not follow each other in time as the released code has read them."""
    for place, (frame, official_place) in enumerate(zip(capture.frames, order, strict=True)):
        if place != official_place:
            raise NeucamError(
                f"{checkpoint.path}: the released code reads {frame.path.name} as frame {official_place}, by its name "
                f"as text, but in {capture.folder} it is frame {place}, by the numbers in the names. Number the files "
                "with leading zeros, in the order in which the checkpoint was trained on them."
            )


def _dataparser_of(config: TrainerConfig) -> NeucamDataParserConfig:
    return cast("NeucamDataParserConfig", cast("VanillaDataManagerConfig", config.pipeline.datamanager).dataparser)


def _write_run(config: TrainerConfig, pipeline: Pipeline, capture: Capture) -> Path:
    """Writes a run as ns-train leaves it, all at once or, with an `OSError`, not at all; its `config.yml`."""
    config.set_timestamp()
    run = config.get_base_dir()
    run.parent.mkdir(parents=True, exist_ok=True)
    try:
        with TemporaryDirectory(prefix=".import-", dir=run.parent) as scratch:
            unfinished = Path(scratch) / run.name
            models = unfinished / config.relative_model_dir
            models.mkdir(parents=True)
            state = {"step": 0, "pipeline": pipeline.state_dict(), "optimizers": {}, "schedulers": {}, "scalers": {}}
            try:
                torch.save(state, models / "step-000000000.ckpt")
            except RuntimeError as error:  # which is what torch makes of a full disk
                reason = " ".join(str(error).split())
                raise OSError(f"{run}: cannot be written; is there room for it? ({reason})") from error
            capture.save(unfinished / MANIFEST_NAME)
            _dataparser_of(config).manifest = run / MANIFEST_NAME
            (unfinished / "config.yml").write_text(yaml.dump(config), "utf8")
            unfinished.rename(run)
    finally:
        if not (run / "config.yml").exists():
            run.rmdir()  # which was taken for this run
    return run / "config.yml"


def _tell(capture: Capture, task: PublishedTask, config: Path) -> None:
    """Prints where the run is, what to type next, and what may be wrong with its size."""
    lines = [
        f"Wrote {config}",
        "Look at it, or write its picture:",
        f"  ns-viewer --load-config {config}",
        f"  neucam-export hdr --load-config {config} --output-path pictures",
    ]
    if (capture.width, capture.height) not in task.sizes:
        sizes = " or ".join(f"{width}x{height}" for width, height in task.sizes)
        lines.append(
            f"The photographs are {capture.width}x{capture.height} pixels here, {sizes} in the released configurations."
            " If they were at training, too, blur and motion have the wrong size here: see --downscale-factor."
        )
    CONSOLE.print("\n".join(lines), markup=False, soft_wrap=True)


def entrypoint() -> None:
    """Runs `neucam-import`."""
    run_command(ImportCommand)


if __name__ == "__main__":
    entrypoint()
