"""A capture and its pixels as one, as tests look at them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture


class Opened(NamedTuple):
    """What is known of frames, and their pixels; what it lacks itself is the capture's."""

    capture: Capture
    store: PixelStore

    def __getattr__(self, name: str) -> object:
        return getattr(self.capture, name)

    @property
    def train_pixels(self) -> np.ndarray:
        return self.store.stack(self.capture.train_indices)

    @property
    def eval_pixels(self) -> np.ndarray:
        return self.store.stack(self.capture.eval_indices)


def load_capture(data: Path, **options) -> Opened:
    return Opened(*open_capture(data, **options))


def frame_stops(capture) -> list[float]:
    return [capture.exposure_stops(index) for index in range(len(capture.frames))]


def rename_at_random(folder: Path) -> None:
    """Renames `F<i>E<j>.png` to `F<i>_a.png` .. `F<i>_c.png` with the exposures of each focus setting shuffled."""
    (folder / "exposure.txt").unlink()
    for focus, order in enumerate(("201", "120", "021")):
        for letter, exposure in zip("abc", order, strict=True):
            (folder / f"F{focus}E{exposure}.png").rename(folder / f"F{focus}_{letter}.png")
