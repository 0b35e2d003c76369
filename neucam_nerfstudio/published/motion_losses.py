"""Loss terms of the published method on deformations and layers, and the masks and optical flow that some go by.

No term is weighted, nor averaged over pixels: the scene does both, with its config's weights. Places and distances are
in published coordinates (t, y, x). Two more published terms need no function: `alpha` is the mean opacity, `mask` the
squared difference of opacity and mask.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.published.fields import NeuralDeformation

RIDGE = 1e-3
"""Added to the diagonal of J'J, so that it can be inverted where a deformation folds."""
LOG_FLOOR = 1e-24
"""Added below logarithms of opacities, which may be 0 or 1."""


class FlowToNeighbour(NamedTuple):
    """Optical flow from rays' pixels to a neighbouring frame.

    Attributes:
        flow_px: Pixels to the right and down.
        is_valid: Whether there is such a frame, and the flow to it can be trusted.
        frame_step: Published t of that frame minus t of the ray's; of no use where there is none.
    """

    flow_px: Float[Tensor, "rays 2"]
    is_valid: Bool[Tensor, " rays"]
    frame_step: Float[Tensor, " rays"]


class MaskAndFlow(nn.Module):
    """Masks and flow of the training frames; what is not used is not held, and nothing goes into a checkpoint.

    Args:
        capture: The capture that they belong to.
        use_mask: Whether training needs the masks.
        use_flow: Whether training needs the flow.

    Raises:
        NeucamError: The capture has none of what is needed.
    """

    mask: Float[Tensor, "train height width"]
    flow_px: Float[Tensor, "2 train height width 2"]
    flow_is_valid: Bool[Tensor, "2 train height width"]
    frame_steps: Float[Tensor, "2 train"]

    def __init__(self, capture: Capture, use_mask: bool, use_flow: bool) -> None:
        super().__init__()
        tables: dict[str, np.ndarray | None] = dict.fromkeys(("mask", "flow_px", "flow_is_valid", "frame_steps"))
        if use_mask:
            tables["mask"] = _needed(capture, "mask", capture.side_maps.mask)
        if use_flow:
            flow = _needed(capture, "flow", capture.side_maps.flow)
            steps = 2 * np.diff(np.array(capture.times, np.float32))
            tables["flow_px"] = _to_neighbours(capture, flow.forward_px, flow.backward_px)
            tables["flow_is_valid"] = _to_neighbours(capture, flow.forward_valid, flow.backward_valid)
            tables["frame_steps"] = _to_neighbours(capture, steps, -steps)
        for name, table in tables.items():
            self.register_buffer(name, None if table is None else torch.tensor(table), persistent=False)

    def mask_at(self, uv: Float[Tensor, "rays 2"], frame_index: Int[Tensor, " rays"]) -> Float[Tensor, "rays 1"]:
        """The mask at pixels (u, v) in [0, 1] of training frames, [0, 1]."""
        _, height, width = self.mask.shape
        return self.mask[(frame_index, *pixels_at(uv, height, width))][:, None]

    def flows_at(self, uv: Float[Tensor, "rays 2"], frame_index: Int[Tensor, " rays"]) -> tuple[FlowToNeighbour, ...]:
        """Flow from pixels (u, v) in [0, 1] of training frames to the next frame and to the one before."""
        _, _, height, width, _ = self.flow_px.shape
        place = (frame_index, *pixels_at(uv, height, width))
        return tuple(
            FlowToNeighbour(flow_px[place], is_valid[place], frame_steps[frame_index])
            for flow_px, is_valid, frame_steps in zip(self.flow_px, self.flow_is_valid, self.frame_steps, strict=True)
        )


def pixels_at(
    uv: Float[Tensor, "rays 2"], height: int, width: int
) -> tuple[Int[Tensor, " rays"], Int[Tensor, " rays"]]:
    """Rows and columns of the pixels that (u, v) in [0, 1] lie in."""
    size = torch.tensor([width, height], device=uv.device)
    column, row = torch.minimum((uv * size).long(), size - 1).clamp(min=0).unbind(-1)
    return row, column


def _to_neighbours(capture: Capture, forward: np.ndarray, backward: np.ndarray) -> np.ndarray:
    """`[2, train, ...]`: of each training frame to the next frame and to the one before, 0 where there is none."""
    nothing = np.zeros_like(forward, shape=(1, *forward.shape[1:]))
    both = np.stack([np.concatenate([forward, nothing]), np.concatenate([nothing, backward])])
    return both[:, list(capture.train_indices)]


def _needed(capture: Capture, folder: str, maps):
    if maps is None:
        raise NeucamError(
            f"{capture.folder}: has no {folder}/ folder, which the {folder} loss of this run needs. Add one, or leave "
            f"that loss off as the published presets do."
        )
    return maps


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
    """Squared distance in the canonical picture of a pixel from where optical flow takes it in a neighbouring frame.

    Published weight: 1000 * 0.1^(step / 10000). The published term is the mean over both neighbours.

    Args:
        deformation: The deformation.
        tyx: Published coordinates of the pixels.
        flow_px: Flow to the neighbour, pixels to the right and down; zeros for aligned stacks.
        frame_step: t of that neighbour minus t of the frame; of evenly spaced frames 2 / (N - 1) or its negative.
    """
    step_y, step_x = deformation.coordinates.pixel_step_yx
    right, down = flow_px.unbind(-1)
    along_the_flow = torch.stack([torch.zeros_like(right) + frame_step, step_y * down, step_x * right], -1)
    return (deformation.canonical_yx(tyx) - deformation.canonical_yx(tyx + along_the_flow)).square().sum(-1)
