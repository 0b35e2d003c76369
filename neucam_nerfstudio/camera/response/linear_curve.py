"""The response of a sensor, for photographs that hold linear light."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.fixed_response import FixedResponse


class LinearResponse(FixedResponse):
    """Pixel values are light, clipped at white."""

    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """Light, clipped to [0, 1]."""
        return linear.clamp(0, 1)
