"""Tabulated curves: exact at knots, linear between, flat beyond."""

from __future__ import annotations

import torch

from neucam_nerfstudio.grids.curve_table import sample_curves

CURVES = torch.tensor([[0.0, 1.0, 4.0], [10.0, 20.0, 30.0]])


def test_each_channel_is_read_in_its_own_curve():
    values = sample_curves(CURVES, torch.tensor([[0.0, 0.5], [0.25, 1.0], [0.75, 0.125]]))
    torch.testing.assert_close(values, torch.tensor([[0.0, 20.0], [0.5, 30.0], [2.5, 12.5]]))


def test_beyond_the_ends_the_end_values_stay():
    torch.testing.assert_close(sample_curves(CURVES, torch.tensor([-3.0, 7.0])), torch.tensor([0.0, 30.0]))


def test_any_batch_shape_and_gradients_to_both():
    curves = CURVES.clone().requires_grad_()
    positions = torch.full((4, 5, 2), 0.25, requires_grad=True)
    sample_curves(curves, positions).sum().backward()
    torch.testing.assert_close(curves.grad, torch.tensor([[10.0, 10.0, 0.0], [10.0, 10.0, 0.0]]))
    torch.testing.assert_close(positions.grad[0, 0], torch.tensor([2.0, 20.0]))  # rise from knot to knot over 1/2
