"""The learning rate rises, then falls over the whole run, in plain numbers; fused steps are Adam's, and seen."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from neucam_nerfstudio.training.optimizers import FreshStartConfig, FusedAdamConfig, RunLengthDecayConfig


def schedule(**options):
    parameter = nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=0.5)
    return RunLengthDecayConfig(**options).setup().get_scheduler(optimizer, 0.5)


def learning_rates(num_steps: int, **options) -> list[float]:
    scheduler = schedule(num_steps=num_steps, **options)
    rates = []
    for _ in range(num_steps + 3):
        rates.append(scheduler.get_last_lr()[0])
        scheduler.optimizer.step()
        scheduler.step()
    return rates


def test_falls_exponentially_over_the_run_and_then_stays():
    rates = learning_rates(4, final_factor=0.0625, warmup_steps=0)
    assert rates == pytest.approx([0.5, 0.25, 0.125, 0.0625, 0.03125, 0.03125, 0.03125])


def test_rises_evenly_at_first():
    rates = learning_rates(100, final_factor=1.0, warmup_steps=4)
    assert rates[:6] == pytest.approx([0.125, 0.25, 0.375, 0.5, 0.5, 0.5])


def test_longer_run_falls_more_slowly_to_the_same_end():
    short, long = (learning_rates(n, final_factor=0.1, warmup_steps=0) for n in (10, 100))
    assert short[10] == pytest.approx(long[100]) == pytest.approx(0.05)
    assert short[5] == pytest.approx(long[50])


def test_state_loads_without_trusting_the_file():
    saved = io.BytesIO()
    torch.save(schedule(num_steps=7).state_dict(), saved)
    saved.seek(0)
    scheduler = schedule(num_steps=7)
    scheduler.load_state_dict(torch.load(saved, weights_only=True))


def one_step(optimizer_of, gradient: float) -> float:
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimizer = optimizer_of([parameter])
    for _ in range(3):
        parameter.grad = torch.tensor([gradient])
        optimizer.step()
    return parameter.item()


@pytest.mark.parametrize("gradient", [3.0, -1e-6])
def test_fused_steps_are_adam_s(gradient):
    config = FusedAdamConfig(lr=0.1)
    plain = one_step(lambda p: torch.optim.Adam(p, lr=0.1, betas=config.betas, eps=config.eps), gradient)
    assert one_step(lambda p: FusedAdamConfig(lr=0.1).setup(p), gradient) == pytest.approx(plain, rel=1e-5)


def test_rarely_seen_values_move_as_far_as_others():
    assert one_step(FusedAdamConfig(lr=0.1).setup, 1e-7) == pytest.approx(1 - 0.3, rel=1e-3)


def test_a_step_counts_as_a_change_of_the_parameters():
    parameter = nn.Parameter(torch.tensor([1.0]))
    optimizer = FusedAdamConfig(lr=0.1).setup([parameter])
    seen = set()
    for _ in range(3):
        seen.add(parameter._version)
        parameter.grad = torch.ones(1)
        optimizer.step()
    assert len(seen) == 3


class FreshlyStarted:
    """A parameter under Adam, with a gradient of 1 before the fresh start and of -1 from then on."""

    def __init__(self, at_step: int, factor: float) -> None:
        self.at_step = at_step
        self.parameter = nn.Parameter(torch.zeros(1))
        self.optimizer = torch.optim.Adam([self.parameter], lr=1e-2)
        self.scheduler = FreshStartConfig(at_step=at_step, factor=factor).setup().get_scheduler(self.optimizer, 1e-2)

    def train(self, first: int, last: int) -> list[float]:
        """Where the parameter is after each of these steps."""
        values = []
        for step in range(first, last):
            self.parameter.grad = torch.tensor([1.0 if step < self.at_step else -1.0])
            self.optimizer.step()
            self.scheduler.step()
            values.append(self.parameter.item())
        return values


def test_fresh_start_forgets_the_gradients_before():
    values = FreshlyStarted(at_step=3, factor=0.1).train(0, 6)
    assert values[:3] == pytest.approx([-0.01, -0.02, -0.03], rel=1e-4)
    # Adam's first steps on a constant gradient are the learning rate; an Adam that remembers would still go down.
    assert values[3:] == pytest.approx([-0.029, -0.028, -0.027], rel=1e-4)


def test_frozen_parameters_stay_as_they_are():
    run = FreshlyStarted(at_step=2, factor=0.0)
    values = run.train(0, 5)
    assert values[1] == values[2] == values[4]
    assert run.scheduler.get_last_lr() == [0.0]


@pytest.mark.parametrize("saved_at", [1, 2, 3, 4])
def test_a_resumed_run_starts_afresh_at_the_same_step(saved_at):
    whole = FreshlyStarted(at_step=3, factor=0.1).train(0, 6)
    first = FreshlyStarted(at_step=3, factor=0.1)
    first.train(0, saved_at)
    file = io.BytesIO()
    torch.save({"optimizer": first.optimizer.state_dict(), "scheduler": first.scheduler.state_dict()}, file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    resumed = FreshlyStarted(at_step=3, factor=0.1)
    with torch.no_grad():
        resumed.parameter.copy_(first.parameter)
    resumed.optimizer.load_state_dict(state["optimizer"])
    resumed.scheduler.load_state_dict(state["scheduler"])
    assert resumed.train(saved_at, 6) == pytest.approx(whole[saved_at:])
