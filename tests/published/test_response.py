"""The published response: three small networks, what is asked of them, and the curve they start from."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.classical.response_table import CameraEstimate, ResponseTable
from neucam_nerfstudio.parts import Start, TrainingRays
from neucam_nerfstudio.published.response import (
    NeuralCurveConfig,
    NeuralCurveResponse,
    draw_log_exposures,
    falling_response,
    starting_response,
    unit_exposure_error,
    warm_up_response,
)

from ..learned import capture_of, photographs_of

EVEN_EXPOSURES = torch.linspace(-3 * math.log(2), 3 + 3 * math.log(2), 200)[:, None].expand(-1, 3)
RAYS = TrainingRays(None, torch.zeros(1, dtype=torch.long), step=0)


def curves(**sizes: int) -> NeuralCurveResponse:
    return NeuralCurveResponse(NeuralCurveConfig(**sizes))


class StraightResponse(CameraResponse):
    """Pixel values that grow by `slope` a natural-log unit, from 0.5 at none."""

    def __init__(self, *slope: float) -> None:
        super().__init__()
        self.slope = torch.nn.Parameter(torch.tensor(slope))

    def forward(self, log_exposure):
        return 0.5 + self.slope * log_exposure


def test_published_sizes():
    curve = curves().channels[0]
    assert (curve[0].in_features, curve[0].out_features, curve[2].out_features) == (1, 128, 1)


def test_pixel_values_by_hand():
    response = curves(layer_width=1)
    with torch.no_grad():
        for curve, slope in zip(response.channels, (1.0, 2.0, 3.0), strict=True):
            curve[0].weight.fill_(slope)
            curve[0].bias.zero_()
            curve[2].weight.fill_(1.0)
            curve[2].bias.fill_(-0.5)
    ldr = response(torch.tensor([[0.5, 0.5, 0.5], [-1.0, -1.0, -1.0]]))
    expected = [[(1 + math.tanh(0.5 * slope - 0.5)) / 2 for slope in (1, 2, 3)], [(1 + math.tanh(-0.5)) / 2] * 3]
    torch.testing.assert_close(ldr, torch.tensor(expected))


def test_a_channel_sees_only_its_own_light():
    response = curves()
    grey, more_red = torch.zeros(3), torch.tensor([1.0, 0.0, 0.0])
    changed = response(more_red) != response(grey)
    assert changed.tolist() == [True, False, False]


def test_pixel_values_stay_between_black_and_white():
    ldr = curves()(torch.linspace(-1e3, 1e3, 64)[:, None, None].expand(-1, 2, 3))
    assert ldr.shape == (64, 2, 3)
    assert (ldr >= 0).all() and (ldr <= 1).all()


def test_unit_exposure_is_mid_grey():
    response = curves(layer_width=4)
    with torch.no_grad():
        for curve, at_zero in zip(response.channels, (0.0, 0.5, -0.5), strict=True):
            curve[0].bias.zero_()
            curve[2].bias.fill_(at_zero)
    torch.testing.assert_close(unit_exposure_error(response), torch.tensor([0.0, math.tanh(0.5), math.tanh(0.5)]))


def test_a_rising_response_is_not_punished():
    assert falling_response(StraightResponse(0.25, 0.5, 0.1), torch.rand(7, 3)).item() == 0.0


def test_a_falling_response_is_punished_by_its_steepest_slope_and_learns_to_rise():
    response = StraightResponse(0.25, -0.5, -0.1)
    fall = falling_response(response, torch.rand(7, 3))
    assert fall.item() == pytest.approx(1.0)  # counted in [-1, 1] values
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


def test_starting_response_by_hand():
    ldr = starting_response(torch.tensor([0.0, math.log(3), -100.0, 100.0]))
    torch.testing.assert_close(ldr, torch.tensor([0.5 ** (1 / 2.2), 0.75 ** (1 / 2.2), 0.0, 1.0]))


def test_response_starts_on_the_curve():
    torch.manual_seed(0)
    response = curves()
    warm_up_response(response, num_samples=128)
    ldr = response(EVEN_EXPOSURES).detach()
    assert (ldr - starting_response(EVEN_EXPOSURES)).abs().max() < 0.01
    assert (ldr.diff(dim=0) > 0).all()


def test_warm_up_leaves_no_gradients_and_works_where_gradients_are_off():
    response = curves()
    before = response(EVEN_EXPOSURES).detach()
    with torch.no_grad():
        warm_up_response(response, num_steps=3)
    assert not torch.equal(response(EVEN_EXPOSURES), before)
    assert all(parameter.grad is None for parameter in response.parameters())


@pytest.mark.parametrize("num_steps", [0, 1])
def test_the_step_count_is_kept(num_steps):
    response = curves()
    bias = response.channels[0][2].bias
    before = bias.item()
    warm_up_response(response, num_steps=num_steps, learning_rate=5e-4)
    # Adam's first step moves a parameter by the learning rate.
    assert abs(bias.item() - before) == pytest.approx(5e-4 * num_steps, abs=1e-7)


def test_losses_are_weighted():
    response = NeuralCurveResponse(NeuralCurveConfig(unit_exposure_mult=2.0, falling_response_mult=4.0))
    losses = response.losses(RAYS)
    assert set(losses) == {"unit_exposure", "falling_response"}
    assert losses["unit_exposure"].item() == pytest.approx(2 * unit_exposure_error(response).mean().item())
    with torch.no_grad():
        for curve in response.channels:
            curve[2].weight.copy_(-curve[2].weight.abs() * curve[0].weight.sign().T)  # falls everywhere
    assert response.losses(RAYS)["falling_response"] > 0


def test_a_loss_without_weight_is_not_computed():
    assert NeuralCurveResponse(NeuralCurveConfig(unit_exposure_mult=0, falling_response_mult=0)).losses(RAYS) == {}


def test_starts_as_published_without_an_estimate_and_else_as_estimated():
    capture = capture_of(1, 1)
    torch.manual_seed(0)
    response = curves()
    response.start(Start(capture, photographs_of(capture)))
    assert (response(EVEN_EXPOSURES) - starting_response(EVEN_EXPOSURES)).abs().max() < 0.01
    knots = np.linspace(-6, 6, 200, dtype=np.float32)
    ldr = np.stack([1 / (1 + np.exp(-2 * knots))] * 3, -1)
    estimate = CameraEstimate(ResponseTable(knots, ldr), np.zeros(1, np.float32))
    response.start(Start(capture, photographs_of(capture), estimate))
    greys = torch.tensor([[0.0] * 3, [1.0] * 3])
    torch.testing.assert_close(response(greys), torch.sigmoid(2 * greys), atol=0.03, rtol=0)


def test_is_learned_whatever_the_photographs_are_and_raw_files_are_decoded_as_light():
    capture = capture_of(1, 1, linear_light=True)
    response = NeuralCurveConfig().setup(capture=capture)
    assert type(response) is NeuralCurveResponse and response.notes == ()
    table = response.known_table(capture)
    np.testing.assert_allclose(np.exp(table.log_exposure - table.log_exposure[-1]), table.ldr[:, 1], atol=2e-3)
    assert response.known_table(capture_of(1, 1)) is None
