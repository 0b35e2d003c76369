"""Pyramids add up to one picture, or one a frame, which is looked up linearly between its cells."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.grids.plane_pyramid import (
    FramePyramid,
    PlanePyramid,
    frame_numbers,
    sample_frames,
    sample_plane,
)


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


SQUARE = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
"""Cell centres at 0.25 and 0.75 each way."""


@pytest.mark.parametrize(
    ("u", "v", "expected"),
    [
        pytest.param(0.25, 0.25, 1.0, id="a cell's centre"),
        pytest.param(0.75, 0.25, 2.0, id="to the right"),
        pytest.param(0.25, 0.75, 3.0, id="down"),
        pytest.param(0.5, 0.5, 2.5, id="between four"),
        pytest.param(0.375, 0.25, 1.25, id="a quarter of the way"),
        pytest.param(0.0, 0.0, 1.0, id="on the rim"),
        pytest.param(7.0, 0.75, 4.0, id="beyond the right border"),
        pytest.param(0.75, -3.0, 2.0, id="above the picture"),
    ],
)
def test_values_by_hand(u, v, expected):
    assert sample_plane(SQUARE, torch.tensor([u, v])).tolist() == pytest.approx([expected])


@pytest.mark.parametrize("shape", [(6,), (5,), (3, 4), ()], ids=str)
def test_places_may_have_any_shape_and_number(shape, threads):
    image = torch.arange(2 * 4 * 5, dtype=torch.float32).reshape(1, 2, 4, 5)
    uv = torch.rand(*shape, 2)
    values = sample_plane(image, uv)
    assert values.shape == (*shape, 2)
    # Both channels are linear in u and v, so bilinear values are exact away from the border.
    column, row = (uv[..., 0] * 5 - 0.5).clamp(0, 4), (uv[..., 1] * 4 - 0.5).clamp(0, 3)
    torch.testing.assert_close(values[..., 0], column + 5 * row, atol=1e-4, rtol=0)
    torch.testing.assert_close(values[..., 1], 20 + column + 5 * row, atol=1e-4, rtol=0)


def test_a_place_s_gradient_goes_to_the_cells_around_it(threads):
    image = SQUARE.clone().requires_grad_()
    sample_plane(image, torch.tensor([[0.375, 0.5]] * 2)).sum().backward()
    torch.testing.assert_close(image.grad[0, 0], 2 * torch.tensor([[0.375, 0.125], [0.375, 0.125]]))


def test_levels_halve_the_picture_rounding_up():
    pyramid = PlanePyramid(2, height=5, width=7, num_levels=4)
    assert [tuple(grid.shape) for grid in pyramid.grids] == [(1, 2, 5, 7), (1, 2, 3, 4), (1, 2, 2, 2), (1, 2, 1, 1)]


def test_starts_black_everywhere():
    assert PlanePyramid(3, 6, 9).image().abs().max() == 0


def test_image_is_the_sum_of_interpolated_levels():
    pyramid = PlanePyramid(1, height=1, width=4, num_levels=2)
    with torch.no_grad():
        pyramid.grids[0].copy_(torch.tensor([[[[10.0, 20.0, 30.0, 40.0]]]]))
        pyramid.grids[1].copy_(torch.tensor([[[[0.0, 4.0]]]]))
    # Coarse centres lie at 1 and 3 of four cells, fine ones at 0.5, 1.5, 2.5, 3.5.
    assert pyramid.image().flatten().tolist() == [10.0, 21.0, 33.0, 44.0]


@given(height=st.integers(1, 20), width=st.integers(1, 20))
def test_an_even_coarse_grid_lifts_the_whole_picture_evenly(height, width):
    pyramid = PlanePyramid(1, height, width)
    with torch.no_grad():
        pyramid.grids[-1].fill_(0.5)
    torch.testing.assert_close(pyramid.image(), torch.full((1, 1, height, width), 0.5))


def test_start_is_kept_to_the_bit_whatever_was_there():
    pyramid = PlanePyramid(3, 5, 7)
    with torch.no_grad():
        for grid in pyramid.grids:
            grid.uniform_()
    picture = torch.rand(5, 7, 3)
    pyramid.start_from(picture)
    assert torch.equal(pyramid.image()[0].permute(1, 2, 0), picture)


def test_a_pixel_teaches_its_neighbourhood_through_the_coarse_levels():
    pyramid = PlanePyramid(1, 8, 8, num_levels=3)
    pyramid.image()[0, 0, 3, 3].backward()
    assert [int((grid.grad != 0).sum()) for grid in pyramid.grids] == [1, 4, 4]
    assert [grid.grad.sum().item() for grid in pyramid.grids] == pytest.approx([1.0, 1.0, 1.0])


def test_total_variation_by_hand():
    pyramid = PlanePyramid(1, height=2, width=2)
    pyramid.start_from(torch.tensor([[[0.0], [1.0]], [[3.0], [6.0]]]))
    assert pyramid.total_variation().item() == (3 + 5) / 2 + (1 + 3) / 2


def test_a_flat_picture_has_no_variation():
    pyramid = PlanePyramid(3, 4, 6)
    pyramid.start_from(torch.full((4, 6, 3), 2.5))
    assert pyramid.total_variation().item() == 0


def test_saved_grids_load_into_a_pyramid_of_their_size():
    saved = PlanePyramid(1, 4, 6)
    saved.start_from(torch.rand(4, 6, 1))
    loaded = PlanePyramid(1, 4, 6)
    loaded.load_state_dict(saved.state_dict())
    torch.testing.assert_close(loaded.image(), saved.image())


def test_saved_grids_of_another_picture_size_are_refused_with_both_sizes():
    module = torch.nn.ModuleDict({"scene": PlanePyramid(3, 2, 3)})
    saved = torch.nn.ModuleDict({"scene": PlanePyramid(3, 4, 6)}).state_dict()
    with pytest.raises(NeucamError, match=r"trained on photographs of 6x4 pixels, these have 3x2.*downscale factor"):
        module.load_state_dict(saved)


def test_of_a_large_picture_only_coarser_grids_are_learned():
    pyramid = PlanePyramid(1, height=4, width=6, num_levels=2, most_learned_cells=7)
    assert [tuple(grid.shape[-2:]) for grid in pyramid.grids] == [(2, 3), (1, 2)]
    assert pyramid.finest().shape == (1, 1, 4, 6) and not pyramid.finest().requires_grad
    assert PlanePyramid(1, 4, 6, most_learned_cells=24).detail is None


def test_what_is_learned_is_added_to_the_detail():
    pyramid = PlanePyramid(1, height=1, width=4, num_levels=1, most_learned_cells=2)
    pyramid.start_from(torch.tensor([[[10.0], [20.0], [30.0], [40.0]]]))
    with torch.no_grad():
        pyramid.grids[0].copy_(torch.tensor([[[[0.0, 4.0]]]]))
    assert pyramid.image().flatten().tolist() == [10.0, 21.0, 33.0, 44.0]
    # Halfway between the two middle cells: 25 and, halfway between the learned ones, 2.
    assert pyramid.sample(torch.tensor([[0.5, 0.5]])).tolist() == [[27.0]]


@pytest.mark.parametrize("size", [(64, 96), (61, 97)], ids=str)
def test_the_picture_is_what_is_sampled_at_its_cells(size):
    height, width = size
    pyramid = PlanePyramid(2, height, width, most_learned_cells=500)
    pyramid.start_from(torch.rand(height, width, 2))
    with torch.no_grad():
        for grid in pyramid.grids:
            grid.normal_()
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    centres = torch.stack([(columns + 0.5) / width, (rows + 0.5) / height], -1)
    torch.testing.assert_close(pyramid.sample(centres), pyramid.image()[0].permute(1, 2, 0), atol=1e-4, rtol=1e-4)


def test_a_new_start_forgets_what_was_learned_of_a_large_picture():
    pyramid = PlanePyramid(3, 8, 8, most_learned_cells=16)
    with torch.no_grad():
        pyramid.grids[0].fill_(1.0)
    picture = torch.rand(8, 8, 3)
    pyramid.start_from(picture)
    assert torch.equal(pyramid.image()[0].permute(1, 2, 0), picture)


def test_saved_detail_of_another_picture_size_is_refused_with_both_sizes():
    module = torch.nn.ModuleDict({"scene": PlanePyramid(3, 4, 6, most_learned_cells=6)})
    saved = torch.nn.ModuleDict({"scene": PlanePyramid(3, 8, 12, most_learned_cells=6)}).state_dict()
    with pytest.raises(NeucamError, match="trained on photographs of 12x8 pixels, these have 6x4"):
        module.load_state_dict(saved)


@pytest.mark.parametrize("most_learned_cells", [None, 6])
def test_a_change_leaves_the_rest_as_it_is(most_learned_cells):
    pyramid = PlanePyramid(1, 4, 6, num_levels=2, most_learned_cells=most_learned_cells)
    pyramid.start_from(torch.rand(4, 6, 1))
    with torch.no_grad():
        for grid in pyramid.grids:
            grid.normal_()
    finest = pyramid.finest().clone()
    changed = pyramid.image()[0].permute(1, 2, 0).clone()
    changed[1, 2] += 5.0
    pyramid.change_to(changed)
    torch.testing.assert_close(pyramid.image()[0].permute(1, 2, 0), changed)
    expected = finest.clone()
    expected[..., 1, 2] += 5.0
    torch.testing.assert_close(pyramid.finest(), expected)


def test_the_variation_and_its_gradient_are_those_of_differences():
    pyramid = PlanePyramid(2, 5, 7, num_levels=1).double()
    with torch.no_grad():
        image = pyramid.grids[0].normal_()
    variation = pyramid.total_variation()
    expected = image.diff(dim=-2).abs().mean() + image.diff(dim=-1).abs().mean()
    torch.testing.assert_close(variation, expected)
    found, wanted = (torch.autograd.grad(3 * value, image)[0] for value in (variation, expected))
    torch.testing.assert_close(found, wanted)


TWO_FRAMES = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]], [[[10.0, 11.0], [12.0, 13.0]]]])
"""Two frames of one channel, 2 x 2 cells."""


def sample_two_frames(u: float, v: float, frame: float) -> float:
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
def test_values_of_frames_by_hand(place, value):
    assert sample_two_frames(*place) == pytest.approx(value, abs=1e-5)


def test_any_shape_of_places_in_frames_keeps_its_order():
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


def test_frames_start_as_the_mean_of_each_cell():
    pyramid = FramePyramid(1, 2, height=4, width=8, cell_px=4, num_levels=2)
    pictures = torch.arange(64.0).reshape(2, 4, 8, 1)
    pyramid.start_from(pictures)
    expected = pictures.reshape(2, 4, 2, 4).mean((1, 3))
    torch.testing.assert_close(pyramid.learned()[:, 0, 0], expected)


def test_a_coarse_cell_moves_its_neighbourhood_in_its_own_frame():
    pyramid = FramePyramid(1, 2, height=16, width=16, cell_px=4, num_levels=3)
    pyramid.learned()[0, 0, 1, 1].backward()
    gradients = [grid.grad for grid in pyramid.grids]
    assert [int((gradient[0] != 0).sum()) for gradient in gradients] == [1, 4, 1]
    assert not any(gradient[1].any() for gradient in gradients)


def test_total_variation_of_frames_by_hand():
    pyramid = FramePyramid(1, 1, height=2, width=2, cell_px=1, num_levels=1)
    pyramid.start_from(torch.tensor([[[[0.0], [1.0]], [[2.0], [5.0]]]]))
    assert pyramid.total_variation().item() == pytest.approx((2 + 4) / 2 + (1 + 3) / 2)
