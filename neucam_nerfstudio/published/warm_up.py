"""What the published method fits before training, so that training starts from a plausible camera."""

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.published.response_samples import draw_log_exposures
from neucam_nerfstudio.scene.neural_deformation import NeuralDeformation

MAX_LOG_RADIANCE = 3.0
"""Largest ln radiance of the warm-up's samples."""


def starting_response(log_exposure: Float[Tensor, "*batch"]) -> Float[Tensor, "*batch"]:
    """The curve that responses start from: (x / (1 + x))^(1 / 2.2) of the exposure x = exp(log_exposure), in [0, 1]."""
    return torch.sigmoid(log_exposure) ** (1 / 2.2)


@torch.enable_grad()
def warm_up_response(
    response: CameraResponse, num_steps: int = 500, learning_rate: float = 5e-4, num_samples: int = 1024
) -> None:
    """Fits a response, in place, to `starting_response`: Adam on the mean RGB distance at random exposures.

    The released code adds stops to ln radiance as they are; here they count ln 2 each.

    Args:
        response: Changed in place.
        num_steps: Adam steps.
        learning_rate: Of Adam.
        num_samples: Random RGB exposures a step.
    """
    device = next(response.parameters()).device
    optimizer = torch.optim.Adam(response.parameters(), lr=learning_rate)
    for _ in range(num_steps):
        log_exposure = draw_log_exposures(num_samples, MAX_LOG_RADIANCE, device)
        distance = (response(log_exposure) - starting_response(log_exposure)).norm(dim=-1)
        distance.mean().backward()
        optimizer.step()
        optimizer.zero_grad()


@torch.enable_grad()
def warm_up_deformation(
    deformation: NeuralDeformation,
    num_frames: int,
    scale: float = 1.0,
    num_rounds: int = 100,
    learning_rate: float = 1e-4,
    num_points: int = 10_000,
) -> None:
    """Fits a deformation's raw output d, in place, to (y, x) * scale: Adam on the mean distance, frame by frame.

    The canonical place is (d + (y, x)) / 2, so a scale of 0.8 starts the canonical picture at 0.9.

    Args:
        deformation: Changed in place.
        num_frames: Frames of the capture.
        scale: `uv_mapping_scale` of the released code.
        num_rounds: Steps on each frame.
        learning_rate: Of Adam.
        num_points: Random pixels a step.
    """
    device = next(deformation.parameters()).device
    coordinates = deformation.coordinates
    size = torch.tensor([coordinates.width, coordinates.height], device=device)
    optimizer = torch.optim.Adam(deformation.parameters(), lr=learning_rate)
    for frame in list(range(num_frames)) * num_rounds:
        uv = (torch.floor(torch.rand(num_points, 2, device=device) * size) + 0.5) / size
        times = torch.full_like(uv[:, :1], frame / max(num_frames - 1, 1))
        tyx = coordinates.tyx_from_uv(uv, times)
        distance = (deformation.raw(tyx) - scale * tyx[:, 1:]).norm(dim=-1)
        distance.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
