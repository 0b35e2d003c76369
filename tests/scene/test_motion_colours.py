"""Motion as colours: white stands still, hue is direction, and a ray has one colour in whatever chunk it comes."""

from __future__ import annotations

import colorsys

import pytest
import torch

from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.scene.motion_colours import largest_motion, motion_colours, plane_motion
from neucam_nerfstudio.scene.plane_field import Deformation, DeformedField

ONE = torch.tensor(1.0)


class Swing(Deformation):
    """The canonical place lies 0.8 (t - 0.5)^2 of a picture below the pixel."""

    def forward(self, uv, times):
        return uv + torch.cat([torch.zeros_like(times), 0.8 * (times - 0.5) ** 2], -1)


def hue(colour: torch.Tensor) -> float:
    return colorsys.rgb_to_hsv(*colour.tolist())[0]


def test_what_stands_still_is_white():
    assert (motion_colours(torch.zeros(3, 2), ONE) >= 254 / 255).all()
    assert (motion_colours(torch.zeros(3, 2), torch.tensor(0.0)) >= 254 / 255).all()


def test_directions_have_the_hues_of_the_wheel():
    colours = motion_colours(torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]]), ONE)
    assert colours.shape == (4, 3) and colours.min() >= 0 and colours.max() <= 1
    right, down, left, up = map(hue, colours)
    assert right == pytest.approx(0.0, abs=0.03)  # red
    assert 0.1 < down < 0.25  # yellow
    assert 0.4 < left < 0.6  # cyan
    assert 0.65 < up < 0.85  # violet


def test_farther_motions_are_stronger_up_to_the_largest():
    saturation = [colorsys.rgb_to_hsv(*c.tolist())[1] for c in motion_colours(torch.eye(2)[:1] * 0.5, ONE)]
    assert saturation == [pytest.approx(0.5, abs=0.02)]
    full, beyond = motion_colours(torch.tensor([[1.0, 0.0], [7.0, 0.0]]), ONE)
    assert torch.equal(full, beyond)


def test_a_ray_s_colour_does_not_depend_on_its_company():
    motion = torch.randn(50, 2)
    whole = motion_colours(motion, ONE)
    chunks = torch.cat([motion_colours(chunk, ONE) for chunk in motion.split(7)])
    assert torch.equal(whole, chunks)


def test_motion_counts_in_the_picture_s_longer_side():
    motion = plane_motion(torch.tensor([[0.1, 0.1]]), ImagePlane(height=300, width=600))
    torch.testing.assert_close(motion, torch.tensor([[0.1, 0.05]]))


@pytest.mark.parametrize(("reference_time", "farthest"), [(0.5, 0.2), (0.0, 0.2), (0.75, 0.15)])
def test_largest_motion_of_all_frames_since_the_reference_frame(reference_time, farthest):
    field = DeformedField(GridField(60, 60), Swing())
    times = [i / 10 for i in range(11)]
    found = largest_motion(field, ImagePlane(60, 60), times, reference_time)
    assert found.item() == pytest.approx(farthest, abs=1e-5) and not found.requires_grad
