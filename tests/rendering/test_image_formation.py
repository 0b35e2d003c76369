"""Light through blur, exposure and response, with every part left out in turn."""

from __future__ import annotations

import math

import pytest
import torch
from neucam_nerfstudio.camera.blur.taps import Taps
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.rendering.image_formation import blur_radius_px, develop, image_radiance
from neucam_nerfstudio.scene.scene_field import SceneField
from torch import Tensor

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera

UV = torch.tensor([[0.5, 0.5], [0.25, 0.5]])
NOW = torch.zeros(2, 1)
STOPS = torch.zeros(2, 1)


class Ramp(SceneField):
    """Grey light that doubles from u = 0 to u = 1."""

    def log_radiance(self, uv: Tensor, times: Tensor) -> Tensor:
        return math.log(2) * uv[..., :1].expand(*uv.shape[:-1], 3) + times


class LeftAndRight(BlurGenerator):
    """Two taps of equal weight, a quarter of the picture times aperture and focus position to either side."""

    picture_size_px = torch.tensor([8.0, 8.0])

    def forward(self, uv: Tensor, times: Tensor, focus_position: Tensor, aperture: float) -> Taps:
        step = aperture * focus_position * torch.tensor([0.25, 0.0])
        return Taps(torch.stack([uv - step, uv + step], 1), torch.full((len(uv), 2), 0.5))

    @property
    def largest_radius_px(self) -> Tensor:
        return torch.tensor(4.0)


class SquareRoot(CameraResponse):
    """Pixel value = sqrt(exposure), clipped."""

    def forward(self, log_exposure: Tensor) -> Tensor:
        return (log_exposure / 2).exp().clamp(max=1)


def camera(blur: BlurGenerator | None = None, mixing: str = "light") -> ImplicitCamera:
    return ImplicitCamera(FocusPositions((0.0,)), blur, SettingExposures((0.0,), 0, "fix"), None, mixing)


def settings(aperture: float = 1.0, focus_position: float = 1.0) -> CameraSettings:
    return CameraSettings(torch.full((2, 1), focus_position), STOPS, aperture)


def light(u: float) -> float:
    return 2.0**u


@pytest.mark.parametrize(
    ("blur", "aperture"),
    [pytest.param(None, 1.0, id="no blur generator"), pytest.param(LeftAndRight(), 0.0, id="aperture closed")],
)
def test_without_blur_the_sensor_gets_the_scene_itself(blur, aperture):
    radiance, taps = image_radiance(Ramp(), camera(blur), UV, NOW, settings(aperture))
    assert taps is None
    torch.testing.assert_close(radiance[:, 0], torch.tensor([light(0.5), light(0.25)]))


def test_blur_sums_light():
    radiance, taps = image_radiance(Ramp(), camera(LeftAndRight()), UV, NOW, settings())
    assert taps.uv.shape == (2, 2, 2)
    expected = [(light(0.25) + light(0.75)) / 2, (light(0.0) + light(0.5)) / 2]
    torch.testing.assert_close(radiance, torch.tensor(expected)[:, None].expand(2, 3))


def test_published_blur_sums_logarithms():
    radiance, _ = image_radiance(Ramp(), camera(LeftAndRight(), "log-light"), UV, NOW, settings())
    torch.testing.assert_close(radiance[:, 0], torch.tensor([light(0.5), light(0.25)]))


def test_focus_and_aperture_reach_the_blur_generator():
    wide = image_radiance(Ramp(), camera(LeftAndRight()), UV, NOW, settings(aperture=2.0, focus_position=0.5))
    torch.testing.assert_close(wide, image_radiance(Ramp(), camera(LeftAndRight()), UV, NOW, settings()))


def test_all_taps_are_taken_at_the_ray_s_time():
    later, _ = image_radiance(Ramp(), camera(LeftAndRight()), UV, NOW + torch.tensor([[0.0], [1.0]]), settings())
    now, _ = image_radiance(Ramp(), camera(LeftAndRight()), UV, NOW, settings())
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


def test_radius_of_taps_by_hand():
    # Two taps 3 px to either side: an even disc with their mean square distance, r^2 / 2 = 9, has r = sqrt(18).
    uv = torch.tensor([[0.5, 0.5]])
    taps = Taps(torch.tensor([[[0.5 - 3 / 10, 0.5], [0.5 + 3 / 10, 0.5]]]), torch.tensor([[0.5, 0.5]]))
    radius_px = blur_radius_px(taps, uv, torch.tensor([10.0, 20.0]))
    assert radius_px.shape == (1, 1) and radius_px.item() == pytest.approx(math.sqrt(18), rel=1e-5)


def test_radius_is_in_pixels_whatever_the_shape_of_the_picture():
    uv, weights = torch.tensor([[0.5, 0.5]]), torch.ones(1, 1)
    right = blur_radius_px(Taps(torch.tensor([[[0.6, 0.5]]]), weights), uv, torch.tensor([40.0, 10.0]))
    down = blur_radius_px(Taps(torch.tensor([[[0.5, 0.9]]]), weights), uv, torch.tensor([40.0, 10.0]))
    torch.testing.assert_close(right, down)
