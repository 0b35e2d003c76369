"""The published camera response: a small network for each colour channel, started from a rising curve."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
import tyro
from jaxtyping import Float
from torch import Tensor, nn

from neucam_nerfstudio.camera.response.monotone_curve import fit_response
from neucam_nerfstudio.camera.response.response import CameraResponse, ResponseConfig
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.parts import Kind, Start, TrainingRays, as_tensor
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.published.exposures import MAX_STOPS

WARM_UP_MAX_LOG_RADIANCE = 3.0
"""Largest ln radiance of the warm-up's samples."""

SLOPE_SAMPLES, SLOPE_MAX_LOG_RADIANCE = 10_000, 5.0
"""Where the published method looks for a falling response."""


@dataclass
class NeuralCurveConfig(ResponseConfig):
    """The published response."""

    _target: tyro.conf.Suppress[type] = field(default_factory=lambda: NeuralCurveResponse)
    """The response."""
    kind: Kind = "neural-curve"
    """Response: monotone (ours, learned), srgb, neural-curve (published), none (linear photographs) or module:Class."""
    layer_width: int = 128
    """Size of the hidden layer of each channel's curve network."""
    unit_exposure_mult: float = 1.0
    """On radiance 1 at 0 stops not being mid grey."""
    falling_response_mult: float = 33.3
    """On the steepest fall of the response."""


class NeuralCurveResponse(CameraResponse):
    """Three MLPs 1 - width - 1 with ReLU, through tanh (NeuCam, Huang et al. 2023).

    Nothing in it makes the curves rise: the published method starts from rising ones and punishes a falling slope.
    """

    def __init__(self, config: NeuralCurveConfig, capture: Capture | None = None) -> None:
        super().__init__()
        self.config = config
        self.channels = nn.ModuleList(
            nn.Sequential(nn.Linear(1, config.layer_width), nn.ReLU(), nn.Linear(config.layer_width, 1))
            for _ in range(3)
        )

    def forward(self, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Pixel values in [0, 1], red, green, blue, for log exposure = ln radiance + ln 2 * exposure_stops."""
        channels = zip(self.channels, log_exposure.split(1, -1), strict=True)
        signed_ldr = torch.tanh(torch.cat([curve(channel) for curve, channel in channels], -1))
        return (signed_ldr + 1) / 2

    def start(self, start: Start) -> str | None:
        """Fits the curves to the estimated ones, or to the published starting curve."""
        if start.estimate is None:
            warm_up_response(self)
        else:
            device, response = next(self.parameters()).device, start.estimate.response
            fit_response(self, as_tensor(response.log_exposure, device), as_tensor(response.ldr, device))
        return None

    def losses(self, rays: TrainingRays) -> dict[str, Float[Tensor, ""]]:
        """`unit_exposure` and `falling_response`."""
        losses = {}
        if self.config.unit_exposure_mult > 0:
            losses["unit_exposure"] = self.config.unit_exposure_mult * unit_exposure_error(self).mean()
        if self.config.falling_response_mult > 0:
            device = next(self.parameters()).device
            log_exposure = draw_log_exposures(SLOPE_SAMPLES, SLOPE_MAX_LOG_RADIANCE, device)
            losses["falling_response"] = self.config.falling_response_mult * falling_response(self, log_exposure)
        return losses


def unit_exposure_error(response: CameraResponse) -> Float[Tensor, " 3"]:
    """How far, in [-1, 1] values, radiance 1 at 0 stops is from mid grey in each channel. Published weight: 1.

    Photographs alone leave the scale of radiance open; this closes it.
    """
    log_exposure = torch.zeros(3, device=next(response.parameters()).device)
    return (2 * response(log_exposure) - 1).abs()


@torch.enable_grad()
def falling_response(response: CameraResponse, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, ""]:
    """The steepest fall of the response, in [-1, 1] values, at these log exposures; 0 if it rises at all of them.

    The published weight of 1e6 is on the slope of the *mean* of all 10,000 x 3 outputs: 33.3 on this true slope. The
    released code keeps no graph of it, so there it never acts; here it does.
    """
    log_exposure = log_exposure.detach().requires_grad_()
    signed_ldr = 2 * response(log_exposure) - 1
    slope = torch.autograd.grad(signed_ldr.sum(), log_exposure, create_graph=True)[0]
    return torch.relu(-slope.min())


def draw_log_exposures(
    num_samples: int, max_log_radiance: float, device: torch.device | str = "cpu"
) -> Float[Tensor, "num_samples 3"]:
    """ln radiance, drawn evenly from [0, max_log_radiance] per channel, + ln 2 * stops, one per sample from +-3."""
    log_radiance = max_log_radiance * torch.rand(num_samples, 3, device=device)
    stops = MAX_STOPS * (2 * torch.rand(num_samples, 1, device=device) - 1)
    return log_radiance + LN2 * stops


def starting_response(log_exposure: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The curve that responses start from: (x / (1 + x))^(1 / 2.2) of the exposure x = exp(log_exposure), in [0, 1]."""
    return torch.sigmoid(log_exposure) ** (1 / 2.2)


@torch.enable_grad()
def warm_up_response(
    response: CameraResponse, num_steps: int = 500, learning_rate: float = 5e-4, num_samples: int = 1024
) -> None:
    """Fits a response, in place, to `starting_response`: Adam on the mean RGB distance at random exposures of a step.

    The released code adds stops to ln radiance as they are; here they count ln 2 each.
    """
    device = next(response.parameters()).device
    optimizer = torch.optim.Adam(response.parameters(), lr=learning_rate)
    for _ in range(num_steps):
        log_exposure = draw_log_exposures(num_samples, WARM_UP_MAX_LOG_RADIANCE, device)
        distance = (response(log_exposure) - starting_response(log_exposure)).norm(dim=-1)
        distance.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
