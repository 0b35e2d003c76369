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
