"""While the shutter is open a pixel sees what passes it along the scene's motion."""

from __future__ import annotations

import math

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import Taps
from neucam_nerfstudio.camera.blur.motion_blur import RENDER_TAPS, TRAIN_TAPS, MotionBlur, MotionBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scene.frame_grids import FrameMotion
from neucam_nerfstudio.scene.moving_scene import MovingGridScene, MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces

from ...learned import capture_of, learn, moving_capture_of

HEIGHT, WIDTH = 16, 32
CENTRE = torch.tensor([[0.5, 0.5]])


@pytest.fixture()
def scene() -> MovingGridScene:
    return MovingGridScene(MovingGridSceneConfig(), moving_capture_of(HEIGHT, WIDTH, (0.0, 0.5, 1.0)))


@pytest.fixture()
def motion(scene) -> FrameMotion:
    """All moves 4 px to the right between the first two frames, then 6 px down."""
    motion = scene.field.motion
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[1:, ..., 0] = 4.0
    offsets[2:, ..., 1] = 6.0
    motion.start_from(offsets)
    return motion


@pytest.fixture()
def blur(scene, motion) -> MotionBlur:
    return MotionBlur(MotionBlurConfig(), moving_capture_of(HEIGHT, WIDTH, (0.0, 0.5, 1.0)), scene).eval()


def taps_at(blur: MotionBlur, time: float, aperture: float = 1.0) -> Taps:
    """Taps of the middle of the picture; the focus makes no difference."""
    return blur(PlanePlaces(CENTRE, torch.tensor([[time]])), CameraSettings(None, aperture))


def offsets_px(blur: MotionBlur, time: float, aperture: float = 1.0) -> torch.Tensor:
    return (taps_at(blur, time, aperture).places.uv[0] - CENTRE) * torch.tensor([WIDTH, HEIGHT])


def test_an_open_shutter_sees_half_an_interval_before_and_after(blur):
    """From 2 px to the left over the pixel itself to 3 px below, in even steps of time."""
    offsets = offsets_px(blur, 0.5)
    assert offsets.shape == (RENDER_TAPS, 2)
    first, last = 1 - 1 / RENDER_TAPS, RENDER_TAPS // 2
    torch.testing.assert_close(offsets[0], torch.tensor([-2.0 * first, 0.0]), atol=1e-4, rtol=0)
    torch.testing.assert_close(offsets[last], torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(offsets[-1], torch.tensor([0.0, 3.0 * first]), atol=1e-4, rtol=0)


def test_taps_find_what_the_pixel_saw_where_places_move_differently(blur, motion):
    """Places move apart by an eighth from frame to frame: what the pixel saw is missed by an eighth of what going as
    far off as the pixel's own motion went would miss it by."""
    growth = 1 / 8
    across_px = torch.arange(WIDTH) + 0.5
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[..., 0] = growth * torch.tensor([0.0, 1.0, 2.0])[:, None, None] * across_px
    motion.start_from(offsets)
    time = torch.tensor([[0.5]])
    closing = taps_at(blur, 0.5).places.uv[:, -1]
    moment = time + (1 - 1 / RENDER_TAPS) * blur.frame_interval / 2
    missed = (motion(closing, time) - motion(CENTRE, moment)).norm()
    own_motion = CENTRE + motion(CENTRE, moment) - motion(CENTRE, time)
    missed_by_own_motion = (motion(own_motion, time) - motion(CENTRE, moment)).norm()
    assert missed.item() == pytest.approx(growth * missed_by_own_motion.item(), rel=0.1)


def test_at_the_ends_of_the_capture_the_motion_is_what_was_learned_there(blur, motion):
    assert offsets_px(blur, 0.0)[0].abs().max() < 1e-5
    with torch.no_grad():
        motion.offset_px.grids[0][0, 0] -= 4.0
    assert offsets_px(blur, 0.0)[0, 0].item() == pytest.approx(-2.0 * (1 - 1 / RENDER_TAPS), abs=1e-4)


@pytest.mark.parametrize("aperture", [0.5, 1.0, 1.5])
def test_the_dial_scales_the_open_time(blur, aperture):
    torch.testing.assert_close(offsets_px(blur, 0.5, aperture), aperture * offsets_px(blur, 0.5))


def test_share_of_the_interval_is_learned(blur):
    with torch.no_grad():
        blur.log_open_share.fill_(math.log(0.5))
    assert offsets_px(blur, 0.5)[0, 0].item() == pytest.approx(-(1 - 1 / RENDER_TAPS), abs=1e-4)
    taps_at(blur, 0.5).places.uv.square().sum().backward()
    assert blur.log_open_share.grad.abs() > 0


def test_the_residual_weighs_the_ends(blur):
    even = taps_at(blur, 0.5).weights
    torch.testing.assert_close(even, torch.full((1, RENDER_TAPS), 1 / RENDER_TAPS))
    with torch.no_grad():
        blur.end_log_weight.fill_(-1.0)
    weights = taps_at(blur, 0.5).weights[0]
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)
    ends_beside_middle = (weights[0] / weights[RENDER_TAPS // 2]).item()
    assert ends_beside_middle == pytest.approx(math.exp(-((1 - 1 / RENDER_TAPS) ** 2)), rel=1e-4)


def test_training_rays_look_at_random_moments_of_the_same_time(blur):
    blur.train()
    uv, times = CENTRE.expand(4000, 2), torch.full((4000, 1), 0.5)
    taps = blur(PlanePlaces(uv, times), CameraSettings())
    assert taps.places.uv.shape == (4000, TRAIN_TAPS, 2)
    mean_px = ((taps.places.uv - uv[:, None]) * torch.tensor([WIDTH, HEIGHT])).mean((0, 1))
    torch.testing.assert_close(mean_px, torch.tensor([-0.5, 0.75]), atol=0.01, rtol=0)
    assert not torch.equal(taps.places.uv[0], taps.places.uv[1])


def test_gradients_reach_the_motion_but_its_parameters_are_the_scene_s(blur, motion):
    taps_at(blur, 0.5).places.uv.square().sum().backward()
    assert motion.offset_px.grids[0].grad.any()
    assert {id(p) for p in blur.parameters()}.isdisjoint(id(p) for p in motion.parameters())


def test_largest_radius_is_that_of_the_fastest_even_motion(blur, motion):
    """6 px from frame to frame."""
    offsets = torch.zeros(3, HEIGHT, WIDTH, 2)
    offsets[:, ..., 0] = torch.tensor([0.0, 6.0, 12.0])[:, None, None]
    motion.start_from(offsets)
    taps = taps_at(blur, 0.5)
    radius = blur.radius_px(PlanePlaces(CENTRE, torch.tensor([[0.5]])), taps)
    assert radius.item() == pytest.approx(blur.largest_radius_px.item(), rel=2e-3)
    motion.start_from(2 * offsets)
    assert blur.largest_radius_px.item() == pytest.approx(2 * radius.item(), rel=2e-3)


def test_watched_is_the_open_share_and_the_focus_does_not_matter(blur):
    with torch.no_grad():
        blur.log_open_share.fill_(math.log(0.5))
    assert blur.metrics()["shutter_open_share"].item() == pytest.approx(0.5)
    assert not blur.depends_on_focus and [dial.setting for dial in blur.dials()] == ["aperture"]


def test_motion_blurs_only_a_scene_that_knows_it():
    with pytest.raises(NeucamError, match="--pipeline.model.blur motion: needs --pipeline.model.scene moving-grid"):
        learn(capture_of(HEIGHT, WIDTH), blur=MotionBlurConfig())
