"""Image formation: from the scene's radiance through blur, white balance, exposure and response to pixel values.

Everything that trains or renders calls this, and differs only in the settings and parts it leaves on.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.camera.blur.blur_generator import BlurGenerator, Taps
from neucam_nerfstudio.camera.response.response import CameraResponse
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.scene.scene import Places, Scene

DARKNESS = 1e-6
"""Radiance added before logarithms, which keeps the dark finite."""


def sensor_radiance(
    scene: Scene[Places], blur: BlurGenerator[Places] | None, places: Places, settings: CameraSettings
) -> tuple[Float[Tensor, "rays 3"], Taps[Places] | None]:
    """Linear radiance that reaches the sensor, and the taps it was collected from, see `BlurGenerator.spread`; no taps
    where nothing is blurred.

    Args:
        scene: What is photographed.
        blur: Of the camera; None leaves everything sharp.
        places: Where the rays look, in the scene's terms.
        settings: Focus position of each ray, and the aperture.
    """
    if blur is None or settings.is_sharp:
        return scene.radiance(places), None
    return blur.spread(scene, places, settings)


def develop(
    response: CameraResponse | None,
    radiance: Float[Tensor, "rays 3"],
    exposure_stops: Float[Tensor, "rays exposures"],
    log_gains: Float[Tensor, "#rays 3"] | None = None,
) -> Float[Tensor, "rays exposures 3"]:
    """Pixel values in [0, 1] of light on the sensor at each of its exposures (paper, section 3.3).

    Args:
        response: Of the camera; None leaves the light linear, clipped at 1.
        radiance: On the sensor.
        exposure_stops: One light may be developed at several exposures.
        log_gains: White balance: natural logarithms of each channel's gain of the light; None where there is none.
    """
    log_exposure = torch.log(radiance + DARKNESS)[:, None] + LN2 * exposure_stops[..., None]
    if log_gains is not None:
        log_exposure = log_exposure + log_gains[:, None]
    if response is None:
        return log_exposure.exp().clamp(0, 1)
    return response(log_exposure)
