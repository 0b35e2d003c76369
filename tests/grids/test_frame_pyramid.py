"""Grids of frames are read between cells and between frames, and their coarse levels move neighbourhoods."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.grids.frame_pyramid import FramePyramid, frame_numbers, sample_frames

TWO_FRAMES = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]], [[[10.0, 11.0], [12.0, 13.0]]]])
"""Two frames of one channel, 2 x 2 cells."""


def sample(u: float, v: float, frame: float) -> float:
    return sample_frames(TWO_FRAMES, torch.tensor([[u, v]]), torch.tensor([[frame]])).item()


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ((0.25, 0.25, 0.0), 0.0),
        ((0.75, 0.25, 1.0), 11.0),
        ((0.5, 0.5, 0.0), 1.5),
        ((0.25, 0.75, 0.5), 7.0),
        ((-1.0, 0.25, -3.0), 0.0),
        ((2.0, 2.0, 9.0), 13.0),
    ],
)
def test_values_by_hand(place, value):
    assert sample(*place) == pytest.approx(value, abs=1e-5)


def test_any_shape_of_places_keeps_its_order():
    uv, frame = torch.rand(3, 5, 2), torch.rand(3, 5, 1)
    values = sample_frames(TWO_FRAMES, uv, frame)
    assert values.shape == (3, 5, 1)
    torch.testing.assert_close(values[1, 2], sample_frames(TWO_FRAMES, uv[1, 2][None], frame[1, 2][None])[0])


@given(times=st.lists(st.floats(0, 1), min_size=2, max_size=6, unique=True))
def test_frame_numbers_at_the_frames(times):
    frame_times = torch.tensor(sorted(times), dtype=torch.float64)
    if frame_times.diff().min() < 1e-6:
        return
    numbers = frame_numbers(frame_times[:, None], frame_times)
    torch.testing.assert_close(numbers[:, 0], torch.arange(len(times), dtype=torch.float64))


def test_frame_numbers_between_and_beyond_uneven_frames():
    frame_times = torch.tensor([0.0, 0.2, 1.0])
    numbers = frame_numbers(torch.tensor([[0.1], [0.6], [-0.2], [1.4]]), frame_times)
    torch.testing.assert_close(numbers[:, 0], torch.tensor([0.5, 1.5, -1.0, 2.5]))


def test_start_is_the_mean_of_each_cell():
    pyramid = FramePyramid(1, 2, height=4, width=8, cell_px=4, num_levels=2)
    pictures = torch.arange(64.0).reshape(2, 4, 8, 1)
    pyramid.start_from(pictures)
    expected = pictures.reshape(2, 4, 2, 4).mean((1, 3))
    torch.testing.assert_close(pyramid.images()[:, 0, 0], expected)


def test_a_coarse_cell_moves_its_neighbourhood_in_its_own_frame():
    pyramid = FramePyramid(1, 2, height=16, width=16, cell_px=4, num_levels=3)
    pyramid.images()[0, 0, 1, 1].backward()
    gradients = [grid.grad for grid in pyramid.grids]
    assert [int((gradient[0] != 0).sum()) for gradient in gradients] == [1, 4, 1]
    assert not any(gradient[1].any() for gradient in gradients)


def test_total_variation_by_hand():
    pyramid = FramePyramid(1, 1, height=2, width=2, cell_px=1, num_levels=1)
    pyramid.start_from(torch.tensor([[[[0.0], [1.0]], [[2.0], [5.0]]]]))
    assert pyramid.total_variation().item() == pytest.approx((2 + 4) / 2 + (1 + 3) / 2)
