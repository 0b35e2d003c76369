"""The folder of a run of `ns-train`: named after what it is trained on, and its own."""

from __future__ import annotations

import os
from pathlib import Path

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.source import ARRAY_SUFFIXES, VIDEO_SUFFIXES
from neucam_nerfstudio.errors import NeucamError

CONFIG_NAME = "config.yml"
"""nerfstudio's name for the configuration of a run."""


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
    namesakes = [path for path in data.parent.iterdir() if path.stem == data.stem and _holds_frames(path)]
    return data.stem if len(namesakes) <= 1 else data.name


def _holds_frames(path: Path) -> bool:
    return path.suffix.lower() in VIDEO_SUFFIXES | ARRAY_SUFFIXES


def claim_folder(experiment: Path, stamp: str) -> str:
    """Makes a folder for a run, where no other process has one.

    Args:
        experiment: Folder of the runs; it is made if it is missing.
        stamp: Time stamp of the run.

    Returns:
        The folder's name: the stamp or, where that is taken, the first free one of `stamp-2`, `stamp-3`, ...
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
    """Checks that a folder does not hold a run.

    Args:
        run: The folder.
        models: Its folder of checkpoints.

    Raises:
        NeucamError: It does.
    """
    saved = any(models.glob("*.ckpt"))
    if saved or (run / CONFIG_NAME).exists():
        also = f"go on with that run: --load-dir {models}" if saved else "remove that folder, which has no checkpoint"
        raise NeucamError(
            f"{run}: --timestamp names a run that is there already. Give another one, leave --timestamp out for the "
            f"time of day, or {also}."
        )
