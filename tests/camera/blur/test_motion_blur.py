"""While the shutter is open a pixel sees what passes it along the scene's motion."""

from __future__ import annotations

import math

import pytest
import torch
from neucam_nerfstudio.rendering.image_formation import blur_radius_px
from neucam_nerfstudio.scene.frame_motion import FrameMotion

from neucam_nerfstudio.camera.blur.motion_blur import RENDER_TAPS, TRAIN_TAPS, MotionBlur

HEIGHT, WIDTH = 16, 32
TIMES = torch.tensor([0.0, 0.5, 1.0])
CENTRE, FOCUS = torch.tensor([[0.5, 0.5]]), torch.zeros(1, 1)


@pytest.fixture()
def blur() -> MotionBlur:
    """All moves 4 px to the right between the first two frames, then 6 px down."""
    motion = FrameMotion(TIMES, HEIGHT, WIDTH)
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[1:, ..., 0] = 4.0
    offsets[2:, ..., 1] = 6.0
    motion.start_from(offsets)
    return MotionBlur(motion).eval()


def offsets_px(blur: MotionBlur, time: float, aperture: float = 1.0) -> torch.Tensor:
    taps = blur(CENTRE, torch.tensor([[time]]), FOCUS, aperture)
    return (taps.uv[0] - CENTRE) * torch.tensor([WIDTH, HEIGHT])


def test_an_open_shutter_sees_half_an_interval_before_and_after(blur):
    """From 2 px to the left over the pixel itself to 3 px below, in even steps of time."""
    offsets = offsets_px(blur, 0.5)
    assert offsets.shape == (RENDER_TAPS, 2)
    first, last = 1 - 1 / RENDER_TAPS, RENDER_TAPS // 2
    torch.testing.assert_close(offsets[0], torch.tensor([-2.0 * first, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(offsets[last], torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(offsets[-1], torch.tensor([0.0, 3.0 * first]), atol=1e-4, rtol=0)


def test_taps_find_what_the_pixel_saw_where_places_move_differently(blur):
    """Places move apart by an eighth from frame to frame: what the pixel saw is missed by an eighth of what going as
    far off as the pixel's own motion went would miss it by."""
    growth = 1 / 8
    across_px = torch.arange(WIDTH) + 0.5
    motion = blur.place_at.__self__
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[..., 0] = growth * torch.tensor([0.0, 1.0, 2.0])[:, None, None] * across_px
    motion.start_from(offsets)
    time = torch.tensor([[0.5]])
    closing = blur(CENTRE, time, FOCUS, 1.0).uv[:, -1]
    moment = time + (1 - 1 / RENDER_TAPS) * blur.frame_interval / 2
    missed = (motion(closing, time) - motion(CENTRE, moment)).norm()
    own_motion = CENTRE + motion(CENTRE, moment) - motion(CENTRE, time)
    missed_by_own_motion = (motion(own_motion, time) - motion(CENTRE, moment)).norm()
    assert missed.item() == pytest.approx(growth * missed_by_own_motion.item(), rel=0.1)


def test_at_the_ends_of_the_capture_the_motion_is_what_was_learned_there(blur):
    assert offsets_px(blur, 0.0)[0].abs().max() < 1e-5
    with torch.no_grad():
        blur.place_at.__self__.offset_px.grids[0][0, 0] -= 4.0
    assert offsets_px(blur, 0.0)[0, 0].item() == pytest.approx(-2.0 * (1 - 1 / RENDER_TAPS), abs=1e-4)


@pytest.mark.parametrize("aperture", [0.5, 1.0, 1.5])
def test_the_dial_scales_the_open_time(blur, aperture):
    torch.testing.assert_close(offsets_px(blur, 0.5, aperture), aperture * offsets_px(blur, 0.5))


def test_share_of_the_interval_is_learned(blur):
    with torch.no_grad():
        blur.log_open_share.fill_(math.log(0.5))
    assert offsets_px(blur, 0.5)[0, 0].item() == pytest.approx(-(1 - 1 / RENDER_TAPS), abs=1e-4)
    blur(CENTRE, torch.tensor([[0.5]]), FOCUS, 1.0).uv.square().sum().backward()
    assert blur.log_open_share.grad.abs() > 0


def test_the_residual_weighs_the_ends(blur):
    even = blur(CENTRE, torch.tensor([[0.5]]), FOCUS, 1.0).weights
    torch.testing.assert_close(even, torch.full((1, RENDER_TAPS), 1 / RENDER_TAPS))
    with torch.no_grad():
        blur.end_log_weight.fill_(-1.0)
    weights = blur(CENTRE, torch.tensor([[0.5]]), FOCUS, 1.0).weights[0]
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)
    ends_beside_middle = (weights[0] / weights[RENDER_TAPS // 2]).item()
    assert ends_beside_middle == pytest.approx(math.exp(-((1 - 1 / RENDER_TAPS) ** 2)), rel=1e-4)


def test_training_rays_look_at_random_moments_of_the_same_time(blur):
    blur.train()
    uv, times = CENTRE.expand(4000, 2), torch.full((4000, 1), 0.5)
    taps = blur(uv, times, FOCUS.expand(4000, 1), 1.0)
    assert taps.uv.shape == (4000, TRAIN_TAPS, 2)
    mean_px = ((taps.uv - uv[:, None]) * torch.tensor([WIDTH, HEIGHT])).mean((0, 1))
    torch.testing.assert_close(mean_px, torch.tensor([-0.5, 0.75]), atol=0.01, rtol=0)
    assert not torch.equal(taps.uv[0], taps.uv[1])


def test_gradients_reach_the_motion_but_its_parameters_are_the_scene_s(blur):
    blur(CENTRE, torch.tensor([[0.5]]), FOCUS, 1.0).uv.square().sum().backward()
    motion = blur.place_at.__self__
    assert motion.offset_px.grids[0].grad.any()
    assert {id(p) for p in blur.parameters()}.isdisjoint(id(p) for p in motion.parameters())


def test_largest_radius_is_that_of_the_fastest_even_motion(blur):
    """6 px from frame to frame."""
    motion = blur.place_at.__self__
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[:, ..., 0] = torch.tensor([0.0, 6.0, 12.0])[:, None, None]
    motion.start_from(offsets)
    taps = blur(CENTRE, torch.tensor([[0.5]]), FOCUS, 1.0)
    radius = blur_radius_px(taps, CENTRE, blur.picture_size_px)
    assert radius.item() == pytest.approx(blur.largest_radius_px.item(), rel=2e-3)
    motion.start_from(2 * offsets)
    assert blur.largest_radius_px.item() == pytest.approx(2 * radius.item(), rel=2e-3)
