"""The learning rate rises, then falls over the whole run, in plain numbers; fused steps are Adam's, and seen."""

from __future__ import annotations

import io

import pytest
import torch
from torch import nn

from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig


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
