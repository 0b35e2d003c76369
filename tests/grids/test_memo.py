"""A memo computes once, and anew as soon as its module has changed in any way."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from neucam_nerfstudio.grids.memo import ParameterMemo
from neucam_nerfstudio.grids.plane_pyramid import FramePyramid, PlanePyramid
from neucam_nerfstudio.training.optimizers import FusedAdam


class CountedSquare:
    """The square of a module's only parameter, through a memo that counts how often it is computed."""

    def __init__(self) -> None:
        self.module = nn.Module()
        self.module.x = nn.Parameter(torch.tensor([3.0]))
        self.count = 0
        self.memo = ParameterMemo(self.module, self._compute)

    def _compute(self) -> torch.Tensor:
        self.count += 1
        return self.module.x.square()


@pytest.fixture
def square() -> CountedSquare:
    return CountedSquare()


def change_in_place(module: nn.Module) -> None:
    with torch.no_grad():
        module.x.add_(1)


def step_of(optimizer_class, **options):
    def change(module: nn.Module) -> None:
        module.x.grad = torch.tensor([-1.0])
        optimizer_class(module.parameters(), lr=1.0, **options).step()

    return change


def load_other_weights(module: nn.Module) -> None:
    module.load_state_dict({"x": torch.tensor([4.0])})


def replace_data(module: nn.Module) -> None:
    module.x.data = torch.tensor([4.0])


CHANGES = [
    pytest.param(change_in_place, id="in place"),
    pytest.param(step_of(torch.optim.SGD), id="SGD"),
    pytest.param(step_of(torch.optim.Adam), id="Adam"),
    pytest.param(step_of(FusedAdam, fused=True), id="fused Adam"),
    pytest.param(load_other_weights, id="load_state_dict"),
    pytest.param(replace_data, id="other data"),
]


def test_is_computed_once_while_nothing_changes(square):
    assert [square.memo().item() for _ in range(3)] == [9.0] * 3
    assert square.count == 1


@pytest.mark.parametrize("gradients", [True, False])
@pytest.mark.parametrize("change", CHANGES)
def test_follows_every_change_of_a_parameter(square, change, gradients):
    with torch.set_grad_enabled(gradients):
        square.memo()
        change(square.module)
        assert square.memo().item() == pytest.approx(16.0)


def test_follows_a_change_of_precision(square):
    square.memo()
    square.module.double()
    assert square.memo().dtype == torch.float64


def test_value_from_without_gradients_is_not_given_out_with_them(square):
    with torch.no_grad():
        assert not square.memo().requires_grad
    assert square.memo().requires_grad
    with torch.no_grad():
        assert not square.memo().requires_grad


def test_can_be_differentiated_again_and_again(square):
    for _ in range(3):
        square.module.x.grad = None
        square.memo().sum().backward()
        assert square.module.x.grad.item() == 6.0


def test_uses_within_one_step_share_the_value_and_add_their_gradients(square):
    (square.memo() + 2 * square.memo()).sum().backward()
    assert square.count == 1
    assert square.module.x.grad.item() == 18.0


def test_a_frozen_module_has_a_memo_too(square):
    square.module.requires_grad_(False)
    assert [square.memo().item() for _ in range(2)] == [9.0, 9.0]
    assert square.count == 1


class Squared(nn.Module):
    """Its only parameter, squared."""

    def __init__(self) -> None:
        super().__init__()
        self.x = nn.Parameter(torch.tensor([3.0]))
        self.memo = ParameterMemo(self, self.compute)

    def compute(self) -> torch.Tensor:
        return self.x.square()


def test_a_copy_s_memo_follows_the_copy_s_parameters():
    module = Squared()
    module.memo()  # a value with a graph, which no copy can take along
    copied = copy.deepcopy(module)
    change_in_place(copied)
    assert (module.memo().item(), copied.memo().item()) == (9.0, 16.0)
    copied.memo().sum().backward()
    assert copied.x.grad is not None and module.x.grad is None


def test_what_would_stay_with_the_original_is_not_copied():
    module = Squared()
    module.memo = ParameterMemo(module, lambda: module.compute())
    with pytest.raises(TypeError, match="give a memo a bound method"):
        copy.deepcopy(module)


@pytest.mark.parametrize(
    ("pyramid", "read"),
    [(PlanePyramid(2, 4, 6), PlanePyramid.image), (FramePyramid(2, 3, 8, 8), FramePyramid.learned)],
    ids=["plane", "frames"],
)
def test_grids_are_copied_with_their_memos(pyramid, read):
    before = read(pyramid).detach().clone()
    copied = copy.deepcopy(pyramid)
    with torch.no_grad():
        copied.grids[0].add_(1.0)
    torch.testing.assert_close(read(copied), before + 1)
    torch.testing.assert_close(read(pyramid), before)
