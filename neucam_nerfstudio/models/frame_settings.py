"""Which settings a ray is taken with: those of the frame it belongs to, else what the dials say."""

from __future__ import annotations

import torch
from nerfstudio.cameras.rays import RayBundle

from neucam_nerfstudio.camera.implicit_camera import CameraSettings, ImplicitCamera
from neucam_nerfstudio.capture.capture import Capture
from neucam_nerfstudio.models.dials import DialSettings


def exposures_differ(capture: Capture) -> bool:
    """Whether the training frames may have been exposed differently, without which no response can be learned."""
    settings = {capture.frames[index].exposure_index for index in capture.train_indices}
    return len({capture.exposures.stops[setting] for setting in settings}) > 1 or capture.exposures.mode == "learn"


def settings_of_rays(camera: ImplicitCamera, rays: RayBundle, dials: DialSettings) -> CameraSettings:
    """Settings as they are learned now for rays of captured frames; other cameras (viewer, paths) take the dials'."""
    if "focus_index" in rays.metadata:
        focus_position = camera.focus(rays.metadata["focus_index"].long())
        return CameraSettings(focus_position, camera.exposures(rays.metadata["exposure_index"].long()))
    column = torch.ones_like(rays.origins[..., :1])
    return CameraSettings(dials.focus_position * column, dials.exposure_stops * column, dials.aperture)
