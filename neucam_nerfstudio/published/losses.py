"""Loss terms of the published method on pixel values and on the camera response.

Nothing here is weighted, nor averaged over pixels or channels: the model does both, with its config's weights. The
published terms count pixel values in [-1, 1], so an error is twice what it is in our [0, 1].
"""

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.camera_response import CameraResponse

MIN_MU, MAX_MU = 1.0, 101.0
"""Range of the random mu-law (`use_random_gamma` in the released code)."""


def draw_mu(device: torch.device | str = "cpu") -> Float[Tensor, ""]:
    """One mu for a training step, evenly from [1, 101]."""
    return MIN_MU + (MAX_MU - MIN_MU) * torch.rand((), device=device)


def mu_law(ldr: Float[Tensor, "*batch"], mu: Float[Tensor, ""] | float) -> Float[Tensor, "*batch"]:
    """Brightens the shadows of pixel values in [0, 1]: log(1 + mu * ldr) / log(1 + mu)."""
    mu = torch.as_tensor(mu, device=ldr.device)
    return torch.log1p(mu * ldr) / torch.log1p(mu)


def reconstruction_error(
    ldr: Float[Tensor, "*batch 3"], photographed: Float[Tensor, "*batch 3"], mu: Float[Tensor, ""] | float | None = None
) -> Float[Tensor, "*batch 3"]:
    """Squared error of pixel values, counted in [-1, 1]. Published weight: 1.

    Args:
        ldr: Rendered pixel values in [0, 1].
        photographed: The photographs' pixel values in [0, 1].
        mu: If given, both sides first get their own mu-law image added to them, so that shadows weigh more.
    """
    difference = ldr - photographed
    if mu is not None:
        difference = difference + mu_law(ldr, mu) - mu_law(photographed, mu)
    return (2 * difference) ** 2


def unit_exposure_error(response: CameraResponse) -> Float[Tensor, " 3"]:
    """How far, in [-1, 1] values, radiance 1 at 0 stops is from mid grey in each channel. Published weight: 1.

    Photographs alone leave the scale of radiance open; this closes it.
    """
    log_exposure = torch.zeros(3, device=next(response.parameters()).device)
    return (2 * response(log_exposure) - 1).abs()


def response_slope(response: CameraResponse, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """d(pixel value in [-1, 1]) / d(log exposure), differentiable in the response's parameters."""
    with torch.enable_grad():
        log_exposure = log_exposure.detach().requires_grad_()
        signed_ldr = 2 * response(log_exposure) - 1
        return torch.autograd.grad(signed_ldr.sum(), log_exposure, create_graph=True)[0]


def falling_response(response: CameraResponse, log_exposure: Float[Tensor, "*batch 3"]) -> Float[Tensor, ""]:
    """The steepest fall of the response at these log exposures, 0 if it rises at all of them.

    The published weight of 1e6 is on the slope of the *mean* of all 10,000 x 3 outputs: 33.3 on this true slope. The
    released code keeps no graph of it, so there it never acts; here it does.
    """
    return torch.relu(-response_slope(response, log_exposure).min())
