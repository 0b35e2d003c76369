"""What tests of several rooms share: a small real capture, and nerfstudio's global state cleared."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from neucam_nerfstudio.capture.capture import Capture

# A busy machine is no failure: examples may take as long as they take.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")

REPOSITORY = Path(__file__).resolve().parent.parent
DESK = REPOSITORY / "dataset" / "MFME" / "Desk"
TINY_REDUCTION = 5
"""Desk's 450 x 300 pixels become 90 x 60."""


@pytest.fixture(scope="session")
def tiny_desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Desk's nine photographs, exposures and ground truth at a fifth of their size; read only."""
    import OpenEXR
    from PIL import Image

    folder = tmp_path_factory.mktemp("captures") / "TinyDesk"
    (folder / "gt").mkdir(parents=True)
    shutil.copy(DESK / "exposure.txt", folder)
    for photograph in DESK.glob("F*E*.png"):
        Image.open(photograph).reduce(TINY_REDUCTION).save(folder / photograph.name)

    truth = "gt/all_in_focus_hdr.exr"
    radiance = OpenEXR.File(str(DESK / truth)).channels()["RGB"].pixels.astype(np.float32)
    height, width = (size // TINY_REDUCTION for size in radiance.shape[:2])
    reduced = radiance.reshape(height, TINY_REDUCTION, width, TINY_REDUCTION, 3).mean((1, 3))
    OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": reduced}).write(str(folder / truth))
    return folder


@pytest.fixture(scope="session")
def desk(tiny_desk: Path) -> Capture:
    """The same, loaded: three focus settings at three exposures, 90 x 60; read only."""
    from neucam_nerfstudio.capture.capture import load_capture

    return load_capture(tiny_desk)


@pytest.fixture
def tiny_capture(tiny_desk: Path, tmp_path: Path) -> Path:
    """A small capture of the test's own: 3 focus x 3 exposure settings, `exposure.txt`, `gt/`; free to be spoilt."""
    return Path(shutil.copytree(tiny_desk, tmp_path / "TinyDesk"))


@pytest.fixture(autouse=True)
def no_event_writers_of_earlier_runs():
    """Empties nerfstudio's list of TensorBoard and other writers, which grows with every run in a process."""
    yield
    if writer := sys.modules.get("nerfstudio.utils.writer"):
        writer.EVENT_WRITERS.clear()
