"""Adam in one kernel, and a learning rate that falls over the whole run, however long it is."""

from __future__ import annotations

from dataclasses import dataclass, field

from nerfstudio.engine.optimizers import AdamOptimizerConfig
from nerfstudio.engine.schedulers import Scheduler, SchedulerConfig
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from neucam_nerfstudio.training.adam import BETAS, EPS, FINAL_FACTOR, WARM_UP_STEPS, FusedAdam, decay_factor


@dataclass
class FusedAdamConfig(AdamOptimizerConfig):
    """Adam that updates a tensor in one pass over memory."""

    _target: type = FusedAdam
    """The optimizer."""
    eps: float = EPS
    """Small, so that rarely seen cells move as far as others."""
    betas: tuple[float, float] = BETAS
    """Decay of the running means of gradient and squared gradient."""
    fused: bool = True
    """One kernel a tensor."""


@dataclass
class RunLengthDecayConfig(SchedulerConfig):
    """Exponential decay from the first step to the last of a run."""

    _target: type = field(default_factory=lambda: RunLengthDecay)
    """The scheduler."""
    final_factor: float = FINAL_FACTOR
    """Learning rate at the end, as a share of that at the start."""
    warmup_steps: int = WARM_UP_STEPS
    """Steps over which the learning rate rises linearly at first."""
    num_steps: int = 600
    """Steps of the run; ns-train sets it to --max-num-iterations, of which 0 is the start alone."""


class RunLengthDecay(Scheduler):
    """Multiplies the learning rate by min(1, (step + 1) / warm-up) * final_factor ^ (step / num_steps)."""

    config: RunLengthDecayConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LRScheduler:
        """The schedule of an optimizer; it stays at the final factor after the run, as when training is resumed."""
        config = self.config
        return LambdaLR(
            optimizer, lambda step: decay_factor(step, config.num_steps, config.final_factor, config.warmup_steps)
        )


@dataclass
class FreshStartConfig(SchedulerConfig):
    """From a step on, another learning rate, and an optimizer that has forgotten all gradients before."""

    _target: type = field(default_factory=lambda: FreshStart)
    """The scheduler."""
    at_step: int = 48_000
    """The first step with the new learning rate."""
    factor: float = 0.1
    """The new learning rate as a share of the initial one; 0 leaves the parameters as they are."""


class FreshStart(Scheduler):
    """Published response freezing: the scene starts afresh with a smaller learning rate, the camera stays as it is."""

    config: FreshStartConfig

    def get_scheduler(self, optimizer: Optimizer, lr_init: float) -> LRScheduler:
        """The schedule of an optimizer, whose state it clears when the step is reached."""
        return _ForgetfulLR(optimizer, self.config.at_step, self.config.factor)


class _ForgetfulLR(LambdaLR):
    def __init__(self, optimizer: Optimizer, at_step: int, factor: float) -> None:
        self.at_step = at_step
        super().__init__(optimizer, lambda step: factor if step >= self.at_step else 1.0)

    def step(self, epoch: int | None = None) -> None:
        super().step(epoch)
        if self.last_epoch == self.at_step:
            self.optimizer.state.clear()
