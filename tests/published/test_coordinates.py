from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.published.networks import PublishedCoordinates


def test_first_and_last_pixel_centres_are_minus_one_and_one():
    coordinates = PublishedCoordinates(height=3, width=5)
    first, last = [0.5 / 5, 0.5 / 3], [4.5 / 5, 2.5 / 3]
    yx = coordinates.yx_from_uv(torch.tensor([first, last]))
    torch.testing.assert_close(yx, torch.tensor([[-1.0, -1.0], [1.0, 1.0]]))


def test_y_comes_before_x():
    middle_row_last_column = torch.tensor([4.5 / 5, 1.5 / 3])
    yx = PublishedCoordinates(height=3, width=5).yx_from_uv(middle_row_last_column)
    torch.testing.assert_close(yx, torch.tensor([0.0, 1.0]))


def test_pixel_step_is_the_distance_of_neighbouring_pixels():
    coordinates = PublishedCoordinates(height=3, width=5)
    here, diagonal_neighbour = torch.tensor([[1.5 / 5, 0.5 / 3], [2.5 / 5, 1.5 / 3]])
    step = coordinates.yx_from_uv(diagonal_neighbour) - coordinates.yx_from_uv(here)
    assert step.tolist() == pytest.approx([1.0, 0.5])
    assert coordinates.pixel_step_yx == (1.0, 0.5)


def test_a_single_pixel_sits_at_the_origin():
    yx = PublishedCoordinates(height=1, width=1).yx_from_uv(torch.tensor([0.5, 0.5]))
    assert yx.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(("time", "t"), [(0.0, -1.0), (0.25, -0.5), (1.0, 1.0)])
def test_time_leads_the_full_coordinates(time, t):
    coordinates = PublishedCoordinates(height=3, width=5)
    tyx = coordinates.tyx_from_uv(torch.tensor([[0.5, 2.5 / 3]]), torch.tensor([[time]]))
    torch.testing.assert_close(tyx, torch.tensor([[t, 1.0, 0.0]]))


@given(
    size=st.tuples(st.integers(2, 5000), st.integers(2, 5000)),
    uv=st.tuples(st.floats(-1, 2), st.floats(-1, 2)),
)
def test_uv_survives_the_round_trip(size, uv):
    coordinates = PublishedCoordinates(*size)
    uv = torch.tensor(uv, dtype=torch.float64)
    torch.testing.assert_close(coordinates.uv_from_yx(coordinates.yx_from_uv(uv)), uv, rtol=0, atol=1e-12)
