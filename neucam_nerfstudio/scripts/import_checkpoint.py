"""`neucam-import`: a checkpoint of the released NeuCam code, with its photographs, as a run that nerfstudio opens."""

from __future__ import annotations

import copy
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import torch
import tyro
import yaml
from nerfstudio.utils.rich_utils import CONSOLE

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.published.checkpoint import CheckpointError, PublishedCheckpoint, read_checkpoint
from neucam_nerfstudio.published.checkpoint_layout import Part
from neucam_nerfstudio.published.network_sizes import NetworkSizes

if TYPE_CHECKING:
    from nerfstudio.engine.trainer import TrainerConfig
    from nerfstudio.pipelines.base_pipeline import Pipeline

    from neucam_nerfstudio.capture.capture import Capture
    from neucam_nerfstudio.models.camera_parts import BlurKind
    from neucam_nerfstudio.models.neucam_model import NeucamModel

STILL_SCENE: frozenset[Part] = frozenset({"atlas", "blur", "focus", "exposures", "response"})
"""The parts of a checkpoint of a still scene: all that can be imported yet."""

BLUR_OF_TAPS: dict[int, BlurKind] = {9: "neural-kernel-9", 25: "neural-kernel-25"}

PUBLISHED_STILL_SIZE = (450, 300)
"""Width and height in pixels to which the released configurations of still scenes resize photographs."""


@dataclass
class ImportCommand:
    """Makes a run out of a checkpoint of the released NeuCam code and the photographs it was trained on.

    ns-viewer, ns-render, ns-eval and neucam-export open the run; it renders what the released code does, and nothing is
    trained. Still scenes can be imported so far: all-in-focus HDR and all-in-focus pictures.
    """

    checkpoint: tyro.conf.Positional[Path]
    """Checkpoint (.pth) that the released code saved."""
    data: Path
    """Folder of the photographs it was trained on."""
    output_dir: Path = Path("outputs")
    """Folder of all runs: this one becomes OUTPUT_DIR/EXPERIMENT_NAME/neucam-paper/TIME."""
    experiment_name: str | None = None
    """Name of the experiment; default: the name of the data folder."""
    downscale_factor: int | None = None
    """Make the photographs this many times smaller, to the size of the training (released: 450x300), as blur needs."""
    train_frames: tuple[str, ...] = ()
    """Names or name patterns of the frames it was trained on, such as F0E0 'F1*', if the folder holds others, too."""

    def main(self) -> None:
        """Writes the run and says how to open it."""
        checkpoint = read_checkpoint(self.checkpoint)
        check_still_scene(checkpoint)
        config = self._run_config(checkpoint)
        pipeline = config.pipeline.setup(device="cpu", test_mode="inference")
        capture = pipeline.datamanager.train_dataparser_outputs.metadata["capture"]
        check_frames(checkpoint, capture)
        order = places_by_name([frame.path for frame in capture.frames])
        load_weights(checkpoint.with_frames_in_order(order), pipeline.model)
        tell(capture, write_run(config, pipeline))

    def _run_config(self, checkpoint: PublishedCheckpoint) -> TrainerConfig:
        from neucam_nerfstudio.method_configs.methods import neucam_paper

        config = copy.deepcopy(neucam_paper.config)
        config.output_dir, config.experiment_name = self.output_dir, self.experiment_name
        config.pipeline.datamanager.data = self.data
        dataparser, model = config.pipeline.datamanager.dataparser, config.pipeline.model
        dataparser.downscale_factor = self.downscale_factor
        # Other frames have no settings in the checkpoint, so none are held out for evaluation.
        dataparser.train_frames = dataparser.eval_frames = self.train_frames
        dataparser.settings_per_frame = True
        model.blur, model.network_sizes = blur_kind(checkpoint), network_sizes(checkpoint)
        config.set_timestamp()
        config.set_experiment_name()
        return config


def check_still_scene(checkpoint: PublishedCheckpoint) -> None:
    """Checks that the checkpoint has exactly the parts of a still scene.

    Raises:
        CheckpointError: It has others, or lacks one.
    """
    found = set(checkpoint.weights)
    if found == STILL_SCENE:
        return
    differences = {"also has": found - STILL_SCENE, "has no": STILL_SCENE - found}
    told = " and ".join(f"{word} {', '.join(sorted(parts))}" for word, parts in differences.items() if parts)
    raise CheckpointError(
        f"{checkpoint.path}: {told}, so it is no still scene seen through blur. Only these can be imported so far: "
        f"checkpoints with exactly {', '.join(sorted(STILL_SCENE))}. Moving scenes and videos will follow."
    )


