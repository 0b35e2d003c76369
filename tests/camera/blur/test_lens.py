"""The lens spreads a pixel over an even disc whose radius is its distance from the focus."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from neucam_nerfstudio.camera.blur.lens import LensBlur, LensBlurConfig, disc_taps
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import TrainingRays
from neucam_nerfstudio.scene.scene import PlanePlaces

from ...learned import capture_of, learn

HEIGHT, WIDTH = 20, 40
CENTRE = torch.tensor([[0.5, 0.5]])
CENTRE_NOW = PlanePlaces(CENTRE, torch.zeros(1, 1))


def lens_of(height: int, width: int, **config: float) -> LensBlur:
    return learn(capture_of(height, width), blur=LensBlurConfig(**config)).camera.blur


def lens_at(defocus: float, radius_px: float = 4.0, rim_log_weight: tuple[float, float] = (0.0, 0.0)) -> LensBlur:
    """A lens before an even plane, ready to render."""
    lens = lens_of(HEIGHT, WIDTH).eval()
    lens.defocus.start_from(torch.full((HEIGHT, WIDTH, 1), defocus))
    with torch.no_grad():
        lens.log_radius_px.fill_(math.log(radius_px))
        lens.rim_log_weight.copy_(torch.tensor(rim_log_weight))
    return lens


def focus(position: float, rays: int = 1) -> torch.Tensor:
    return torch.full((rays, 1), position)


def at(position: float, aperture: float = 1.0) -> CameraSettings:
    """Settings of one ray at a focus position."""
    return CameraSettings(focus(position), aperture)


def offsets_px(taps, uv=CENTRE) -> torch.Tensor:
    return (taps.places.uv - uv[:, None]) * torch.tensor([WIDTH, HEIGHT])


@given(num_taps=st.integers(1, 200))
def test_disc_is_filled_as_an_even_disc_is(num_taps):
    square_radius = disc_taps(num_taps).square().sum(-1)
    assert square_radius.max() <= 1
    # The area within radius r holds a share r^2 of the taps, so that the mean of r^2 is 1/2.
    torch.testing.assert_close(square_radius, (torch.arange(num_taps) + 0.5) / num_taps)
    assert square_radius.mean().item() == pytest.approx(0.5, abs=1e-5)


@pytest.mark.parametrize("num_taps", [12, 64])
def test_disc_leans_nowhere(num_taps):
    disc = disc_taps(num_taps)
    assert disc.mean(0).norm() < 0.12
    second_moment = disc.T @ disc / num_taps
    torch.testing.assert_close(second_moment, torch.eye(2) / 4, atol=0.5 / num_taps, rtol=0)


def test_radius_by_hand():
    lens = lens_at(defocus=0.5, radius_px=4.0)
    for position, expected in ((-0.25, 3.0), (0.5, 0.0), (1.0, -2.0)):
        assert lens.signed_radius_px(CENTRE, focus(position)).item() == pytest.approx(expected, abs=1e-6)


def test_in_focus_every_tap_is_the_pixel():
    taps = lens_at(defocus=0.3)(CENTRE_NOW, at(0.3))
    torch.testing.assert_close(taps.places.uv, CENTRE[:, None].expand_as(taps.places.uv))


@pytest.mark.parametrize("position", [-1.0, 2.0])
def test_disc_has_the_radius_in_pixels_both_ways_and_on_both_sides_of_the_focus(position):
    lens = lens_at(defocus=0.5, radius_px=4.0)
    taps = lens(CENTRE_NOW, at(position))
    offsets, weights = offsets_px(taps)[0], taps.weights[0, :, None]
    second_moment = (weights * offsets).T @ offsets
    # An even disc of radius r spreads r^2 / 4 along each axis.
    torch.testing.assert_close(second_moment, torch.eye(2) * 6.0**2 / 4, atol=0.05 * 9, rtol=0)
    assert lens.radius_px(CENTRE_NOW, taps).item() == pytest.approx(6.0, rel=1e-4)


@pytest.mark.parametrize("aperture", [0.0, 0.5, 3.0])
def test_aperture_scales_the_disc_and_leaves_the_weights(aperture):
    lens = lens_at(defocus=1.0, rim_log_weight=(0.5, -0.5))
    shot, dialled = lens(CENTRE_NOW, at(0.0)), lens(CENTRE_NOW, at(0.0, aperture))
    torch.testing.assert_close(offsets_px(dialled), aperture * offsets_px(shot), atol=1e-4, rtol=0)
    assert torch.equal(dialled.weights, shot.weights)


@given(rim=st.tuples(st.floats(-20, 20), st.floats(-20, 20)), defocus=st.floats(-3, 3), is_training=st.booleans())
def test_weights_are_shares_of_one_whatever_was_learned(rim, defocus, is_training):
    weights = lens_at(defocus, rim_log_weight=rim).train(is_training)(CENTRE_NOW, at(0.0)).weights
    assert (weights >= 0).all()
    assert weights.sum().item() == pytest.approx(1.0, abs=1e-5)


def test_disc_is_even_until_a_residual_is_learned():
    weights = lens_at(defocus=1.0)(CENTRE_NOW, at(0.0)).weights
    torch.testing.assert_close(weights, torch.full_like(weights, 1 / weights.shape[1]))


def test_residual_acts_apart_in_front_of_and_behind_the_focus():
    lens = lens_at(defocus=0.0, radius_px=8.0, rim_log_weight=(2.0, -2.0))
    one_side, other_side = (lens(CENTRE_NOW, at(position)).weights[0] for position in (-1.0, 1.0))
    assert (one_side.diff() > 0).all()
    assert (other_side.diff() < 0).all()


def test_pictures_are_rendered_without_grain():
    lens = lens_at(defocus=1.0)
    first, again = lens(CENTRE_NOW, at(0.0)), lens(CENTRE_NOW, at(0.0))
    assert torch.equal(first.places.uv, again.places.uv)


def test_training_rays_turn_the_disc_each_in_its_own_way():
    lens = lens_at(defocus=1.0, radius_px=2.0).train()
    uv = CENTRE.expand(2000, 2)
    places = PlanePlaces(uv, torch.zeros(2000, 1))
    offsets = offsets_px(lens(places, CameraSettings(focus(0.0, 2000))), uv)
    assert not torch.allclose(offsets[0], offsets[1], atol=1e-3)
    assert offsets[:, -1].mean(0).norm() < 0.15  # the outermost tap comes to lie all around
    torch.testing.assert_close(offsets.square().mean((0, 1)), torch.tensor([1.0, 1.0]), atol=0.05, rtol=0)


def test_defocus_belongs_to_the_place():
    lens = lens_at(defocus=0.0, radius_px=1.0)
    ramp = ((torch.arange(WIDTH) + 0.5) / WIDTH).expand(HEIGHT, WIDTH)[..., None]
    lens.defocus.start_from(ramp)
    uv = torch.tensor([[0.25, 0.5], [0.75, 0.1]])
    torch.testing.assert_close(lens.signed_radius_px(uv, focus(0.0, 2)), torch.tensor([[0.25], [0.75]]))


def test_largest_radius_is_that_of_the_far_end_seen_from_the_near_end():
    lens = lens_at(defocus=0.0, radius_px=4.0)
    picture = torch.zeros(HEIGHT, WIDTH, 1)
    picture[3, 7], picture[11, 20] = -0.5, 1.0
    lens.defocus.start_from(picture)
    assert lens.largest_radius_px.item() == pytest.approx(6.0)
    lens.defocus.start_from(2 * picture)
    assert lens.largest_radius_px.item() == pytest.approx(12.0)


def test_everything_learns_from_where_light_is_taken():
    lens = lens_at(defocus=0.5).train()
    position = focus(0.0).requires_grad_()
    taps = lens(CENTRE_NOW, CameraSettings(position))
    light = torch.einsum("rkc,rk->", (taps.places.uv - CENTRE).square(), taps.weights)
    light.backward()
    learned = {name: parameter.grad for name, parameter in lens.named_parameters()}
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in learned.values()), learned.keys()
    assert position.grad.item() < 0  # nearer to the defocus is sharper


def test_blur_grows_as_the_gradient_says():
    lens = lens_at(defocus=0.5, radius_px=4.0)
    position = focus(0.0).double().float().requires_grad_()
    radius = lens.radius_px(CENTRE_NOW, lens(CENTRE_NOW, CameraSettings(position)))
    (slope,) = torch.autograd.grad(radius.sum(), position)
    assert slope.item() == pytest.approx(-4.0, rel=1e-3)


def test_a_place_is_sharp_at_its_defocus():
    lens = lens_at(defocus=0.0)
    lens.defocus.start_from(((torch.arange(WIDTH) + 0.5) / WIDTH).expand(HEIGHT, WIDTH)[..., None])
    places = PlanePlaces(torch.tensor([[0.25, 0.5], [0.75, 0.1]]), torch.zeros(2, 1))
    torch.testing.assert_close(lens.sharp_focus_position(places), torch.tensor([[0.25], [0.75]]))


def test_defocus_variation_by_hand():
    rays = TrainingRays(CENTRE_NOW, torch.zeros(1, dtype=torch.long), step=0)
    lens = lens_of(2, 2, variation_mult=3.0)
    lens.defocus.start_from(torch.tensor([[[0.0], [1.0]], [[0.0], [1.0]]]))
    assert {name: loss.item() for name, loss in lens.losses(rays).items()} == {"defocus_variation": pytest.approx(3.0)}
    assert lens_of(2, 2, variation_mult=0.0).losses(rays) == {}


def test_what_is_worth_watching_is_the_radius():
    assert lens_at(defocus=0.0, radius_px=4.0).metrics()["blur_radius_px"].item() == pytest.approx(4.0)


def test_a_large_picture_is_learned_on_a_coarser_grid():
    assert lens_of(20, 40, most_learned_cells=200).defocus.grids[0].shape[-2:] == (10, 20)
    with pytest.raises(NeucamError, match="blur.most-learned-cells 0: expected at least 1"):
        lens_of(20, 40, most_learned_cells=0)
