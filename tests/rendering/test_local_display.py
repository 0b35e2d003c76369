"""Local tone mapping of a scene: made once, made again when the scene is learned, and moving with what it shows."""

import math

import pytest
import torch
from neucam_nerfstudio.models.local_display import LocalDisplay
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.deformation import Deformation, DeformedScene

from neucam_nerfstudio.scene.grid_scene import GridScene

HEIGHT, WIDTH = 40, 60
TOP, BOTTOM = torch.tensor([[0.5, 0.1]]), torch.tensor([[0.5, 0.9]])
START, END = torch.zeros(1, 1), torch.ones(1, 1)


class DownByHalf(Deformation):
    """The picture moves down by half its height from the first moment to the last."""

    def forward(self, uv, times):
        return uv - torch.cat([torch.zeros_like(times), times / 2], -1)


@pytest.fixture
def scene() -> GridScene:
    """Dark below, light above."""
    scene = GridScene(HEIGHT, WIDTH)
    log_radiance = torch.zeros(HEIGHT, WIDTH, 3)
    log_radiance[: HEIGHT // 2] = math.log(100.0)
    scene.pyramid.start_from(log_radiance)
    return scene


def ln_gain(display: LocalDisplay, uv: torch.Tensor, times: torch.Tensor = START) -> float:
    curves = display.curves_of_rays(uv, times)
    return float(curves.ln_gain)


def test_curves_are_made_again_when_the_scene_changes(scene):
    display = LocalDisplay(scene, ImagePlane(HEIGHT, WIDTH), 0.0)
    before = ln_gain(display, TOP)
    assert ln_gain(display, TOP) == before
    with torch.no_grad():
        scene.pyramid.grids[0].add_(2.0)
    assert abs(ln_gain(display, TOP) - before) > 1.0


def test_curves_move_with_what_they_show(scene):
    display = LocalDisplay(DeformedScene(scene, DownByHalf()), ImagePlane(HEIGHT, WIDTH), 0.0)
    middle = torch.tensor([[0.5, 0.6]])
    assert ln_gain(display, middle, END) == pytest.approx(ln_gain(display, TOP), abs=1e-3)
    assert abs(ln_gain(display, middle, END) - ln_gain(display, middle, START)) > 0.1
