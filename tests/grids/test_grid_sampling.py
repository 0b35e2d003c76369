"""Grids are read by all threads, with the gradient of `F.grid_sample`, held once; curves are linear between knots."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from neucam_nerfstudio.grids.grid_sampling import sample_curves, sample_grid

THREADS = (1, 2, 4)
CELLS = {"plane": (5, 7), "volume": (3, 5, 7)}
NUM_PLACES = 24


@pytest.fixture(params=THREADS)
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def by_torch(values: Tensor, places: Tensor) -> Tensor:
    grid = places.view(1, -1, *[1] * (places.shape[1] - 1), places.shape[1])
    return F.grid_sample(values[None], grid, padding_mode="border", align_corners=False)[0].flatten(1).t()


def gradients(sample, values: Tensor, places: Tensor, wanted: tuple[bool, bool]) -> list[Tensor | None]:
    arguments = [x.clone().requires_grad_(needs) for x, needs in zip((values, places), wanted, strict=True)]
    sampled = sample(*arguments)
    sampled.backward(torch.arange(1.0, sampled.numel() + 1).view_as(sampled))
    return [argument.grad for argument in arguments]


@pytest.mark.parametrize("num_places", [NUM_PLACES, 5, 1])
@pytest.mark.parametrize("cells", CELLS.values(), ids=CELLS)
@pytest.mark.parametrize("wanted", [(True, False), (False, True), (True, True)], ids=["grid", "places", "both"])
def test_values_and_gradients_are_torch_s(cells, wanted, num_places, threads):
    values, places = torch.rand(3, *cells), 2.4 * torch.rand(num_places, len(cells)) - 1.2
    torch.testing.assert_close(sample_grid(values, places), by_torch(values, places))
    for own, expected in zip(
        gradients(sample_grid, values, places, wanted), gradients(by_torch, values, places, wanted), strict=True
    ):
        torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-4)


def test_gradient_of_a_volume_whose_channels_lie_apart(threads):
    frames = torch.rand(3, 2, 5, 7)
    places = 2 * torch.rand(NUM_PLACES, 3) - 1
    for wanted in ((True, False), (True, True)):
        own = gradients(lambda v, p: sample_grid(v.transpose(0, 1), p), frames, places, wanted)
        expected = gradients(lambda v, p: by_torch(v.transpose(0, 1), p), frames, places, wanted)
        torch.testing.assert_close(own[0], expected[0], rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("wanted", [(True, False), (True, True)], ids=["grid", "both"])
@pytest.mark.parametrize("cells", [(300, 200), (6, 100, 100)], ids=CELLS)
def test_memory_of_a_gradient_does_not_grow_with_the_number_of_threads(cells, wanted):
    values, places = torch.rand(3, *cells), 2 * torch.rand(NUM_PLACES, len(cells)) - 1
    before = torch.get_num_threads()
    try:
        for threads in THREADS:
            torch.set_num_threads(threads)
            with torch.profiler.profile(profile_memory=True) as profile:
                gradients(sample_grid, values, places, wanted)
            largest = max(event.cpu_memory_usage for event in profile.events())
            assert largest < 1.1 * values.numel() * values.element_size(), threads
    finally:
        torch.set_num_threads(before)


def test_gradient_is_the_same_to_the_bit_for_any_number_of_threads():
    values, places = torch.rand(3, 8, 9), 2 * torch.rand(1200, 2) - 1
    before, seen = torch.get_num_threads(), []
    try:
        for threads in THREADS:
            torch.set_num_threads(threads)
            seen.append(gradients(sample_grid, values, places, (True, True)))
    finally:
        torch.set_num_threads(before)
    for of_values, of_places in seen[1:]:
        assert torch.equal(of_values, seen[0][0]) and torch.equal(of_places, seen[0][1])


CURVES = torch.tensor([[0.0, 1.0, 4.0], [10.0, 20.0, 30.0]])


def test_each_channel_is_read_in_its_own_curve():
    values = sample_curves(CURVES, torch.tensor([[0.0, 0.5], [0.25, 1.0], [0.75, 0.125]]))
    torch.testing.assert_close(values, torch.tensor([[0.0, 20.0], [0.5, 30.0], [2.5, 12.5]]))


def test_beyond_the_ends_of_curves_the_end_values_stay():
    torch.testing.assert_close(sample_curves(CURVES, torch.tensor([-3.0, 7.0])), torch.tensor([0.0, 30.0]))


def test_curves_take_any_batch_shape_and_give_gradients_to_both():
    curves = CURVES.clone().requires_grad_()
    positions = torch.full((4, 5, 2), 0.25, requires_grad=True)
    sample_curves(curves, positions).sum().backward()
    torch.testing.assert_close(curves.grad, torch.tensor([[10.0, 10.0, 0.0], [10.0, 10.0, 0.0]]))
    torch.testing.assert_close(positions.grad[0, 0], torch.tensor([2.0, 20.0]))  # rise from knot to knot over 1/2
