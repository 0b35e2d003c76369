"""The trainer says where it trains and stretches schedules over the run that a user asks for."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from neucam_nerfstudio.training import trainer
from neucam_nerfstudio.training.optimizers import FusedAdamConfig, RunLengthDecayConfig
from neucam_nerfstudio.training.trainer import NeucamTrainer, NeucamTrainerConfig


def set_up(num_steps: int, schedule: RunLengthDecayConfig | None):
    """The optimizers that a trainer of one parameter would use."""
    groups = {"scene": [nn.Parameter(torch.zeros(1))]}
    stand_in = NeucamTrainer.__new__(NeucamTrainer)
    stand_in.config = NeucamTrainerConfig(
        max_num_iterations=num_steps,
        optimizers={name: {"optimizer": FusedAdamConfig(lr=1.0), "scheduler": schedule} for name in ("scene", "blur")},
    )
    stand_in.pipeline = SimpleNamespace(get_param_groups=lambda: groups)
    stand_in.local_rank, stand_in.device = 0, "cpu"
    return stand_in.setup_optimizers()


def rates(optimizers, num_steps: int) -> list[float]:
    seen = []
    for step in range(num_steps + 1):
        seen.append(optimizers.optimizers["scene"].param_groups[0]["lr"])
        optimizers.optimizers["scene"].step()
        optimizers.scheduler_step_all(step)
    return seen


@pytest.mark.parametrize("num_steps", [5, 50])
def test_learning_rates_follow_the_length_of_the_run(num_steps):
    seen = rates(set_up(num_steps, RunLengthDecayConfig(final_factor=0.01, warmup_steps=0)), num_steps)
    assert seen[0] == pytest.approx(1.0) and seen[-1] == pytest.approx(0.01)
    assert seen[num_steps // 2] == pytest.approx(0.01 ** ((num_steps // 2) / num_steps))


def test_groups_without_a_schedule_keep_their_learning_rate():
    assert rates(set_up(5, None), 5) == [1.0] * 6


def test_says_where_it_trains(capsys):
    set_up(5, None)
    assert "Training on cpu." in capsys.readouterr().out


@pytest.mark.parametrize(("available", "device"), [(True, "cuda"), (False, "cpu")])
def test_device_is_what_the_machine_has(monkeypatch, available, device):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: available)
    assert NeucamTrainerConfig().machine.device_type == device
    assert trainer.machine_here() is not trainer.machine_here()
