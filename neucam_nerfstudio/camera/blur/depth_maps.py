"""Given depth of a capture's frames, as the published blur network may be told it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


class DepthMaps(nn.Module):
    """Depth at a place of the frame nearest in time; between pixels it is interpolated. Nothing of it is learned.

    Args:
        depth: Of each frame, [0, 1].
        times: Of each frame, [0, 1], rising; a single time for all stands for a still scene, whose depth is the mean.
    """

    depth: Float[Tensor, "1 1 frames height width"]
    boundaries: Float[Tensor, " boundaries"]

    def __init__(self, depth: Float[np.ndarray, "frames height width"], times: Sequence[float]) -> None:
        super().__init__()
        maps, moments = torch.tensor(depth, dtype=torch.float32), torch.tensor(times, dtype=torch.float32)
        if len(moments.unique()) == 1:
            maps, moments = maps.mean(0, keepdim=True), moments[:1]
        self.register_buffer("depth", maps[None, None], persistent=False)
        self.register_buffer("boundaries", (moments[1:] + moments[:-1]) / 2, persistent=False)

    def forward(self, uv: Float[Tensor, "rays 2"], times: Float[Tensor, "rays 1"]) -> Float[Tensor, "rays 1"]:
        """Depth at (u, v) and times in [0, 1]; beyond the picture's border the border's."""
        frame = torch.bucketize(times, self.boundaries) + 0.5
        places = 2 * torch.cat([uv, frame / self.depth.shape[2]], -1) - 1
        values = F.grid_sample(self.depth, places.view(1, 1, 1, -1, 3), padding_mode="border", align_corners=False)
        return values.view(-1, 1)
