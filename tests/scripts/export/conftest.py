"""Small models that are opened as runs without having been trained: a still scene and two that move."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from nerfstudio.data.scene_box import SceneBox

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.dataparsers.neucam_dataparser import frame_cameras
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig
from neucam_nerfstudio.published.network_sizes import MotionNetworkSizes, NetworkSizes
from neucam_nerfstudio.scripts.export import options, saying
from neucam_nerfstudio.scripts.export.trained_run import TrainedRun, without_settings

SMALL = MotionNetworkSizes(layer_width=8)
SMALL_NETWORKS = NetworkSizes(
    atlas_width=8, blur_width=8, response_width=8, deformation=SMALL, foreground_deformation=SMALL, opacity=SMALL
)

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


def build_run(capture: Capture, **config) -> TrainedRun:
    torch.manual_seed(0)
    box = SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3]))
    model: NeucamModel = NeucamModelConfig(network_sizes=SMALL_NETWORKS, **config).setup(
        scene_box=box, num_train_data=len(capture.train_indices), metadata={"capture": capture}
    )
    return TrainedRun(model.eval(), capture, without_settings(frame_cameras(capture, (0,))))


@pytest.fixture
def still_run(desk: Capture) -> TrainedRun:
    """A still scene of smooth light, from a hundredth to a hundred, under a lens; defocus rises to the right."""
    run = build_run(desk)
    across = torch.linspace(0, 1, desk.width).expand(desk.height, -1)
    down = torch.linspace(0, 1, desk.height)[:, None].expand(-1, desk.width)
    colours = torch.tensor([0.0, 0.2, -0.2])
    run.model.scene.pyramid.start_from((9.2 * across - 4.6 + down)[..., None] + colours)
    run.model.camera.blur.defocus.start_from((2 * across - 1)[..., None])
    return run


def walking_run(walk: Capture, step_px: float, **config) -> TrainedRun:
    """Our moving scene: smooth light that moves evenly, half covered at the top by a grey of each frame's own."""
    run = build_run(walk, scene="moving-grid", blur="none", **config)
    scene, (height, width) = run.model.scene, (walk.height, walk.width)
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
def moving_run(walk: Capture) -> TrainedRun:
    """Our moving scene at two pixels a frame."""
    return walking_run(walk, 2.0)


@pytest.fixture
def large_moving_run(walk: Capture) -> TrainedRun:
    """Our moving scene at a pixel and a bit a frame; too large for all of it to be learned, and something was."""
    run = walking_run(walk, 1.3, most_learned_cells=500)
    with torch.no_grad():
        run.model.scene.canonical.pyramid.grids[0].normal_(std=0.3)
    return run


@pytest.fixture
def layered_run(walk: Capture) -> TrainedRun:
    """The published moving scene of two layers, untrained."""
    return build_run(walk, scene="layered-siren", blur="none", exposures="bounded", response="neural-curve")


@pytest.fixture
def deformed_run(walk: Capture) -> TrainedRun:
    """The published moving scene of one layer, untrained."""
    return build_run(walk, scene="deformed-siren", blur="none", exposures="bounded", response="neural-curve")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Callable[[TrainedRun], None]:
    """Makes every kind of export open this run instead of loading one: `opened(still_run)`."""
    return lambda run: monkeypatch.setattr(options, "load_run", lambda load_config: run)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """Of each bar that is shown: how many steps it has, and how many are done."""
    bars: list[list[int]] = []

    class CountedSteps(saying.Progress):
        def add_task(self, description: str, total: int) -> int:
            bars.append([total, 0])
            return super().add_task(description, total=total)

        def advance(self, task: int) -> None:
            bars[-1][1] += 1

    monkeypatch.setattr(saying, "Progress", CountedSteps)
    return bars


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The lines that exports print."""
    lines: list[str] = []
    monkeypatch.setattr(saying.CONSOLE, "print", lambda *printed, **_: lines.extend(map(str, printed)))
    yield lines
