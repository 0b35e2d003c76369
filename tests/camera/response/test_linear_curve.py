"""The linear response: light up to a white that can be moved."""

from __future__ import annotations

import math

import torch
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse


def test_pixel_values_are_light_up_to_white():
    response = LinearResponse()
    response.set_white(math.log(2.0))
    ldr = response(torch.tensor([[0.0, math.log(0.2), 5.0]]))
    torch.testing.assert_close(ldr, torch.tensor([[0.5, 0.1, 1.0]]))


def test_learns_nothing_but_is_saved():
    response = LinearResponse()
    assert not list(response.parameters()) and set(response.state_dict()) == {"log_white"}
