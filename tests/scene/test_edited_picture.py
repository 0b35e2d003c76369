import math

import pytest
import torch

from neucam_nerfstudio.scene.edited_picture import EditedFrames, EditedPicture
from neucam_nerfstudio.scene.frame_grids import FrameMotion, FramePictures
from neucam_nerfstudio.scene.grid_field import GridField


def edited_scene() -> tuple[GridField, EditedPicture]:
    """A gradient of 8 x 12 pixels, with a light of 7 painted over the right half."""
    original = GridField(8, 12)
    original.pyramid.start_from(torch.linspace(-1, 1, 12)[None, :, None].expand(8, -1, 3))
    changed = (torch.arange(12) >= 6).expand(8, -1)
    return original, EditedPicture(original, torch.full((8, 12, 3), 7.0), changed)


def test_edited_pixels_are_the_edit_and_others_untouched():
    original, edited = edited_scene()
    uv = torch.stack(torch.meshgrid((torch.arange(12) + 0.5) / 12, (torch.arange(8) + 0.5) / 8, indexing="xy"), -1)
    radiance = edited.radiance(uv, torch.zeros(8, 12, 1))
    torch.testing.assert_close(radiance[:, 6:], torch.full((8, 6, 3), 7.0))
    assert torch.equal(radiance[:, :6], original.radiance(uv, torch.zeros(8, 12, 1))[:, :6])
    torch.testing.assert_close(edited.log_radiance(uv, torch.zeros(8, 12, 1)).exp(), radiance)


def test_between_pixels_the_edit_does_not_let_the_original_through():
    _, edited = edited_scene()
    uv = (
        torch.rand(50, 2, generator=torch.Generator().manual_seed(0))
        * torch.tensor([5.0, 7.0])
        / torch.tensor([12.0, 8.0])
    )
    inside = uv + torch.tensor([6.5 / 12, 0.5 / 8])
    torch.testing.assert_close(edited.radiance(inside, inside[:, :1]), torch.full((50, 3), 7.0))


def test_at_the_border_of_an_edit_both_fade():
    original, edited = edited_scene()
    at_border = torch.tensor([[6 / 12, 0.5]])
    expected = (original.radiance(at_border, at_border[:, :1]) + 7.0) / 2
    torch.testing.assert_close(edited.radiance(at_border, at_border[:, :1]), expected)


@pytest.mark.parametrize(
    ("stops_off", "share"), [(0.0, 1.0), (0.5, math.exp(-((0.5 * math.log(2) / 0.7) ** 2))), (4.0, 0.0)]
)
def test_frames_take_the_edit_where_they_show_the_same_surface(stops_off, share):
    """The shared picture is a light of 1, painted over with 7 on the right; frames show it some stops too bright."""
    before, after = GridField(8, 12), GridField(8, 12)
    after.pyramid.start_from((torch.arange(12) >= 6).float()[None, :, None].expand(8, -1, 3) * math.log(7))
    frames = FramePictures(torch.tensor([0.0, 1.0]), 8, 12)
    frames.start_from(torch.full((2, 8, 12, 3), stops_off * math.log(2)))
    edited = EditedFrames(frames, FrameMotion(torch.tensor([0.0, 1.0]), 8, 12), before, after)
    uv, times = torch.tensor([[0.9, 0.5], [0.1, 0.5]]), torch.tensor([[0.5], [0.5]])
    own = 2.0**stops_off
    expected = torch.tensor([[own + share * (7 - own)] * 3, [own] * 3])
    torch.testing.assert_close(edited.radiance(uv, times), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(edited.log_radiance(uv, times).exp(), edited.radiance(uv, times))


def test_frames_take_the_edit_along_their_motion():
    before, after = GridField(8, 12), GridField(8, 12)
    after.pyramid.start_from((torch.arange(12) >= 6).float()[None, :, None].expand(8, -1, 3))
    motion = FrameMotion(torch.tensor([0.0, 1.0]), 8, 12)
    motion.start_from(torch.tensor([0.0, 4.0])[:, None, None, None] * torch.tensor([1.0, 0.0]).expand(2, 8, 12, 2))
    edited = EditedFrames(FramePictures(torch.tensor([0.0, 1.0]), 8, 12), motion, before, after)
    at_column_3 = torch.tensor([[3.5 / 12, 0.5]] * 2)
    light = edited.radiance(at_column_3, torch.tensor([[0.0], [1.0]]))
    torch.testing.assert_close(light[:, 0], torch.tensor([1.0, math.e]), rtol=1e-3, atol=1e-3)
