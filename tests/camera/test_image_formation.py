"""Light through blur, exposure and response, with every part left out in turn."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator, Taps, mix_log_light
from neucam_nerfstudio.camera.image_formation import develop, sensor_radiance
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.scene.plane_field import PlaneField
from neucam_nerfstudio.scene.scene import PlanarScene, PlanePlaces

from ..learned import capture_of

NOW = torch.zeros(2, 1)
PLACES = PlanePlaces(torch.tensor([[0.5, 0.5], [0.25, 0.5]]), NOW)


class Ramp(PlaneField):
    """Grey light that doubles from u = 0 to u = 1, and grows by e from the first moment to the last."""

    def log_radiance(self, uv: Tensor, times: Tensor) -> Tensor:
        return math.log(2) * uv[..., :1].expand(*uv.shape[:-1], 3) + times


SCENE = PlanarScene(Ramp(), capture_of(8, 8))


class LeftAndRight(BlurGenerator[PlanePlaces]):
    """Two taps of equal weight, a quarter of the picture times aperture and focus position to either side."""

    def forward(self, places: PlanePlaces, settings: CameraSettings) -> Taps:
        step = settings.aperture * settings.focus_position * torch.tensor([0.25, 0.0])
        uv = torch.stack([places.uv - step, places.uv + step], 1)
        return Taps(PlanePlaces(uv, places.times[:, None].expand(-1, 2, -1)), torch.full((len(uv), 2), 0.5))

    def radius_px(self, places: PlanePlaces, taps: Taps) -> Tensor:
        return torch.full_like(places.times, 2.0)

    @property
    def largest_radius_px(self) -> Tensor:
        return torch.tensor(4.0)


class LogarithmsLeftAndRight(LeftAndRight):
    """Gathers light in a way of its own."""

    def gather(self, scene: PlanarScene, taps: Taps) -> Tensor:
        return mix_log_light(scene.log_radiance(taps.places), taps.weights).exp()


class SquareRoot(CameraResponse):
    """Pixel value = sqrt(exposure), clipped."""

    def forward(self, log_exposure: Tensor) -> Tensor:
        return (log_exposure / 2).exp().clamp(max=1)


def settings(aperture: float = 1.0, focus_position: float = 1.0) -> CameraSettings:
    return CameraSettings(torch.full((2, 1), focus_position), aperture)


def light(u: float) -> float:
    return 2.0**u


@pytest.mark.parametrize(
    ("blur", "aperture"),
    [pytest.param(None, 1.0, id="no blur generator"), pytest.param(LeftAndRight(), 0.0, id="aperture closed")],
)
def test_without_blur_the_sensor_gets_the_scene_itself(blur, aperture):
    radiance, taps = sensor_radiance(SCENE, blur, PLACES, settings(aperture))
    assert taps is None
    torch.testing.assert_close(radiance[:, 0], torch.tensor([light(0.5), light(0.25)]))


def test_blur_sums_light():
    radiance, taps = sensor_radiance(SCENE, LeftAndRight(), PLACES, settings())
    assert taps.places.uv.shape == (2, 2, 2)
    expected = [(light(0.25) + light(0.75)) / 2, (light(0.0) + light(0.5)) / 2]
    torch.testing.assert_close(radiance, torch.tensor(expected)[:, None].expand(2, 3))


def test_a_blur_generator_may_gather_in_a_way_of_its_own():
    radiance, _ = sensor_radiance(SCENE, LogarithmsLeftAndRight(), PLACES, settings())
    torch.testing.assert_close(radiance[:, 0], torch.tensor([light(0.5), light(0.25)]))


def test_focus_and_aperture_reach_the_blur_generator():
    wide, _ = sensor_radiance(SCENE, LeftAndRight(), PLACES, settings(aperture=2.0, focus_position=0.5))
    plain, _ = sensor_radiance(SCENE, LeftAndRight(), PLACES, settings())
    torch.testing.assert_close(wide, plain)


def test_all_taps_are_taken_at_the_ray_s_time():
    at_times = PLACES._replace(times=torch.tensor([[0.0], [1.0]]))
    later, _ = sensor_radiance(SCENE, LeftAndRight(), at_times, settings())
    now, _ = sensor_radiance(SCENE, LeftAndRight(), PLACES, settings())
    torch.testing.assert_close(later / now, torch.tensor([[1.0] * 3, [math.e] * 3]))


def test_one_light_is_developed_at_every_exposure():
    radiance = torch.tensor([[0.01, 0.04, 0.16]])
    ldr = develop(SquareRoot(), radiance, torch.tensor([[0.0, 2.0, -2.0]]))
    expected = torch.tensor([[[0.1, 0.2, 0.4], [0.2, 0.4, 0.8], [0.05, 0.1, 0.2]]])
    torch.testing.assert_close(ldr, expected, atol=1e-4, rtol=1e-3)


def test_without_a_response_pixel_values_are_light_clipped_at_white():
    ldr = develop(None, torch.tensor([[0.0, 0.25, 3.0]]), torch.tensor([[1.0]]))
    torch.testing.assert_close(ldr, torch.tensor([[[0.0, 0.5, 1.0]]]), atol=1e-5, rtol=0)


def test_darkness_is_developed_and_differentiated_without_infinities():
    radiance = torch.zeros(1, 3, requires_grad=True)
    ldr = develop(SquareRoot(), radiance, torch.tensor([[-3.0]]))
    ldr.sum().backward()
    assert ldr.isfinite().all() and radiance.grad.isfinite().all()
