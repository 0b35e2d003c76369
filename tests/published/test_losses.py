from __future__ import annotations

import math

import pytest
import torch
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.published.losses import (
    draw_mu,
    falling_response,
    mu_law,
    reconstruction_error,
    response_slope,
    unit_exposure_error,
)
from neucam_nerfstudio.published.response_samples import draw_log_exposures


class StraightResponse(CameraResponse):
    """Pixel values that grow by `slope` a natural-log unit, from 0.5 at none."""

    def __init__(self, *slope: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def forward(self, log_exposure):
        return 0.5 + self.slope * log_exposure


def test_mu_law_keeps_black_and_white_and_lifts_the_shadows():
    ldr = torch.tensor([0.0, 0.25, 1.0])
    torch.testing.assert_close(mu_law(ldr, mu=8.0), torch.tensor([0.0, math.log(3) / math.log(9), 1.0]))


def test_mu_is_drawn_from_1_to_101():
    torch.manual_seed(0)
    draws = torch.stack([draw_mu() for _ in range(2000)])
    assert 1.0 <= draws.min() < 2.0 and 100.0 < draws.max() <= 101.0
    assert draws.mean().item() == pytest.approx(51.0, abs=2.5)


def test_reconstruction_error_counts_from_minus_one_to_one():
    error = reconstruction_error(torch.tensor([[0.5, 0.25, 1.0]]), torch.tensor([[0.5, 0.5, 0.0]]))
    torch.testing.assert_close(error, torch.tensor([[0.0, 0.25, 4.0]]))


def test_random_mu_law_adds_to_both_sides():
    # In [-1, 1]: rendered -0.5 + its mu-law image 0, photographed 1 + 1 (mu 8 takes 0.25 to 0.5).
    error = reconstruction_error(torch.full((1, 3), 0.25), torch.ones(1, 3), mu=8.0)
    torch.testing.assert_close(error, torch.full((1, 3), (-0.5 + 2 * math.log(3) / math.log(9) - 1 - 2) ** 2))


def test_random_mu_law_weighs_shadows_more():
    def error_of_one_level(ldr: float) -> float:
        return reconstruction_error(torch.full((3,), ldr + 1 / 255), torch.full((3,), ldr), mu=50.0).mean().item()

    assert error_of_one_level(0.05) > 10 * error_of_one_level(0.8)


def test_unit_exposure_is_mid_grey():
    response = NeuralCurveResponse(layer_width=4)
    with torch.no_grad():
        for curve, at_zero in zip(response.channels, (0.0, 0.5, -0.5), strict=True):
            curve[0].bias.zero_()
            curve[2].bias.fill_(at_zero)
    torch.testing.assert_close(unit_exposure_error(response), torch.tensor([0.0, math.tanh(0.5), math.tanh(0.5)]))


def test_slopes_are_of_pixel_values_in_minus_one_to_one():
    slope = response_slope(StraightResponse(0.25, 0.5, -0.75), torch.rand(7, 3))
    torch.testing.assert_close(slope, torch.tensor([0.5, 1.0, -1.5]).expand(7, 3))


def test_a_rising_response_is_not_punished():
    assert falling_response(StraightResponse(0.25, 0.5, 0.1), torch.rand(7, 3)).item() == 0.0


def test_a_falling_response_is_punished_by_its_steepest_slope_and_learns_to_rise():
    response = StraightResponse(0.25, -0.5, -0.1)
    fall = falling_response(response, torch.rand(7, 3))
    assert fall.item() == pytest.approx(1.0)
    fall.backward()
    assert response.slope.grad[0] == 0 and response.slope.grad[1] < 0


def test_slopes_do_not_need_the_callers_gradients():
    with torch.no_grad():
        assert falling_response(StraightResponse(-0.5, 0.0, 0.0), torch.rand(7, 3)).item() == pytest.approx(1.0)


def test_random_exposures_cover_light_and_stops():
    torch.manual_seed(0)
    log_exposure = draw_log_exposures(20_000, max_log_radiance=5.0)
    assert log_exposure.shape == (20_000, 3)
    stop = math.log(2)
    assert -3 * stop <= log_exposure.min() < -2.8 * stop and 5 + 2.8 * stop < log_exposure.max() <= 5 + 3 * stop
    assert log_exposure.mean().item() == pytest.approx(2.5, abs=0.05)


def test_random_exposures_share_the_stops_of_a_sample():
    """Channels of one sample differ by their light alone."""
    torch.manual_seed(0)
    between_channels = draw_log_exposures(20_000, max_log_radiance=1.0).diff(dim=-1).abs()
    assert between_channels.max() <= 1.0
