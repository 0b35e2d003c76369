"""The plane as a scene: rays find their places on it, and its moving parts are told apart from what stands still."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.plane_field import DeformedField
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces, Rays

from ..learned import capture_of, moving_capture_of
from .made_fields import Gradient, Level, OpaqueOnTheRight, Pan, TwoLayers

HEIGHT, WIDTH = 12, 16
STILL = capture_of(HEIGHT, WIDTH)
MOVING = moving_capture_of(HEIGHT, WIDTH, (0.0, 0.5, 1.0))


def scene_of(field, capture=STILL) -> PlanarScene:
    field.level = nn.Parameter(torch.zeros(()))  # scenes have something to learn
    return PlanarScene(field, capture)


def front_rays(*uv: tuple[float, float], time: float = 0.0) -> Rays:
    plane = ImagePlane(HEIGHT, WIDTH)
    directions = plane.pixel_directions(torch.tensor(uv))
    return Rays(plane.camera_to_world[:, 3].expand_as(directions), directions, torch.full((len(uv), 1), time))


def test_rays_meet_the_picture_at_their_time():
    places, inside = scene_of(Gradient()).meet(front_rays((0.25, 0.75), (1.5, 0.5), time=0.5))
    torch.testing.assert_close(places.uv, torch.tensor([[0.25, 0.75], [1.5, 0.5]]))
    assert places.times.tolist() == [[0.5], [0.5]] and inside.tolist() == [[True], [False]]


def test_radiance_is_the_field_s():
    scene, places = scene_of(Gradient()), PlanePlaces(torch.tensor([[0.25, 0.75]]), torch.tensor([[0.5]]))
    torch.testing.assert_close(scene.log_radiance(places), torch.tensor([[0.25, 0.75, 0.5]]))
    torch.testing.assert_close(scene.radiance(places).log(), scene.log_radiance(places))


def test_distance_is_along_the_ray():
    distance = scene_of(Gradient()).distance(front_rays((0.5, 0.5), (1.0, 0.5)))
    assert distance[:, 0].tolist() == pytest.approx([1.0, (1 + 0.5**2) ** 0.5])


def test_places_of_the_reference_frame_are_spread_over_the_picture_at_its_time():
    places = scene_of(Gradient(), MOVING).reference_places(2, 4)
    assert places.uv.shape == (2, 4, 2) and places.uv[1, 3].tolist() == [0.875, 0.75]
    assert places.times.unique().tolist() == [0.5] and places.times.shape == (2, 4, 1)


def test_what_stands_still_is_where_it_is_seen():
    places = PlanePlaces(torch.rand(5, 2), torch.ones(5, 1))
    assert scene_of(Gradient(), MOVING).reference_uv(places) is places.uv


def test_what_moves_is_found_where_the_reference_frame_has_it():
    """From the reference frame, at 0.5, to the last one all moves to the left by half a picture."""
    scene = scene_of(DeformedField(Gradient(), Pan()), MOVING)
    places = PlanePlaces(torch.tensor([[0.25, 0.5]]), torch.ones(1, 1))
    torch.testing.assert_close(scene.reference_uv(places), torch.tensor([[0.75, 0.5]]))


def test_a_still_field_shows_nothing_besides():
    assert dict(scene_of(Gradient()).extra_outputs()) == {}


def test_layers_are_shown_apart():
    scene = scene_of(TwoLayers(Level(0.0), DeformedField(Level(2.0), Pan()), OpaqueOnTheRight()))
    places = PlanePlaces(torch.tensor([[0.2, 0.5], [0.8, 0.5]]), torch.zeros(2, 1))
    outputs = {name: output(places, lambda light: light / 10) for name, output in scene.extra_outputs().items()}
    assert list(outputs) == ["opacity", "background", "foreground", "motion"]
    assert outputs["opacity"].tolist() == [[0.0], [1.0]]
    torch.testing.assert_close(outputs["background"], torch.full((2, 3), 0.1))
    torch.testing.assert_close(outputs["foreground"], torch.tensor(2.0).exp().expand(2, 3) / 10)


def test_motion_is_shown_since_the_reference_frame():
    scene = scene_of(DeformedField(Gradient(), Pan()), MOVING)
    places = PlanePlaces(torch.full((3, 2), 0.5), torch.tensor([[0.0], [0.5], [1.0]]))
    before, now, after = scene.extra_outputs()["motion"](places, lambda light: light)
    assert now.min() > 0.99  # white: nothing has moved yet
    assert before[0] > 0.99 and before[1:].max() < 0.2  # red: to the right
    assert after[0] < 0.2 and after[1:].min() > 0.6  # cyan: to the left
