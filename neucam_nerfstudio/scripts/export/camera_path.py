"""Camera paths as nerfstudio's viewer writes them: views, and the settings that keyframes give each of them."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.rendering.path_settings import (
    LensSettings,
    keyframed_settings,
    read_json_object,
    render_times,
)
from neucam_nerfstudio.rendering.view import View
from neucam_nerfstudio.scripts.run_command import say

EXPECTED_PATH = "Give a camera path that the viewer's Render tab, or a program for nerfstudio, has written."

TWO_EYES = ("omnidirectional", "vr180")
"""Camera types that make two pictures a camera."""


class CameraPath(NamedTuple):
    """A camera path.

    Attributes:
        views: What each camera sees, all of one size.
        settings: What keyframes say of how each takes its picture.
        frame_rate: Cameras a second; None if the path does not tell.
    """

    views: list[View]
    settings: list[LensSettings]
    frame_rate: float | None


def read_camera_path(run: LearnedCapture, path: Path) -> CameraPath:
    """Reads a camera path.

    Args:
        run: A run of many views, in whose world the path is.
        path: Its file, JSON.

    Raises:
        NeucamError: The run has one view, or the file is no camera path of single pictures.
    """
    if run.capture.views is None:
        raise NeucamError(
            f"--camera-path {path}: this run has one view. Use `ns-render camera-path`, which shows its picture from"
            " elsewhere."
        )
    from nerfstudio.cameras.camera_paths import get_path_from_json

    from neucam_nerfstudio.models.neucam_model import view_of

    document = read_json_object(path)
    _check(document, path)
    if document.get("crop"):
        say(f"{path}: its crop is left out; all of the scene is shown.")
    track, times = keyframed_settings(document, path), render_times(document)
    cameras = get_path_from_json(document).to(next(run.parameters()).device)
    num_cameras = len(cameras)
    settings = [LensSettings()] * num_cameras if track is None else track.of_cameras(times, num_cameras)
    views = [view_of(cameras[index : index + 1]) for index in range(num_cameras)]
    return CameraPath(views, settings, _frame_rate(document, num_cameras))


def _check(document: dict[str, Any], path: Path) -> None:
    """Refuses what is no camera path of single pictures."""
    kind = str(document.get("camera_type", "perspective"))
    if kind.lower() in TWO_EYES:
        raise NeucamError(f"{path}: {kind} makes a picture for each eye. Use `ns-render camera-path`.")
    for name in ("render_height", "render_width"):
        size = document.get(name)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            raise NeucamError(f"{path}: {name} {size}: expected a number of pixels. {EXPECTED_PATH}")
    cameras = document.get("camera_path")
    if not isinstance(cameras, list) or not cameras:
        raise NeucamError(f"{path}: has no cameras (camera_path). {EXPECTED_PATH}")
    for index, camera in enumerate(cameras):
        pose, fov = (camera.get("camera_to_world"), camera.get("fov")) if isinstance(camera, dict) else (None, None)
        if not isinstance(pose, list) or len(pose) != 16 or not all(map(_is_finite, pose)):
            raise NeucamError(f"{path}: camera {index}: expected 16 finite numbers as camera_to_world. {EXPECTED_PATH}")
        if kind.lower() != "equirectangular" and not (_is_finite(fov) and 0 < fov < 180):
            raise NeucamError(f"{path}: camera {index}: fov {fov}: expected degrees between 0 and 180. {EXPECTED_PATH}")
    told = [camera["render_time"] for camera in cameras if "render_time" in camera]
    if not all(map(_is_finite, told)):
        raise NeucamError(f"{path}: expected finite numbers as render_time. {EXPECTED_PATH}")


def _is_finite(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and math.isfinite(value)


def _frame_rate(document: dict[str, Any], num_cameras: int) -> float | None:
    rate, seconds = document.get("fps"), document.get("seconds")
    if _is_finite(rate) and rate > 0:
        return float(rate)
    return num_cameras / seconds if _is_finite(seconds) and seconds > 0 else None
