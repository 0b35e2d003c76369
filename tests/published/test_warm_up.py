from __future__ import annotations

import math

import pytest
import torch
from neucam_nerfstudio.camera.response.neural_curve import NeuralCurveResponse
from neucam_nerfstudio.published.warm_up import starting_response, warm_up_deformation, warm_up_response
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation

EVEN_EXPOSURES = torch.linspace(-3 * math.log(2), 3 + 3 * math.log(2), 200)[:, None].expand(-1, 3)


def test_starting_response_by_hand():
    ldr = starting_response(torch.tensor([0.0, math.log(3), -100.0, 100.0]))
    torch.testing.assert_close(ldr, torch.tensor([0.5 ** (1 / 2.2), 0.75 ** (1 / 2.2), 0.0, 1.0]))


def test_response_starts_on_the_curve():
    torch.manual_seed(0)
    response = NeuralCurveResponse()
    warm_up_response(response, num_samples=128)
    ldr = response(EVEN_EXPOSURES).detach()
    assert (ldr - starting_response(EVEN_EXPOSURES)).abs().max() < 0.01
    assert (ldr.diff(dim=0) > 0).all()


def test_warm_up_leaves_no_gradients_and_works_where_gradients_are_off():
    response = NeuralCurveResponse()
    before = response(EVEN_EXPOSURES).detach()
    with torch.no_grad():
        warm_up_response(response, num_steps=3)
    assert not torch.equal(response(EVEN_EXPOSURES), before)
    assert all(parameter.grad is None for parameter in response.parameters())


@pytest.mark.parametrize("num_steps", [0, 1])
def test_the_step_count_is_kept(num_steps):
    response = NeuralCurveResponse()
    bias = response.channels[0][2].bias
    before = bias.item()
    warm_up_response(response, num_steps=num_steps, learning_rate=5e-4)
    # Adam's first step moves a parameter by the learning rate.
    assert abs(bias.item() - before) == pytest.approx(5e-4 * num_steps, abs=1e-7)


@pytest.mark.parametrize("scale", [1.0, 0.8])
def test_deformation_starts_as_a_scaled_picture(scale):
    torch.manual_seed(0)
    deformation = NeuralDeformation(height=30, width=40, layer_width=32)
    warm_up_deformation(deformation, num_frames=2, scale=scale, num_rounds=200, learning_rate=5e-3, num_points=200)
    tyx = torch.cat([torch.randint(0, 2, (100, 1)) * 2.0 - 1, 1.8 * torch.rand(100, 2) - 0.9], -1)
    canonical_yx = deformation.canonical_yx(tyx).detach()
    torch.testing.assert_close(canonical_yx, (1 + scale) / 2 * tyx[:, 1:], rtol=0, atol=0.03)


def test_deformation_warms_up_on_every_frame():
    """A round is one step a frame, at times from the first frame's to the last's."""

    class Recording(NeuralDeformation):
        seen: list[tuple[float, float, float]] = []

        def raw(self, tyx):
            self.seen.append((tyx[:, 0].min().item(), tyx[:, 0].max().item(), tyx[:, 1:].abs().max().item()))
            return super().raw(tyx)

    warm_up_deformation(Recording(30, 40, layer_width=8), num_frames=3, num_rounds=2, num_points=5000)
    earliest, latest, farthest = zip(*Recording.seen, strict=True)
    assert earliest == latest == (-1.0, 0.0, 1.0, -1.0, 0.0, 1.0)
    assert all(reach == pytest.approx(1.0) for reach in farthest)


def test_a_single_frame_warms_up_at_the_first_time():
    deformation = NeuralDeformation(30, 40, layer_width=8)
    before = deformation.raw(torch.tensor([[-1.0, 0.5, 0.5]])).detach()
    warm_up_deformation(deformation, num_frames=1, num_rounds=1, num_points=10)
    assert (deformation.raw(torch.tensor([[-1.0, 0.5, 0.5]])) != before).all()
