"""The response of the sRGB standard, for photographs that cannot tell their camera's."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.response.fixed_response import FixedResponse
from neucam_nerfstudio.photometry import SRGB_OFFSET, SRGB_POWER, SRGB_TOE_ENCODED, SRGB_TOE_LINEAR, SRGB_TOE_SLOPE


def encode_srgb(linear: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """sRGB values (IEC 61966-2-1) of display-linear light, clipped to [0, 1]."""
    linear = linear.clamp(0, 1)
    above_toe = linear.clamp(min=SRGB_TOE_LINEAR)  # a root's slope is infinite at 0
    power = (1 + SRGB_OFFSET) * above_toe ** (1 / SRGB_POWER) - SRGB_OFFSET
    return torch.where(linear <= SRGB_TOE_LINEAR, SRGB_TOE_SLOPE * linear, power)


def decode_srgb(encoded: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """Display-linear light in [0, 1] of sRGB values in [0, 1] (IEC 61966-2-1)."""
    power = ((encoded + SRGB_OFFSET) / (1 + SRGB_OFFSET)) ** SRGB_POWER
    return torch.where(encoded <= SRGB_TOE_ENCODED, encoded / SRGB_TOE_SLOPE, power)


class SrgbResponse(FixedResponse):
    """sRGB, clipped at white: photographs of one exposure tell nothing of the response."""

    def encode(self, linear: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
        """sRGB values of light, clipped to [0, 1]."""
        return encode_srgb(linear)
