"""Adam in one kernel, and a learning rate that falls over the whole run; torch alone."""

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adam

BETAS = (0.9, 0.99)
"""Decay of the running means of gradient and squared gradient."""

EPS = 1e-15
"""Small, so that rarely seen cells move as far as others."""

FINAL_FACTOR = 0.03
"""Learning rate at the end of a run, as a share of that at the start."""

WARM_UP_STEPS = 20
"""Steps over which the learning rate rises linearly at first."""


class FusedAdam(Adam):
    """Adam whose steps count as changes of the parameters; torch's fused kernel does not tell autograd of them."""

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step, after which whatever remembers the parameters' versions knows that they have moved."""
        loss = super().step(closure)
        for group in self.param_groups:
            torch.autograd.graph.increment_version(group["params"])
        return loss


def decay_factor(
    step: int, num_steps: int, final_factor: float = FINAL_FACTOR, warm_up_steps: int = WARM_UP_STEPS
) -> float:
    """Share of the initial learning rate at a step: min(1, (step + 1) / warm-up) * final_factor ^ (step / num_steps).

    Steps count from 0; after the run the factor stays at the final one.
    """
    # Python floats only: numpy's would keep checkpoints from loading safely.
    rise = min(1.0, (step + 1) / max(1, warm_up_steps))
    return rise * final_factor ** min(1.0, step / max(1, num_steps))
