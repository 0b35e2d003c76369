"""The response of the sRGB standard, for photographs that cannot tell their camera's."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.fixed_response import FixedResponse


def encode_srgb(linear: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """sRGB values (IEC 61966-2-1) of display-linear light, clipped to [0, 1]."""
    linear = linear.clamp(0, 1)
    power = 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055  # clamped: a root's slope is infinite at 0
    return torch.where(linear <= 0.0031308, 12.92 * linear, power)


def decode_srgb(encoded: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Display-linear light in [0, 1] of sRGB values in [0, 1] (IEC 61966-2-1)."""
    return torch.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)


class SrgbResponse(FixedResponse):
    """sRGB, clipped at white: photographs of one exposure tell nothing of the response."""

    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """sRGB values of light, clipped to [0, 1]."""
        return encode_srgb(linear)
