"""The grid gives back the picture it was started from, mixes light between pixels, and stays finite."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.scene import grid_field
from neucam_nerfstudio.scene.grid_field import GridField

NOW = torch.zeros(1, 1)


def field_of(log_radiance: list[list[float]]) -> GridField:
    """A grey field with these log radiances."""
    picture = torch.tensor(log_radiance)[..., None].expand(-1, -1, 3)
    field = GridField(*picture.shape[:2])
    field.pyramid.start_from(picture)
    return field


def test_radiance_at_a_pixel_is_the_pixel_s():
    field = field_of([[0.0, 1.0], [-2.0, 3.0]])
    centre = torch.tensor([[0.75, 0.25]])
    assert field.radiance(centre, NOW).tolist() == [pytest.approx([math.e] * 3)]
    torch.testing.assert_close(field.log_radiance(centre, NOW), torch.ones(1, 3))


def test_between_pixels_light_is_mixed_and_not_its_logarithm():
    field = field_of([[math.log(1.0), math.log(100.0)]])
    between = torch.tensor([[0.5, 0.5]])
    torch.testing.assert_close(field.radiance(between, NOW), torch.full((1, 3), 50.5))
    torch.testing.assert_close(field.log_radiance(between, NOW), torch.full((1, 3), math.log(50.5)))


def test_colours_do_not_mix():
    field = GridField(1, 1)
    field.pyramid.start_from(torch.tensor([[[0.0, 1.0, 2.0]]]))
    torch.testing.assert_close(field.log_radiance(torch.tensor([[0.5, 0.5]]), NOW), torch.tensor([[0.0, 1.0, 2.0]]))


def test_is_the_same_at_all_times():
    field = field_of([[0.0, 1.0]])
    uv = torch.rand(4, 5, 2)
    first, last = (field.radiance(uv, torch.full((4, 5, 1), time)) for time in (0.0, 1.0))
    assert first.shape == (4, 5, 3) and torch.equal(first, last)


@pytest.mark.parametrize("extreme", [-1e4, 1e4])
def test_runaway_values_stay_finite_light(extreme):
    field = field_of([[extreme, 0.0]])
    uv = torch.tensor([[0.25, 0.5], [0.4, 0.5]])
    radiance, log_radiance = field.radiance(uv, NOW.expand(2, 1)), field.log_radiance(uv, NOW.expand(2, 1))
    (radiance.sum() + log_radiance.sum()).backward()
    assert radiance.isfinite().all() and (radiance > 0).all() and log_radiance.isfinite().all()
    assert all(grid.grad.isfinite().all() for grid in field.pyramid.grids)


def test_learns_a_picture():
    field = GridField(6, 8)
    target = torch.rand(6, 8, 3)
    rows, columns = torch.meshgrid(torch.arange(6), torch.arange(8), indexing="ij")
    uv = torch.stack([(columns + 0.5) / 8, (rows + 0.5) / 6], -1)
    optimizer = torch.optim.Adam(field.parameters(), lr=0.05)
    for _ in range(150):
        optimizer.zero_grad()
        error = (field.log_radiance(uv, NOW.expand(6, 8, 1)) - target).square().mean()
        error.backward()
        optimizer.step()
    assert error.sqrt() < 0.01


def test_what_is_learned_of_a_large_picture_brightens_its_detail():
    """Two stops more light on the right half, on top of pixels of 1 and 100; between those *light* is mixed."""
    field = GridField(1, 4, most_learned_cells=2)
    field.pyramid.start_from(torch.tensor([[0.0, math.log(100.0)] * 2])[..., None].expand(-1, -1, 3))
    with torch.no_grad():
        field.pyramid.grids[0][..., 1] = math.log(4.0)
    last_two = torch.tensor([[0.875, 0.5], [0.75, 0.5]])
    expected = torch.tensor([400.0, 50.5 * 4])[:, None].expand(2, 3)
    torch.testing.assert_close(field.radiance(last_two, NOW.expand(2, 1)), expected)
    torch.testing.assert_close(field.picture()[0, 3], expected[0])


def test_a_step_does_not_touch_the_detail(monkeypatch):
    """Its light is computed once, however often what is learned changes."""
    shapes = []
    bounded_exp = grid_field.bounded_exp
    monkeypatch.setattr(grid_field, "bounded_exp", lambda x: (shapes.append(tuple(x.shape)), bounded_exp(x))[1])
    field = GridField(8, 12, most_learned_cells=24)
    for _ in range(3):
        field.radiance(torch.rand(5, 2), NOW.expand(5, 1)).sum().backward()
        with torch.no_grad():
            field.pyramid.grids[0].add_(1.0)
    assert shapes.count((1, 3, 8, 12)) == 1 and shapes.count((5, 3)) == 3


@pytest.mark.parametrize("extreme", [-13.0, 10.5])
def test_with_what_is_learned_light_stays_as_bounded_as_without(extreme):
    field = GridField(1, 2, most_learned_cells=1)
    field.pyramid.start_from(torch.full((1, 2, 3), extreme))
    with torch.no_grad():
        field.pyramid.grids[0].fill_(extreme)
    radiance = field.radiance(torch.tensor([[0.25, 0.5]]), NOW)
    torch.testing.assert_close(radiance[0], field.picture()[0, 0])
    assert grid_field.MIN_LOG_RADIANCE - 1e-3 <= radiance[0, 0].log() <= grid_field.MAX_LOG_RADIANCE + 1e-3


def test_the_picture_is_the_radiance_of_all_cells():
    field = GridField(4, 6)
    log_radiance = torch.linspace(-2, 2, 72).reshape(4, 6, 3)
    field.pyramid.start_from(log_radiance)
    picture = field.picture()
    torch.testing.assert_close(picture, log_radiance.exp())
    picture.zero_()  # it is the caller's own
    torch.testing.assert_close(field.picture(), log_radiance.exp())


def test_light_from_beyond_the_picture_teaches_the_border_nothing():
    field = GridField(4, 6)
    uv = torch.tensor([[0.5, 0.5], [0.5, 1.2], [-0.1, 0.5]])
    field.radiance(uv[:1], torch.zeros(1, 1)).sum().backward()
    of_inside = [grid.grad.clone() for grid in field.pyramid.grids]
    field.zero_grad()
    field.radiance(uv, torch.zeros(3, 1)).sum().backward()
    for grid, alone in zip(field.pyramid.grids, of_inside, strict=True):
        torch.testing.assert_close(grid.grad, alone)
