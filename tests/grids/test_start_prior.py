"""What is learned is held to its start, as firmly as each cell is known."""

from __future__ import annotations

import torch

from neucam_nerfstudio.grids.start_prior import StartPrior


def test_holds_nothing_before_it_has_a_start():
    assert StartPrior(3, 2, 4)(torch.rand(1, 3, 2, 4)).item() == 0


def test_departures_count_by_their_firmness():
    prior = StartPrior(1, 1, 2)
    prior.hold(torch.tensor([[[[1.0, 5.0]]]]), torch.tensor([[4.0, 0.5]]))
    learned = torch.tensor([[[[2.0, 3.0]]]], requires_grad=True)
    loss = prior(learned)
    loss.backward()
    torch.testing.assert_close(loss, torch.tensor((4 * 1 + 0.5 * 4) / 2))
    torch.testing.assert_close(learned.grad, torch.tensor([[[[4.0, -1.0]]]]))


def test_firmness_of_a_larger_picture_is_the_mean_over_each_cell():
    prior = StartPrior(1, 1, 2)
    prior.hold(torch.zeros(1, 1, 1, 2), torch.tensor([[1.0, 3.0, 8.0, 8.0], [1.0, 3.0, 0.0, 0.0]]))
    assert prior.firmness.flatten().tolist() == [2.0, 4.0]


def test_a_checkpoint_brings_it_back():
    saved, loaded = StartPrior(2, 3, 4), StartPrior(2, 3, 4)
    saved.hold(torch.rand(1, 2, 3, 4), torch.rand(3, 4))
    loaded.load_state_dict(saved.state_dict())
    learned = torch.rand(1, 2, 3, 4)
    assert loaded(learned).item() == saved(learned).item() > 0


def test_the_gradient_is_that_of_weighted_squares():
    prior = StartPrior(2, 3, 4).double()
    prior.hold(torch.randn(1, 2, 3, 4, dtype=torch.float64), torch.rand(3, 4, dtype=torch.float64))
    assert torch.autograd.gradcheck(prior, torch.randn(1, 2, 3, 4, dtype=torch.float64, requires_grad=True))
