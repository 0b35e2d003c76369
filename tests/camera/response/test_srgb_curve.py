"""The sRGB response: the standard's values, relative to a white that can be moved."""

from __future__ import annotations

import math

import torch
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse, decode_srgb, encode_srgb


def test_values_of_the_standard():
    ldr = SrgbResponse()(torch.tensor([[0.0, math.log(0.214041), math.log(0.001)]]))
    torch.testing.assert_close(ldr, torch.tensor([[1.0, 0.5, 0.01292]]), atol=1e-5, rtol=0)


def test_above_white_is_white():
    torch.testing.assert_close(SrgbResponse()(torch.tensor([3.0, 0.1, 20.0])), torch.ones(3))


def test_white_can_be_moved():
    response = SrgbResponse()
    response.set_white(2.0)
    torch.testing.assert_close(response(torch.full((3,), 2.0 + math.log(0.214041))), torch.full((3,), 0.5))


def test_learns_nothing_but_is_saved():
    response = SrgbResponse()
    assert not list(response.parameters()) and set(response.state_dict()) == {"log_white"}


def test_decoding_undoes_encoding():
    linear = torch.linspace(0, 1, 1001)
    torch.testing.assert_close(decode_srgb(encode_srgb(linear)), linear, atol=1e-6, rtol=1e-5)
