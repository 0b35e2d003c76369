"""Local tone mapping of a scene: made once, made again when the scene is learned, and moving with what it shows."""

import math

import pytest
import torch
from torch import nn

from neucam_nerfstudio.grids.plane_pyramid import sample_plane
from neucam_nerfstudio.rendering.outputs import Renderer
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.plane_field import Deformation, DeformedField
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces

from ..learned import capture_of, learn

HEIGHT, WIDTH = 40, 60
TOP, MIDDLE = (0.5, 0.1), (0.5, 0.6)


class DownByHalf(Deformation):
    """The picture moves down by half its height from the first moment to the last."""

    def forward(self, uv, times):
        return uv - torch.cat([torch.zeros_like(times), times / 2], -1)


@pytest.fixture
def field() -> GridField:
    """Dark below, light above."""
    field = GridField(HEIGHT, WIDTH)
    log_radiance = torch.zeros(HEIGHT, WIDTH, 3)
    log_radiance[: HEIGHT // 2] = math.log(100.0)
    field.pyramid.start_from(log_radiance)
    return field


def renderer_of(field: nn.Module) -> Renderer:
    capture = capture_of(HEIGHT, WIDTH)
    return Renderer(PlanarScene(field, capture), learn(capture).camera, HEIGHT, WIDTH, 0.0)


def ln_gain(renderer: Renderer, uv: tuple[float, float], time: float = 0.0) -> float:
    places = PlanePlaces(torch.tensor([uv]), torch.tensor([[time]]))
    return float(sample_plane(renderer.local_curves(), renderer.scene.reference_uv(places))[0, 1])


def test_curves_are_made_again_when_the_scene_changes(field):
    renderer = renderer_of(field)
    before = ln_gain(renderer, TOP)
    assert ln_gain(renderer, TOP) == before
    with torch.no_grad():
        field.pyramid.grids[0].add_(2.0)
    assert abs(ln_gain(renderer, TOP) - before) > 1.0


def test_curves_move_with_what_they_show(field):
    renderer = renderer_of(DeformedField(field, DownByHalf()))
    assert ln_gain(renderer, MIDDLE, 1.0) == pytest.approx(ln_gain(renderer, TOP), abs=1e-3)
    assert abs(ln_gain(renderer, MIDDLE, 1.0) - ln_gain(renderer, MIDDLE, 0.0)) > 0.1
