"""The response rises whatever its parameters are, each channel for itself, and can be fitted to a measured curve."""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.camera.response.monotone_curve import (
    MonotoneCurveConfig,
    MonotoneCurveResponse,
    fit_response,
)
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.parts import Start

from ...learned import capture_of, photographs_of

BRACKET = capture_of(1, 1, stops=(-1.0, 1.0))

GREYS = torch.linspace(-8, 4, 49)[:, None].expand(-1, 3)


def untrained() -> MonotoneCurveResponse:
    return MonotoneCurveConfig().setup(capture=BRACKET)


def single_sigmoid(shoulder: float, slope: float) -> MonotoneCurveResponse:
    """A response in which one unit has all the weight."""
    response = untrained()
    with torch.no_grad():
        response.log_weights.fill_(-200.0)
        response.log_weights[:, 5] = 0.0
        response.shoulders[:, 5] = shoulder
        response.log_slopes[:, 5] = math.log(slope)
    return response


def test_pixel_values_by_hand():
    response = single_sigmoid(shoulder=1.0, slope=2.0)
    ldr = response(torch.tensor([[1.0, 0.0, 2.5]]))
    expected = [[0.5, 1 / (1 + math.exp(2)), 1 / (1 + math.exp(-3))]]
    torch.testing.assert_close(ldr, torch.tensor(expected), atol=1e-4, rtol=0)  # linear between knots


@given(seed=st.integers(0, 2**31), spread=st.floats(0.1, 3))
def test_rises_from_black_to_white_whatever_its_parameters(seed, spread):
    torch.manual_seed(seed)
    response = untrained()
    with torch.no_grad():
        for parameter in response.parameters():
            parameter.add_(spread * torch.randn_like(parameter))
    ldr = response(GREYS)
    assert (ldr.diff(dim=0) >= -1e-6).all()
    assert (ldr >= 0).all() and (ldr <= 1 + 1e-6).all()


def test_starts_as_a_curve_that_rises_throughout():
    assert (untrained()(GREYS).diff(dim=0) > 0).all()


def test_no_light_is_black_and_all_light_is_white():
    ends = untrained()(torch.tensor([[-200.0] * 3, [200.0] * 3]))
    torch.testing.assert_close(ends, torch.tensor([[0.0] * 3, [1.0] * 3]))


def test_a_channel_sees_only_its_own_light():
    response = untrained()
    changed = response(torch.tensor([0.0, 1.0, 0.0])) != response(torch.zeros(3))
    assert changed.tolist() == [False, True, False]


def test_any_shape_of_batch():
    assert untrained()(torch.zeros(4, 2, 3)).shape == (4, 2, 3)


def film(log_exposure: torch.Tensor) -> torch.Tensor:
    """A curve with other contrast in each channel."""
    gamma = torch.tensor([1 / 2.2, 1 / 1.8, 1 / 2.6])
    return (torch.sigmoid(log_exposure)[:, None] ** gamma).float()


def test_is_fitted_to_a_measured_curve_even_where_gradients_are_off():
    knots = torch.linspace(-7, 5, 100)
    response = untrained()
    with torch.no_grad():
        fit_response(response, knots, film(knots))
    off = response(knots[:, None].expand(-1, 3)).detach() - film(knots)
    assert off.abs().max() < 0.03


def test_every_parameter_learns():
    response = untrained()
    (response(GREYS) - film(GREYS[:, 0])).square().mean().backward()
    assert all((parameter.grad.abs().sum(-1) > 0).all() for parameter in response.parameters())


def test_starts_near_a_tabulated_curve_and_can_learn_with_every_unit():
    knots = torch.linspace(-6, 6, 512)
    curve = torch.sigmoid(1.3 * knots)[:, None] * torch.tensor([1.0, 0.9, 0.8])
    curve = curve / curve.amax(0)
    response = untrained()
    response.start_from(knots, curve)
    inner = slice(40, -40)
    assert (response(knots[:, None].expand(-1, 3)) - curve)[inner].abs().max() < 0.02
    response(torch.zeros(1, 3)).sum().backward()
    assert response.log_weights.grad.abs().min() > 0


def test_starts_on_a_curve_with_a_toe_and_a_shoulder_to_a_thousandth():
    knots = np.linspace(-5.8, 6.2, 512, dtype=np.float32)
    curve = (1 / (1 + np.exp(-knots)))[:, None].repeat(3, 1) ** (1 / 1.4)
    response = untrained()
    estimate = CameraEstimate(ResponseTable(knots, curve), np.zeros(2, np.float32))
    response.start(Start(BRACKET, photographs_of(BRACKET), estimate))
    inner = slice(20, -20)
    ldr = response(torch.from_numpy(knots)[:, None].expand(-1, 3)).detach().numpy()
    assert np.abs(ldr - curve)[inner].max() < 2e-3
