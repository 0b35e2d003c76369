"""The published method's coordinates: (t, y, x) in [-1, 1], each axis's first and last sample exactly on -1 and 1."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


def t_from_times(times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 1"]:
    """Published t in [-1, 1] of times in [0, 1]; a single frame (time 0) has t = -1."""
    return 2 * times - 1


@dataclass(frozen=True)
class PublishedCoordinates:
    """Conversion for pictures of `height` x `width` pixels.

    Ours put pixel centres at (i + 0.5) / size, so -1 and 1 lie on the first and last pixel's centre, half a pixel
    inside the picture's edge.
    """

    height: int
    width: int

    @property
    def pixel_step_yx(self) -> tuple[float, float]:
        """One pixel down and one pixel to the right, in published units."""
        return 2 / max(self.height - 1, 1), 2 / max(self.width - 1, 1)

    @property
    def _edges_yx(self) -> tuple[float, float]:
        """Where the picture's lower and right edges lie in published units: a little outside 1."""
        step_y, step_x = self.pixel_step_yx
        return step_y * self.height / 2, step_x * self.width / 2

    def yx_from_uv(self, uv: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Published (y, x) of our (u, v) in [0, 1]."""
        edge_y, edge_x = self._edges_yx
        u, v = uv.unbind(-1)
        return torch.stack([edge_y * (2 * v - 1), edge_x * (2 * u - 1)], -1)

    def uv_from_yx(self, yx: Float[Tensor, "*batch 2"]) -> Float[Tensor, "*batch 2"]:
        """Our (u, v) in [0, 1] of published (y, x)."""
        edge_y, edge_x = self._edges_yx
        y, x = yx.unbind(-1)
        return torch.stack([(x / edge_x + 1) / 2, (y / edge_y + 1) / 2], -1)

    def tyx_from_uv(self, uv: Float[Tensor, "*batch 2"], times: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
        """Published (t, y, x) of our (u, v) and times, all in [0, 1]."""
        return torch.cat([t_from_times(times), self.yx_from_uv(uv)], -1)
