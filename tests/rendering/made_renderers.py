"""Small scenes, lenses and renderers of them, for tests of what is rendered."""

from __future__ import annotations

import math

import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator
from neucam_nerfstudio.camera.blur.lens import LensBlur, LensBlurConfig
from neucam_nerfstudio.camera.exposure.exposures import SettingExposures, SettingExposuresConfig
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.rendering.outputs import Renderer
from neucam_nerfstudio.rendering.view import View, front_view
from neucam_nerfstudio.scene.grid_field import GridField
from neucam_nerfstudio.scene.plane_field import PlaneField
from neucam_nerfstudio.scene.scene import PlanarScene, Rays

from ..learned import capture_of, moving_capture_of
from ..scene.made_fields import Level

HEIGHT, WIDTH = 12, 16
CAPTURE = capture_of(HEIGHT, WIDTH)
MOVING = moving_capture_of(HEIGHT, WIDTH, (0.0, 0.5, 1.0))


class SquareRoot(CameraResponse):
    """Pixel value = sqrt(exposure), clipped."""

    def forward(self, log_exposure):
        return (log_exposure / 2).exp().clamp(max=1)


def scene_of(field: PlaneField, capture=CAPTURE) -> PlanarScene:
    return PlanarScene(field, capture)


def varied_scene() -> PlanarScene:
    """Light that varies from pixel to pixel, up to 50."""
    torch.manual_seed(0)
    field = GridField(HEIGHT, WIDTH)
    field.pyramid.start_from(torch.rand(HEIGHT, WIDTH, 3) * 6 - 2)
    return scene_of(field)


def ramp() -> torch.Tensor:
    """Defocus from -1 at the left to 1 at the right."""
    return torch.linspace(-1, 1, WIDTH).expand(HEIGHT, WIDTH)[..., None]


def lens(defocus: torch.Tensor | None = None, radius_px: float = 2.0) -> LensBlur:
    blur = LensBlur(LensBlurConfig(), CAPTURE, scene_of(Level(0.0))).eval()
    if defocus is not None:
        blur.defocus.start_from(defocus)
    with torch.no_grad():
        blur.log_radius_px.fill_(math.log(radius_px))
    return blur


def renderer_of(scene: PlanarScene, blur: BlurGenerator | None = None, capture=CAPTURE) -> Renderer:
    exposures = SettingExposures(SettingExposuresConfig(), capture)
    camera = ImplicitCamera(capture, blur, exposures, SquareRoot())
    return Renderer(scene, camera, HEIGHT, WIDTH, capture.times[capture.reference_index])


def front() -> View:
    return front_view(scene_of(Level(0.0)).plane, "cpu")


def rendered(scene, blur, names=None, **settings) -> dict[str, torch.Tensor]:
    renderer = renderer_of(scene, blur)
    return renderer.render(front(), CameraSettings(**settings), names or renderer.output_names())


def rays_of(view: View) -> Rays:
    origins, directions = view.rays_of_rows(slice(None))
    return Rays(origins, directions, torch.zeros_like(origins[:, :1]))
