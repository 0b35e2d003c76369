"""Loss terms of the published method on deformations and layers.

Nothing here is weighted, nor averaged over pixels: the model does both, with its config's weights. Places and distances
are in published coordinates (t, y, x). Two more published terms need no function: `alpha` is the mean opacity, `mask`
the squared difference of opacity and mask.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.published.motion_networks import NeuralDeformation

RIDGE = 1e-3
"""Added to the diagonal of J'J, so that it can be inverted where a deformation folds."""
LOG_FLOOR = 1e-24
"""Added below logarithms of opacities, which may be 0 or 1."""


def deformation_jacobian(deformation: NeuralDeformation, tyx: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 2 2"]:
    """How many canonical pixels a step of one pixel moves, by backward difference.

    Returns:
        J[..., i, j]: movement along canonical axis i (y, x) for a step along axis j (y, x).
    """
    pixel = torch.tensor(deformation.coordinates.pixel_step_yx, dtype=tyx.dtype, device=tyx.device)
    here = deformation.canonical_yx(tyx)
    one_up, one_left = torch.nn.functional.pad(torch.diag(pixel), (1, 0))
    columns = [here - deformation.canonical_yx(tyx - step) for step in (one_up, one_left)]
    return torch.stack(columns, -1) / pixel[:, None]


def rigidity(jacobian: Float[Tensor, "*batch 2 2"], scale: float = 1.0) -> Float[Tensor, "*batch"]:
    """Departure of a deformation from a rotation: Frobenius norm of J'J plus that of its inverse, smallest for one.

    Args:
        jacobian: Of the deformation, in pixels per pixel.
        scale: What the deformation is expected to scale by (`uv_mapping_scale`); divides J.
    """
    metric = (jacobian / scale).mT @ (jacobian / scale)
    ridged = metric + RIDGE * torch.eye(2, dtype=metric.dtype, device=metric.device)
    determinant = ridged[..., 0, 0] * ridged[..., 1, 1] - ridged[..., 0, 1] * ridged[..., 1, 0]
    # The inverse of a 2 x 2 matrix has the matrix's own norm, divided by its determinant.
    return torch.linalg.matrix_norm(metric) + torch.linalg.matrix_norm(ridged) / determinant


def hidden_foreground(
    opacity: Float[Tensor, "*batch 1"], foreground: Float[Tensor, "*batch taps 3"]
) -> Float[Tensor, "*batch taps"]:
    """Foreground light where the background shows (sparsity 1): squared norm of (1 - opacity) * radiance.

    Args:
        opacity: At the pixel, [0, 1].
        foreground: Natural log radiance of the foreground at each of the pixel's taps.
    """
    return ((1 - opacity[..., None, :]) * foreground.exp()).square().sum(-1)


def undecided_opacity(opacity: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
    """Pushes opacity to 0 or 1 (sparsity 2): -1 / (log opacity + log(1 - opacity)). Published weight: 1."""
    return -1 / (torch.log(opacity + LOG_FLOOR) + torch.log(1 - opacity + LOG_FLOOR))


def flow_error(
    deformation: NeuralDeformation,
    tyx: Float[Tensor, "*batch 3"],
    flow_px: Float[Tensor, "*batch 2"],
    frame_step: Float[Tensor, "*batch"] | float,
) -> Float[Tensor, "*batch"]:
    """How far apart in the canonical picture a pixel is from where optical flow takes it in a neighbouring frame.

    Published weight: 1000 * 0.1^(step / 10000). The published term is the mean over both neighbours.

    Args:
        deformation: The deformation.
        tyx: Published coordinates of the pixels.
        flow_px: Flow to the neighbour, pixels to the right and down; zeros for aligned stacks.
        frame_step: t of that neighbour minus t of the frame; of evenly spaced frames 2 / (N - 1) or its negative.

    Returns:
        Squared distance.
    """
    step_y, step_x = deformation.coordinates.pixel_step_yx
    right, down = flow_px.unbind(-1)
    along_the_flow = torch.stack([torch.zeros_like(right) + frame_step, step_y * down, step_x * right], -1)
    return (deformation.canonical_yx(tyx) - deformation.canonical_yx(tyx + along_the_flow)).square().sum(-1)
