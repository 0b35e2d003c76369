"""What photographs from one stand share, whatever light falls on the scene: how they lie, and where each is sharp."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME, Capture, found
from neucam_nerfstudio.classical.all_in_focus import KnownFocus
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import written_whole

FOCUS_NAME = "focus.npy"


@dataclass(frozen=True)
class Stand:
    """Photographs of a still scene that were fused, as far as others share it that were taken in the same order.

    Attributes:
        capture: Their alignment, focus settings and reference frame count.
        focus: Where each focus setting is sharp; None where there is one.
    """

    capture: Capture
    focus: KnownFocus | None

    def placed(self, other: Capture) -> Capture:
        """Other photographs of the same stand, aligned and focused as these; each keeps its exposure.

        Raises:
            NeucamError: They differ in number or size, or show a scene that moves.
        """
        own = self.capture
        told = [(each.moves, len(each.frames), each.width, each.height) for each in (own, other)]
        if told[0] != told[1] or own.moves or own.train_indices != other.train_indices:
            sizes = [f"{count} photographs of {width}x{height}" for _, count, width, height in told]
            raise NeucamError(
                f"{other.data}: {sizes[1]}, and {own.data}: {sizes[0]}. Those of one stand are as many and of one size,"
                " of a still scene: take others out, or fuse them each for itself."
            )
        frames = tuple(
            replace(
                frame,
                focus_index=like.focus_index,
                focus=like.focus,
                alignment=like.alignment,
                epipole=like.epipole,
            )
            for frame, like in zip(other.frames, own.frames, strict=True)
        )
        return replace(
            other,
            frames=frames,
            focuses=own.focuses,
            nearness=own.nearness,
            reference_index=own.reference_index,
            reference=found(frames[own.reference_index].name, "the same as of the stand's other photographs"),
        )

    def save(self, folder: Path) -> None:
        """Writes the stand into a folder, which is made."""
        self.capture.save(folder / MANIFEST_NAME)
        if self.focus is not None:
            with written_whole(folder / FOCUS_NAME) as temporary, temporary.open("wb") as file:
                np.save(file, np.array(self.focus.blur_per_setting_px))
                np.save(file, self.focus.sharpest_focus)

    @staticmethod
    def load(folder: Path) -> Stand:
        """Reads what `save` has written."""
        focus, path = None, folder / FOCUS_NAME
        if path.exists():
            with path.open("rb") as file:
                blur = float(np.load(file))
                focus = KnownFocus(np.load(file), blur)
        return Stand(Capture.load(folder / MANIFEST_NAME), focus)
