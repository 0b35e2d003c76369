"""Weights of samples along a ray, by hand."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.scene.volume.quadrature import distortion, emission_weights, front_to_back_opacity

HALF = math.log(2)
"""Optical depth that lets half of the light through."""


def test_each_sample_gets_what_those_before_it_let_through_and_the_last_all_the_rest():
    weights = emission_weights(torch.tensor([[HALF, 2 * HALF, HALF]]))
    assert weights[0].tolist() == pytest.approx([1 / 2, 3 / 8, 1 / 8])


def test_distortion_is_the_mean_distance_of_two_samples():
    weights, positions = torch.tensor([[0.5, 0.25, 0.25]]), torch.tensor([[3.0, 1.0, 0.0]])
    by_hand = 2 * (0.5 * 0.25 * 2 + 0.5 * 0.25 * 3 + 0.25 * 0.25 * 1)
    assert float(distortion(weights, positions)) == pytest.approx(by_hand)
    assert float(distortion(weights, -positions)) == pytest.approx(by_hand)


def test_opacities_of_shares_give_those_shares_back():
    shares = torch.tensor([0.2, 0.5, 0.2, 0.1])
    opacity = front_to_back_opacity(shares)
    assert opacity.tolist() == pytest.approx([0.2, 0.625, 2 / 3, 1.0])
    weights = emission_weights(-torch.log1p(-opacity.clamp(max=0.999)).reshape(1, -1))
    assert weights[0].tolist() == pytest.approx(shares.tolist())
