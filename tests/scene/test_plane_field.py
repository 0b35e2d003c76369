"""Fields seen through a deformation, and layers seen apart."""

from __future__ import annotations

import math

import torch

from neucam_nerfstudio.scene.plane_field import DeformedField, Layers

from .made_fields import Gradient, Pan


def test_a_deformed_field_looks_its_light_up_in_the_canonical_picture():
    field = DeformedField(Gradient(0.0), Pan())
    uv, times, expected = torch.tensor([[0.25, 0.5]]), torch.tensor([[0.5]]), torch.tensor([[0.75, 0.5, 0.5]])
    torch.testing.assert_close(field.log_radiance(uv, times), expected)
    torch.testing.assert_close(field.radiance(uv, times), expected.exp())


def test_motion_is_what_the_canonical_place_has_moved_by():
    field = DeformedField(Gradient(0.0), Pan())
    uv, times, since = torch.rand(3, 2), torch.full((3, 1), 0.75), torch.full((3, 1), 0.25)
    # What is at u now was at u + 0.5 then: it has moved left.
    torch.testing.assert_close(field.motion_uv(uv, times, since), torch.tensor([[-0.5, 0.0]]).expand(3, 2))
    assert field.motion_uv(uv, times, times).abs().max() == 0


def test_opacity_mixes_logarithms():
    layers = Layers(
        background=torch.full((1, 3), math.log(1.0)),
        foreground=torch.full((1, 3), math.log(16.0)),
        opacity=torch.tensor([[0.25]]),
    )
    torch.testing.assert_close(layers.mix_logs().exp(), torch.full((1, 3), 2.0))
