"""Our camera response: one small network a channel that rises by construction."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.exposure.exposures import exposures_differ
from neucam_nerfstudio.camera.response.response import CameraResponse, ResponseConfig, srgb_or_linear
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.grids.grid_sampling import sample_curves
from neucam_nerfstudio.parts import Kind, Start, as_tensor

NUM_UNITS = 24
DARKEST_LOG_EXPOSURE, BRIGHTEST_LOG_EXPOSURE = -9.0, 5.0
"""Where the units' shoulders start out, around the log exposure 0 of a scene's median."""

NUM_KNOTS = 1024
LOWEST_KNOT, HIGHEST_KNOT = -18.0, 14.0
"""Log exposures between which the curves are tabulated: knots 1/22 stop apart, beyond whose ends curves are flat."""

STEEPNESS = 2.5
"""Slope of a unit where units stand one apart: their sum is then as smooth as a curve, and no smoother."""

LEAST_RISE = 1e-4
"""Of a unit at the start, so that every unit can learn."""


@dataclass
class MonotoneCurveConfig(ResponseConfig):
    """Our response."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: MonotoneCurveResponse)
    """The response."""
    kind: Kind = "monotone"
    """Response: monotone (ours, learned), srgb, neural-curve (published), none (linear photographs) or module:Class."""

    def setup(self, **context: Capture) -> CameraResponse | None:
        """The response, unless the photographs' own is known, or they cannot tell it."""
        capture = context["capture"]
        if self.chosen() is not self:
            return super().setup(**context)
        if capture.linear_light:
            return srgb_or_linear(self, capture)
        if not exposures_differ(capture):
            because = "All frames have one exposure, which tells no response: taking the sRGB standard's."
            return srgb_or_linear(self, capture, because)
        return MonotoneCurveResponse(self, capture)


class MonotoneCurveResponse(CameraResponse):
    """Three MLPs 1 - 24 - 1: a weighted mean of sigmoids with positive slopes.

    Such a curve rises everywhere, from 0 without light to 1 in saturation, whatever its parameters are: what the
    published method asks for by a penalty.

    Args:
        config: Of the part.
        capture: The photographs.
    """

    def __init__(self, config: MonotoneCurveConfig, capture: Capture) -> None:
        super().__init__()
        spacing = (BRIGHTEST_LOG_EXPOSURE - DARKEST_LOG_EXPOSURE) / (NUM_UNITS - 1)
        shoulders = torch.linspace(DARKEST_LOG_EXPOSURE, BRIGHTEST_LOG_EXPOSURE, NUM_UNITS)
        self.shoulders = nn.Parameter(shoulders.repeat(3, 1))
        self.log_slopes = nn.Parameter(torch.full((3, NUM_UNITS), math.log(1 / spacing)))
        self.log_weights = nn.Parameter(torch.zeros(3, NUM_UNITS))

    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in (0, 1) for log exposure = ln radiance + ln 2 * exposure_stops."""
        positions = (log_exposure - LOWEST_KNOT) / (HIGHEST_KNOT - LOWEST_KNOT)
        return sample_curves(self._tabulated(), positions).clamp(max=1)  # softmax may round its sum above 1

    def start(self, start: Start) -> str | None:
        """Fits the curves to the estimated ones."""
        if start.estimate is not None:
            response, device = start.estimate.response, self.shoulders.device
            knots, ldr = as_tensor(response.log_exposure, device), as_tensor(response.ldr, device)
            self.start_from(knots, ldr)
            fit_response(self, knots, ldr)
        return None

    @torch.no_grad()
    def start_from(self, log_exposure: Float[Tensor, " knots"], ldr: Float[Tensor, "knots 3"]) -> None:
        """Spreads the units evenly over a tabulated curve, each as heavy as the curve's rise where it stands.

        Args:
            log_exposure: Natural log exposures, evenly spaced.
            ldr: Pixel values in [0, 1] at them, rising.
        """
        spacing = (log_exposure[-1] - log_exposure[0]) / NUM_UNITS
        rises = F.interpolate(ldr.t()[None], NUM_UNITS + 1, mode="linear", align_corners=True)[0].diff(dim=-1)
        self.shoulders.copy_((log_exposure[0] + spacing * (torch.arange(NUM_UNITS) + 0.5).to(ldr)).expand(3, -1))
        self.log_slopes.fill_(math.log(STEEPNESS / float(spacing)))
        self.log_weights.copy_(rises.clamp(min=LEAST_RISE).log())

    def _tabulated(self) -> Float[Tensor, "3 knots"]:
        """The networks' outputs at all knots."""
        knots = torch.linspace(LOWEST_KNOT, HIGHEST_KNOT, NUM_KNOTS, device=self.shoulders.device)
        units = torch.sigmoid((knots[:, None, None] - self.shoulders) * self.log_slopes.exp())
        return (units * F.softmax(self.log_weights, -1)).sum(-1).t()


@torch.enable_grad()
def fit_response(
    response: CameraResponse,
    log_exposure: Float[Tensor, " knots"],
    ldr: Float[Tensor, "knots 3"],
    num_steps: int = 300,
    learning_rate: float = 3e-2,
) -> None:
    """Fits a response, in place, to a table of pixel values at log exposures: Adam on the squared error.

    Args:
        response: Changed in place.
        log_exposure: Natural log exposures, the same for all channels.
        ldr: Pixel values in [0, 1] at them.
        num_steps: Adam steps.
        learning_rate: Of Adam at the start; it falls to a hundredth.
    """
    optimizer = torch.optim.Adam(response.parameters(), lr=learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 0.01 ** (step / num_steps))
    inputs = log_exposure[:, None].expand(-1, 3)
    for _ in range(num_steps):
        optimizer.zero_grad()
        F.mse_loss(response(inputs), ldr).backward()
        optimizer.step()
        schedule.step()
