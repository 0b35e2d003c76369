"""A moving field shows the shared picture where it moved to, and each frame's own picture where it covers that."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.scene.frame_grids import FrameMotion, FrameOpacity, FramePictures
from neucam_nerfstudio.scene.grid_field import CanvasField, margin_px
from neucam_nerfstudio.scene.moving_field import MovingGridField

TIMES = torch.tensor([0.0, 0.5, 1.0])
HEIGHT, WIDTH = 8, 16


def at(u: float, v: float, time: float) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.tensor([[u, v]]), torch.tensor([[time]])


def even_offsets(*right_px: float) -> torch.Tensor:
    """Each frame moved to the right by so many pixels."""
    offsets = torch.zeros(len(right_px), HEIGHT, WIDTH, 2)
    offsets[..., 0] = torch.tensor(right_px)[:, None, None]
    return offsets


@pytest.fixture()
def motion() -> FrameMotion:
    motion = FrameMotion(TIMES, HEIGHT, WIDTH)
    motion.start_from(even_offsets(0.0, 2.0, 8.0))
    return motion


@pytest.mark.parametrize(
    ("time", "right_px"), [(0.0, 0.0), (0.5, 2.0), (0.75, 5.0), (1.0, 8.0), (1.3, 8.0), (-0.4, 0.0)]
)
def test_motion_at_between_and_beyond_frames(motion, time, right_px):
    uv, times = at(0.25, 0.5, time)
    torch.testing.assert_close(motion(uv, times) - uv, torch.tensor([[right_px / WIDTH, 0.0]]))


def test_fastest_step(motion):
    assert motion.largest_step_px().item() == pytest.approx(6.0)
    assert motion.frame_interval == pytest.approx(0.5)


def test_uneven_frames_have_the_shortest_interval_and_the_farthest_step_within_it():
    motion = FrameMotion(torch.tensor([0.0, 0.2, 1.0]), HEIGHT, WIDTH)
    motion.start_from(even_offsets(0.0, 1.0, 9.0))
    assert motion.frame_interval == pytest.approx(0.2)
    assert motion.largest_step_px().item() == pytest.approx(2.0), "8 px in four times 0.2"


def test_opacity_starts_where_told_but_never_decided():
    opacity = FrameOpacity(TIMES, HEIGHT, WIDTH)
    start = torch.zeros(3, HEIGHT, WIDTH)
    start[1] = 1.0
    opacity.start_from(start)
    assert opacity(*at(0.5, 0.5, 0.0)).item() == pytest.approx(0.02, abs=1e-4)
    assert opacity(*at(0.5, 0.5, 0.5)).item() == pytest.approx(0.98, abs=1e-4)
    assert opacity(*at(0.5, 0.5, 0.25)).item() == pytest.approx(0.5, abs=1e-4)


def test_pictures_of_frames_and_between():
    pictures = FramePictures(TIMES, HEIGHT, WIDTH)
    pictures.start_from(torch.arange(3.0)[:, None, None, None].expand(3, HEIGHT, WIDTH, 3))
    assert pictures.log_radiance(*at(0.3, 0.3, 0.5)).tolist() == [pytest.approx([1.0] * 3)]
    assert pictures.log_radiance(*at(0.3, 0.3, 0.75)).tolist() == [pytest.approx([1.5] * 3)]
    assert not list(pictures.parameters())
    assert "pictures" in pictures.state_dict()


@pytest.fixture()
def field() -> MovingGridField:
    """The shared picture gets brighter to the right by e every 4 px; frames show radiance 100; nothing covers."""
    field = MovingGridField(TIMES, HEIGHT, WIDTH)
    down, right = margin_px(HEIGHT, WIDTH)
    across = (torch.arange(-right, WIDTH + right) / 4.0)[None, :, None].expand(HEIGHT + 2 * down, -1, 3)
    field.canonical.pyramid.start_from(across)
    field.motion.start_from(even_offsets(0.0, 4.0, 0.0))
    field.foreground.start_from(torch.full((3, HEIGHT, WIDTH, 3), math.log(100.0)))
    field.opacity.start_from(torch.full((3, HEIGHT, WIDTH), 0.5))
    return field


def test_layers_mix_light(field):
    uv, times = at(4.5 / WIDTH, 0.5, 0.5)
    layers = field.layers(uv, times)
    torch.testing.assert_close(layers.background, torch.full((1, 3), 2.0))
    torch.testing.assert_close(layers.foreground, torch.full((1, 3), math.log(100.0)))
    expected = torch.full((1, 3), (math.exp(2.0) + 100) / 2)
    torch.testing.assert_close(field.radiance(uv, times), expected)
    torch.testing.assert_close(field.log_radiance(uv, times), expected.log())


def test_motion_since_another_time(field):
    uv, times = at(0.25, 0.5, 0.5)
    moved = field.motion_uv(uv, times, torch.zeros_like(times))
    torch.testing.assert_close(moved, torch.tensor([[-4.0 / WIDTH, 0.0]]))


def test_the_shared_picture_goes_on_beyond_a_frame(field):
    """2 px of margin, seen by a frame that has moved 4 px to the right."""
    uv, times = at((WIDTH - 3.5) / WIDTH, 0.5, 0.5)
    layers = field.layers(uv, times)
    torch.testing.assert_close(layers.background, torch.full((1, 3), WIDTH / 4.0))
    assert layers.opacity.item() == pytest.approx(0.5, abs=1e-4)


def test_beyond_the_shared_picture_frames_cover_nothing(field):
    uv, times = at((WIDTH - 1.5) / WIDTH, 0.5, 0.5)
    assert field.layers(uv, times).opacity.item() == 1.0
    torch.testing.assert_close(field.radiance(uv, times), torch.full((1, 3), 100.0))


def test_canvas_shows_the_frame_s_places_at_the_frame_s_coordinates():
    canvas = CanvasField(16, 32)
    down, right = margin_px(16, 32)
    assert (down, right) == (2, 4)
    picture = torch.zeros(20, 40, 3)
    picture[down + 5, right + 7] = 1.0
    canvas.pyramid.start_from(picture)
    uv = torch.tensor([[7.5 / 32, 5.5 / 16]])
    torch.testing.assert_close(canvas.log_radiance(uv, torch.zeros(1, 1)), torch.ones(1, 3))
    assert canvas.covers(torch.tensor([[-0.12, 0.5], [-0.13, 0.5], [1.12, 1.12], [0.5, 1.13]])).flatten().tolist() == [
        1.0,
        0.0,
        1.0,
        0.0,
    ]
