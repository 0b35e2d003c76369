"""Image formation: from the scene's radiance through blur, exposure and response to pixel values. Everything that
renders calls this, and differs only in the settings and parts it leaves on."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import assert_never

from neucam_nerfstudio.camera.blur.taps import Taps, mix_light, mix_log_light
from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.camera.response.camera_response import CameraResponse
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.scene.scene_field import SceneField

DARKNESS = 1e-6
"""Radiance added before logarithms, which keeps the dark finite."""


def image_radiance(
    scene: SceneField,
    camera: ImplicitCamera,
    uv: Float[Tensor, "rays 2"],
    times: Float[Tensor, "rays 1"],
    settings: CameraSettings,
) -> tuple[Float[Tensor, "rays 3"], Taps | None]:
    """Linear radiance that reaches the sensor, and the taps it was collected from; no taps where nothing is blurred."""
    if camera.blur is None or settings.aperture == 0:
        return scene.radiance(uv, times), None
    taps = camera.blur(uv, times, settings.focus_position, settings.aperture)
    tap_times = times[:, None].expand(-1, taps.uv.shape[1], -1)
    if camera.mixing == "light":
        return mix_light(scene.radiance(taps.uv, tap_times), taps.weights), taps
    if camera.mixing == "log-light":
        return mix_log_light(scene.log_radiance(taps.uv, tap_times), taps.weights).exp(), taps
    assert_never(camera.mixing)


def develop(
    response: CameraResponse | None,
    radiance: Float[Tensor, "rays 3"],
    exposure_stops: Float[Tensor, "rays exposures"],
) -> Float[Tensor, "rays exposures 3"]:
    """Pixel values in [0, 1] of light on the sensor at each of its exposures (paper, section 3.3)."""
    log_exposure = torch.log(radiance + DARKNESS)[:, None] + LN2 * exposure_stops[..., None]
    if response is None:
        return log_exposure.exp().clamp(0, 1)
    return response(log_exposure)


def blur_radius_px(
    taps: Taps, uv: Float[Tensor, "rays 2"], picture_size_px: Float[Tensor, " 2"]
) -> Float[Tensor, "rays 1"]:
    """Radius in pixels of the even disc that spreads light as far, in the mean square, as these taps do."""
    square_distance_px = ((taps.uv - uv[:, None]) * picture_size_px).square().sum(-1)
    return (2 * (taps.weights * square_distance_px).sum(-1, keepdim=True)).sqrt()
