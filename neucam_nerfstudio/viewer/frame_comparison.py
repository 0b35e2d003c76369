"""How far a rendered photograph is from the captured one."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.grids.plane_pyramid import sample_plane
from neucam_nerfstudio.photometry import WHITE_LEVEL

RESIDUAL_GAIN = 4.0
"""Residuals are shown this much larger than they are."""


class FrameComparison:
    """Photographs of a capture, looked up where rays meet the picture; the last one asked for is kept at hand.

    Args:
        capture: The photographs.
    """

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._index: int | None = None
        self._image = torch.zeros(1, 3, 1, 1)

    def residual(
        self, rgb: Float[Tensor, "rays 3"], uv: Float[Tensor, "rays 2"], frame_index: int | None
    ) -> Float[Tensor, "rays 3"]:
        """Absolute difference of rendered pixel values from a photograph's, times `RESIDUAL_GAIN`, [0, 1].

        Args:
            rgb: Rendered pixel values in [0, 1].
            uv: Places of the picture, [0, 1].
            frame_index: Of the photograph in the capture; without one the residual is black.
        """
        if frame_index is None:
            return torch.zeros_like(rgb)
        photograph = sample_plane(self._photograph(frame_index, rgb.device), uv)
        return (RESIDUAL_GAIN * (rgb - photograph).abs()).clamp(max=1)

    def _photograph(self, frame_index: int, device: torch.device) -> Float[Tensor, "1 3 height width"]:
        if frame_index != self._index:
            pixels = PixelStore(self._capture).whole(frame_index)
            ldr = torch.from_numpy(pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype]))
            self._image, self._index = ldr.permute(2, 0, 1)[None].to(device), frame_index
        return self._image
