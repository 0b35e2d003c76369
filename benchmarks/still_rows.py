"""Which captures the still table measures, and with which settings."""

from __future__ import annotations

import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.evaluation.hdr_metrics import Alignment

HELD_OUT_TRIPLE = ("F0E0", "F1E1", "F2E2")
"""One frame of each focus, each at another exposure: the published method's choice."""


@dataclass(frozen=True)
class Row:
    """One experiment.

    Attributes:
        name: To choose it by.
        title: What it is, for the table.
        capture: Folder under the data root.
        asked: What is asked of our method.
        train_frames: Name patterns of the frames to train on; all without.
        iterations: Number of steps of our method; its own without.
        exposures: Whether the capture's exposures may be used. If not, it is copied without them, in shuffled order.
        with_others: Whether the published and the classical method are run as well.
    """

    name: str
    title: str
    capture: str
    asked: str
    train_frames: tuple[str, ...] = ()
    iterations: int | None = None
    exposures: Literal["known", "unknown"] = "known"
    with_others: bool = True

    @property
    def alignment(self) -> Alignment:
        """How our radiance is aligned to the ground truth."""
        return "scale" if self.exposures == "known" else "affine"

    @property
    def has_held_out_frames(self) -> bool:
        """Whether frames that were not trained on are scored."""
        return bool(self.train_frames)


ROWS = (
    Row("desk", "Desk, 9 frames", "Desk", ">= 46.0 dB in <= 120 s, <= 2.5 GB"),
    Row("desk-short", "Desk, 9 frames, 60 s", "Desk", ">= 45.0 dB in <= 60 s", iterations=300, with_others=False),
    Row("gallery", "Gallery, 9 frames", "Gallery", ">= 42.7 dB in <= 120 s"),
    Row("desk-unknown", "Desk, exposures unknown", "Desk", ">= 40.0 dB", exposures="unknown", with_others=False),
    Row("desk-three", "Desk, 3 frames", "Desk", ">= 38.5 dB, held out >= 30 dB", train_frames=HELD_OUT_TRIPLE),
    Row(
        "gallery-hand",
        "GalleryHandMFME, 9 frames, hand-held",
        "../handheld-focus/GalleryHandMFME",
        ">= 36.0 dB",
        with_others=False,
    ),
    Row("gallery-three", "Gallery, 3 frames", "Gallery", ">= 32.0 dB", train_frames=HELD_OUT_TRIPLE),
)
"""In the order of the table. Two have no lines of their own for the other methods: `desk-short` shares those of `desk`,
and without exposures there is no classical merge, while the published method never reads them."""


def photographs_of(row: Row, data_root: Path, scratch: Path) -> Path:
    """The folder to train on: the capture itself, or a copy that tells nothing of its exposures."""
    if row.exposures == "known":
        return data_root / row.capture
    folder = scratch / row.name / row.capture
    copy_without_exposures(data_root / row.capture, folder)
    return folder


def copy_without_exposures(capture: Path, folder: Path) -> None:
    """Copies the frames as `F0_a.png`, `F0_b.png` ...: focus setting in the name, exposures shuffled in each."""
    frames = list(open_capture(capture)[0].frames)
    random.Random(0).shuffle(frames)
    folder.mkdir(parents=True)
    for focus_index in {frame.focus_index for frame in frames}:
        bracket = [frame.path for frame in frames if frame.focus_index == focus_index]
        for position, path in enumerate(bracket):
            shutil.copyfile(path, folder / f"F{focus_index}_{chr(ord('a') + position)}{path.suffix}")
