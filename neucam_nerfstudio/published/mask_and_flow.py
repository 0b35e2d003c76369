"""A capture's masks and optical flow at a batch's rays, where training uses them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.errors import NeucamError


class FlowToNeighbour(NamedTuple):
    """Optical flow from rays' pixels to a neighbouring frame.

    Attributes:
        flow_px: Pixels to the right and down.
        is_valid: Whether there is such a frame, and the flow to it can be trusted.
        frame_step: Published t of that frame minus t of the ray's.
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
        mask = _needed(capture, "mask", capture.side_maps.mask) if use_mask else None
        flow_px, is_valid = _flow_of_train_frames(capture) if use_flow else (None, None)
        frame_steps = _steps_of_train_frames(capture) if use_flow else None
        self.register_buffer("mask", _as_tensor(mask), persistent=False)
        self.register_buffer("flow_px", _as_tensor(flow_px), persistent=False)
        self.register_buffer("flow_is_valid", _as_tensor(is_valid), persistent=False)
        self.register_buffer("frame_steps", _as_tensor(frame_steps), persistent=False)

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


def _flow_of_train_frames(
    capture: Capture,
) -> tuple[Float[np.ndarray, "2 train height width 2"], Bool[np.ndarray, "2 train height width"]]:
    """Flow to the next frame and to the one before, invalid where there is none."""
    flow = _needed(capture, "flow", capture.side_maps.flow)
    ends = ((0, 1), (1, 0))
    flow_px = [
        np.pad(values, [end, (0, 0), (0, 0), (0, 0)])[list(capture.train_indices)]
        for values, end in zip((flow.forward_px, flow.backward_px), ends, strict=True)
    ]
    is_valid = [
        np.pad(values, [end, (0, 0), (0, 0)])[list(capture.train_indices)]
        for values, end in zip((flow.forward_valid, flow.backward_valid), ends, strict=True)
    ]
    return np.stack(flow_px), np.stack(is_valid)


def _steps_of_train_frames(capture: Capture) -> Float[np.ndarray, "2 train"]:
    """Published t of the next frame and of the one before, minus a frame's own; of no use where there is none."""
    steps = 2 * np.diff(np.array(capture.times, np.float32))
    to_next, to_previous = (np.pad(steps, end, mode="edge") for end in ((0, 1), (1, 0)))
    return np.stack([to_next, -to_previous])[:, list(capture.train_indices)]


def _needed(capture: Capture, folder: str, maps):
    if maps is None:
        raise NeucamError(
            f"{capture.folder}: has no {folder}/ folder, which the {folder} loss of this run needs. Add one, or leave "
            f"that loss off as the published presets do."
        )
    return maps


def _as_tensor(values: np.ndarray | None) -> Tensor | None:
    return None if values is None else torch.tensor(values)
