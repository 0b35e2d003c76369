from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.published.fields import NeuralDeformation
from neucam_nerfstudio.published.motion_losses import (
    deformation_jacobian,
    flow_error,
    hidden_foreground,
    rigidity,
    undecided_opacity,
)
from neucam_nerfstudio.published.networks import NetworkSizes

HEIGHT, WIDTH = 5, 9
MIDDLE = torch.tensor([[-1.0, 0.0, 0.0]])


class LinearDeformation(NeuralDeformation):
    """Canonical (y, x) = matrix @ (t, y, x)."""

    def __init__(self, matrix: list[list[float]]) -> None:
        super().__init__(HEIGHT, WIDTH, NetworkSizes())
        self.matrix = torch.tensor(matrix)

    def canonical_yx(self, tyx):
        return tyx @ self.matrix.T


def test_standing_still_has_the_identity_as_jacobian():
    jacobian = deformation_jacobian(LinearDeformation([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]), MIDDLE)
    torch.testing.assert_close(jacobian, torch.eye(2)[None])


def test_jacobian_counts_pixels():
    # Per published unit there are 2 pixels in y and 4 in x: moving along y by one unit of x is 2/4 pixels a pixel.
    jacobian = deformation_jacobian(LinearDeformation([[7.0, 1.0, 1.0], [7.0, 0.0, 3.0]]), MIDDLE)
    torch.testing.assert_close(jacobian, torch.tensor([[[1.0, 0.5], [0.0, 3.0]]]))


def test_jacobian_looks_back_by_one_pixel():
    class Squares(NeuralDeformation):
        def canonical_yx(self, tyx):
            return tyx[..., 1:] ** 2

    # y = 0.5 with 2 pixels a unit: (0.5^2 - 0^2) / 0.5 = 0.5; x = 0.5 with 4: (0.5^2 - 0.25^2) / 0.25 = 0.75.
    jacobian = deformation_jacobian(Squares(HEIGHT, WIDTH, NetworkSizes()), torch.tensor([[0.0, 0.5, 0.5]]))
    torch.testing.assert_close(jacobian, torch.diag(torch.tensor([0.5, 0.75]))[None])


@pytest.mark.parametrize("angle", [0.0, 0.3, 2.0])
def test_any_rotation_is_rigid(angle):
    rotation = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    assert rigidity(rotation).item() == pytest.approx(math.sqrt(2) * (1 + 1 / 1.001), abs=1e-5)


def test_rigidity_of_a_stretch_by_hand():
    stretch = torch.diag(torch.tensor([2.0, 0.5]))
    expected = math.hypot(4, 0.25) + math.hypot(1 / 4.001, 1 / 0.251)
    assert rigidity(stretch).item() == pytest.approx(expected, rel=1e-5)


def test_rigidity_allows_the_expected_scale():
    assert rigidity(0.8 * torch.eye(2), scale=0.8).item() == pytest.approx(rigidity(torch.eye(2)).item())
    assert rigidity(0.8 * torch.eye(2)) > rigidity(torch.eye(2)) + 0.1


def test_a_fold_costs_much_but_stays_finite():
    fold = torch.tensor([[1.0, 0.0], [0.0, 0.0]], requires_grad=True)
    loss = rigidity(fold)
    loss.backward()
    assert loss.item() == pytest.approx(1 + math.hypot(1000, 1 / 1.001), rel=1e-3)
    assert fold.grad.isfinite().all()


def test_hidden_foreground_by_hand():
    opacity = torch.tensor([[0.75]])
    foreground = torch.tensor([[[0.0, 0.0, 0.0], [math.log(2), 0.0, 0.0]]])
    torch.testing.assert_close(hidden_foreground(opacity, foreground), torch.tensor([[3 / 16, 6 / 16]]))


def test_undecided_opacity_is_worst_at_one_half():
    opacity = torch.linspace(0.01, 0.99, 99)[:, None]
    loss = undecided_opacity(opacity).flatten()
    assert loss.argmax() == 49
    assert loss[49].item() == pytest.approx(1 / (2 * math.log(2)))


def test_decided_opacity_is_finite_and_cheap():
    opacity = torch.tensor([[0.0], [1.0]], requires_grad=True)
    loss = undecided_opacity(opacity)
    loss.sum().backward()
    torch.testing.assert_close(loss.detach(), torch.full((2, 1), -1 / math.log(1e-24)))
    assert opacity.grad.isfinite().all()


def test_a_deformation_that_follows_the_flow_costs_nothing():
    # The frame moves right by 0.5 units of x = 2 pixels, and up by 0.25 units of y = half a pixel, in half the clip.
    following = LinearDeformation([[0.25, 1.0, 0.0], [-0.5, 0.0, 1.0]])
    error = flow_error(following, MIDDLE, flow_px=torch.tensor([[2.0, -0.5]]), frame_step=1.0)
    torch.testing.assert_close(error, torch.zeros(1))


def test_flow_error_is_the_squared_published_distance():
    still = LinearDeformation([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    error = flow_error(still, MIDDLE, flow_px=torch.tensor([[2.0, -0.5]]), frame_step=1.0)
    torch.testing.assert_close(error, torch.tensor([0.5**2 + 0.25**2]))


def test_an_aligned_stack_has_no_flow():
    drifting = LinearDeformation([[0.3, 1.0, 0.0], [0.0, 0.0, 1.0]])
    error = flow_error(drifting, MIDDLE, flow_px=torch.zeros(1, 2), frame_step=-0.5)
    torch.testing.assert_close(error, torch.tensor([0.15**2]))
