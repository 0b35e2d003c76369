"""Small models that are opened as runs without having been trained: a still scene and two that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.published.exposures import BoundedExposuresConfig
from neucam_nerfstudio.published.networks import NetworkSizes
from neucam_nerfstudio.published.response import NeuralCurveConfig
from neucam_nerfstudio.published.scene import DeformedSirenConfig, LayeredSirenConfig
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import SceneConfig
from neucam_nerfstudio.scripts import run_command
from neucam_nerfstudio.scripts.export import options

from ...learned import learn

SMALL = NetworkSizes(layer_width=8)

CONFIG = Path("config.yml")
"""Where the runs of these tests are said to be."""


@pytest.fixture(scope="session")
def walk(desk: Capture) -> Capture:
    """The desk's first four frames as moments of a scene that moves, with two exposures in turn, at 12 frames/s."""
    frames = [replace(desk.frames[i], focus_index=0, exposure_index=i % 2) for i in range(4)]
    return replace(
        desk,
        frames=tuple(frames),
        train_indices=(0, 1, 2, 3),
        eval_indices=(0, 1, 2, 3),
        exposures=replace(desk.exposures, stops=(-1.0, 1.0)),
        focuses=replace(desk.focuses, positions=(0.0,)),
        reference_index=1,
        moves=True,
        times=(0.0, 1 / 3, 2 / 3, 1.0),
        frame_rate=12.0,
    )


def published_run(capture: Capture, scene: SceneConfig) -> LearnedCapture:
    """An untrained run of a published method."""
    return learn(capture, scene, BlurConfig(), BoundedExposuresConfig(), NeuralCurveConfig(layer_width=8)).eval()


def rendered(run: LearnedCapture, name: str, settings: CameraSettings | None = None) -> np.ndarray:
    """One output at the photographs' size, as `Renderer` gives it."""
    return run.renderer.render(run.view, settings or CameraSettings(), (name,))[name].numpy()


def with_capture(run: LearnedCapture, **changed: object) -> LearnedCapture:
    """The same run, said to be of a capture that differs."""
    run.capture = replace(run.capture, **changed)
    return run


@pytest.fixture
def still_run(desk: Capture) -> LearnedCapture:
    """A still scene of smooth light, from a hundredth to a hundred, under a lens; defocus rises to the right."""
    run = learn(desk).eval()
    across = torch.linspace(0, 1, desk.width).expand(desk.height, -1)
    down = torch.linspace(0, 1, desk.height)[:, None].expand(-1, desk.width)
    colours = torch.tensor([0.0, 0.2, -0.2])
    run.scene.field.pyramid.start_from((9.2 * across - 4.6 + down)[..., None] + colours)
    run.camera.blur.defocus.start_from((2 * across - 1)[..., None])
    return run


def walking_run(walk: Capture, step_px: float, **scene_options) -> LearnedCapture:
    """Our moving scene: smooth light that moves evenly, half covered at the top by a grey of each frame's own."""
    run = learn(walk, MovingGridSceneConfig(**scene_options), BlurConfig()).eval()
    scene, (height, width) = run.scene.field, (walk.height, walk.width)
    shared = scene.canonical.picture()
    across = torch.linspace(-2, 2, shared.shape[1])
    scene.canonical.pyramid.start_from(across[None, :, None].expand_as(shared))
    to_the_right = torch.tensor([1.0, 0.0]).expand(1, height, width, 2)
    scene.motion.start_from(step_px * torch.arange(4)[:, None, None, None] * to_the_right)
    scene.foreground.start_from(torch.zeros(4, height, width, 3))
    top = (torch.arange(height) < height // 3).float()
    scene.opacity.start_from(0.5 * top[None, :, None].expand(4, -1, width))
    return run


@pytest.fixture
def moving_run(walk: Capture) -> LearnedCapture:
    """Our moving scene at two pixels a frame."""
    return walking_run(walk, 2.0)


@pytest.fixture
def large_moving_run(walk: Capture) -> LearnedCapture:
    """Our moving scene at a pixel and a bit a frame; too large for all of it to be learned, and something was."""
    run = walking_run(walk, 1.3, most_learned_cells=500)
    with torch.no_grad():
        run.scene.field.canonical.pyramid.grids[0].normal_(std=0.3)
    return run


@pytest.fixture
def layered_run(walk: Capture) -> LearnedCapture:
    """The published moving scene of two layers, untrained."""
    networks = dict.fromkeys(("deformation", "foreground_deformation", "opacity"), SMALL)
    return published_run(walk, LayeredSirenConfig(atlas_width=8, **networks))


@pytest.fixture
def deformed_run(walk: Capture) -> LearnedCapture:
    """The published moving scene of one layer, untrained."""
    return published_run(walk, DeformedSirenConfig(atlas_width=8, deformation=SMALL))


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[LearnedCapture], None]:
    """Makes every kind of export open this run instead of loading one: `opened(still_run)`."""
    return lambda run: monkeypatch.setattr(options, "load_run", lambda load_config: run)


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Of each bar that is shown: the shares of the work that it has reported."""
    bars: list[list[float]] = []

    class Reporting(run_command.Progress):
        def add_task(self, description: str, total: float) -> int:
            assert total == 1
            bars.append([])
            return super().add_task(description, total=total)

        def update(self, task: int, *, completed: float) -> None:
            bars[-1].append(completed)

    monkeypatch.setattr(run_command, "Progress", Reporting)
    return bars


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines that exports print."""
    lines: list[str] = []
    monkeypatch.setattr(run_command.CONSOLE, "print", lambda *printed, **_: lines.extend(map(str, printed)))
    yield lines