def check_frames(checkpoint: PublishedCheckpoint, capture: Capture) -> None:
    """Checks that there are as many photographs as the checkpoint has frames.

    Raises:
        CheckpointError: There are more, or fewer.
    """
    num_photographs, num_frames = len(capture.frames), checkpoint.num_frames
    if num_photographs == num_frames:
        return
    remedy = f"Choose all {num_frames} photographs that it was trained on."
    if num_photographs > num_frames:
        first = sorted(frame.path.name for frame in capture.frames)[:num_frames]
        names = " ".join(Path(name).stem for name in first)
        remedy = f"Name those with --train-frames; the released code takes the first by name: --train-frames {names}"
    raise CheckpointError(
        f"{checkpoint.path}: was trained on {num_frames} frames, but {num_photographs} photographs of {capture.folder} "
        f"are chosen. {remedy}"
    )


def places_by_name(paths: Sequence[Path]) -> list[int]:
    """Place of each file in the order in which the released code reads a folder: IMG_10 comes before IMG_9."""
    in_order = sorted(path.name for path in paths)
    return [in_order.index(path.name) for path in paths]


def network_sizes(checkpoint: PublishedCheckpoint) -> NetworkSizes:
    """Sizes of the networks in the file."""
    atlas, blur, response = (checkpoint.network_shape(part) for part in ("atlas", "blur", "response"))
    return NetworkSizes(
        atlas_width=atlas.layer_width,
        atlas_layers=atlas.num_layers,
        blur_width=blur.layer_width,
        blur_layers=blur.num_layers,
        response_width=response.layer_width,
    )


def blur_kind(checkpoint: PublishedCheckpoint) -> BlurKind:
    """The blur generator with as many taps as the file's.

    Raises:
        CheckpointError: There is none.
    """
    num_taps = checkpoint.network_shape("blur").num_taps
    if num_taps not in BLUR_OF_TAPS:
        raise CheckpointError(f"{checkpoint.path}: its blur has {num_taps} taps, expected 9 (3 x 3) or 25 (5 x 5).")
    return BLUR_OF_TAPS[num_taps]


def load_weights(checkpoint: PublishedCheckpoint, model: NeucamModel) -> None:
    """Puts the checkpoint's weights into scene and camera.

    Args:
        checkpoint: Of a still scene.
        model: With the checkpoint's sizes, and a setting for each of its frames, in its order.

    Raises:
        CheckpointError: Sizes differ.
    """
    checkpoint.load_into(model.scene, "atlas")
    checkpoint.load_into(model.camera.blur, "blur")
    checkpoint.load_into(model.camera.focus, "focus")
    checkpoint.load_into(model.camera.exposures, "exposures")
    checkpoint.load_into(model.camera.response, "response")


def write_run(config: TrainerConfig, pipeline: Pipeline) -> Path:
    """Writes a run as ns-train leaves it, all at once.

    Returns:
        Its `config.yml`.
    """
    run = config.get_base_dir()
    run.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".import-", dir=run.parent) as scratch:
        unfinished = Path(scratch) / run.name
        models = unfinished / config.relative_model_dir
        models.mkdir(parents=True)
        state = {"step": 0, "pipeline": pipeline.state_dict(), "optimizers": {}, "schedulers": {}, "scalers": {}}
        torch.save(state, models / "step-000000000.ckpt")
        (unfinished / "config.yml").write_text(yaml.dump(config), "utf8")
        unfinished.rename(run)
    return run / "config.yml"


def tell(capture: Capture, config: Path) -> None:
    """Prints where the run is, what to type next, and what may be wrong with its size."""
    lines = [f"Wrote {config}", "Look at it, or write its picture:"]
    lines.append(f"  ns-viewer --load-config {config}")
    lines.append(f"  neucam-export hdr --load-config {config} --output-path pictures")
    if (capture.width, capture.height) != PUBLISHED_STILL_SIZE:
        width, height = PUBLISHED_STILL_SIZE
        lines.append(
            f"The photographs are {capture.width}x{capture.height} pixels here, {width}x{height} in the released "
            "configurations. If they were at training, too, blur has the wrong width here: see --downscale-factor."
        )
    CONSOLE.print("\n".join(lines), markup=False, soft_wrap=True)


def entrypoint() -> None:
    """Runs `neucam-import`; what a user can put right is said in one line, exit code 1."""
    tyro.extras.set_accent_color("bright_yellow")
    command = tyro.cli(ImportCommand)
    try:
        command.main()
    except (CheckpointError, CaptureError) as error:
        CONSOLE.print(str(error), style="bold red", markup=False)
        sys.exit(1)


if __name__ == "__main__":
    entrypoint()
