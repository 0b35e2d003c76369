"""Stand-ins for nerfstudio's commands, and a small scene that a camera pans over."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import cv2
import numpy as np
import pytest

from benchmarks import commands

FAKE_TRAINING = """
    folder = Path(option("--output-dir"), option("--experiment-name"), sys.argv[1], option("--timestamp"))
    folder.mkdir(parents=True)
    (folder / "config.yml").write_text("trained")
"""
"""An `ns-train` that leaves an empty run."""

PAN_HEIGHT, PAN_WIDTH, PAN_PX = 64, 96, 3


@pytest.fixture
def fake_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Puts Python code in the place of commands: `fake_commands({name: code}, NAME=value, ...)`; `ns-train` always.

    The code has `sys`, `Path`, `option(name)`, the value after an option on the command line, and the given names.
    """

    def install(bodies: dict[str, str], **constants: str) -> None:
        head = [f"#!{sys.executable}", "import sys", "from pathlib import Path"]
        head += [f"{name} = {value!r}" for name, value in constants.items()]
        head += ["option = lambda name: sys.argv[sys.argv.index(name) + 1]"]
        folder = tmp_path / "commands"
        folder.mkdir()
        for name, body in {"ns-train": FAKE_TRAINING, **bodies}.items():
            (folder / name).write_text("\n".join([*head, dedent(body)]))
            (folder / name).chmod(0o755)
        monkeypatch.setattr(commands, "script", lambda name: folder / name)

    return install


@pytest.fixture(scope="session")
def pan_radiance() -> np.ndarray:
    """Radiance [4, 64, 96, 3] from 0.01 to 10 with structure of several sizes; a camera turns 3 px right a frame."""
    random = np.random.default_rng(0)
    shape = (PAN_HEIGHT, PAN_WIDTH + 3 * PAN_PX)
    layers = [cv2.GaussianBlur(random.normal(size=shape), (0, 0), sigma) * sigma for sigma in (2, 5, 12)]
    radiance = np.exp(np.clip(3 * sum(layers)[..., None] + [-1.0, -0.8, -1.2], -4.6, 2.3)).astype(np.float32)
    return np.stack([radiance[:, i * PAN_PX : i * PAN_PX + PAN_WIDTH] for i in range(4)])


def develop(radiance: np.ndarray, stops: float = 0.0) -> np.ndarray:
    """8-bit photograph by a response that saturates softly, (x / (1 + x))^(1/2.2)."""
    exposure = radiance * 2.0**stops
    return np.rint(255 * (exposure / (1 + exposure)) ** (1 / 2.2)).astype(np.uint8)


@pytest.fixture(scope="session")
def pan_photographs(pan_radiance: np.ndarray) -> np.ndarray:
    """The pan at exposures that alternate between -2 and +2 stops."""
    return np.stack([develop(frame, (-2, 2)[i % 2]) for i, frame in enumerate(pan_radiance)])


@pytest.fixture(scope="session")
def data_root(tmp_path_factory: pytest.TempPathFactory, pan_radiance, pan_photographs) -> Path:
    """The pan as a folder of all three kinds of captures that move: `ME-dynamic`, `Video-hdr` and `Video-deblur`."""
    import OpenEXR

    root = tmp_path_factory.mktemp("moving")
    frames = {"ME-dynamic/DeskHandheld": pan_photographs[:3], "Video-hdr/GalleryWalk": pan_photographs}
    for name, photographs in frames.items():
        (root / name / "gt").mkdir(parents=True)
        (root / name / "exposure.txt").write_text("-2\n2\n")
        for index, photograph in enumerate(photographs):
            cv2.imwrite(str(root / name / f"frame_{index:03d}.png"), photograph[..., ::-1])
            channels = {"RGB": np.ascontiguousarray(pan_radiance[index])}
            exr = OpenEXR.File({"type": OpenEXR.scanlineimage}, channels)
            exr.write(str(root / name / f"gt/hdr_{index:03d}.exr"))
    blurred = root / "Video-deblur/DeskShake"
    (blurred / "gt").mkdir(parents=True)
    for index, frame in enumerate(pan_radiance):
        sharp = develop(frame)
        cv2.imwrite(str(blurred / f"gt/sharp_{index:03d}.png"), sharp[..., ::-1])
        cv2.imwrite(str(blurred / f"frame_{index:03d}.png"), cv2.blur(sharp, (1 + 6 * (index % 2), 1))[..., ::-1])
    return root
