"""The camera path along a capture's own frames, as `ns-render camera-path` and the viewer's Render tab read it."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scene.image_plane import ImagePlane

UNTIMED_FRAME_RATE = 24.0
"""Frames a second where the capture does not tell."""


def path_of_frames(plane: ImagePlane, times: Sequence[float], frame_rate: float) -> dict[str, Any]:
    """One camera a frame, looking squarely at the picture at that frame's time.

    Sizes are even, which videos need: an odd last row or column is left out. The camera then stands half a pixel up or
    to the left, so that it still sees each pixel at its centre.

    Args:
        plane: The picture.
        times: Time of each frame, [0, 1].
        frame_rate: Frames a second.
    """
    height, width = plane.height // 2 * 2, plane.width // 2 * 2
    pose = torch.cat([plane.camera_to_world, torch.tensor([[0.0, 0.0, 0.0, 1.0]])])
    half_a_pixel = 0.5 / max(plane.height, plane.width)
    pose[0, 3] += half_a_pixel * (plane.width - width)  # +x is to the left, z is up
    pose[2, 3] += half_a_pixel * (plane.height - height)
    camera = {
        "camera_to_world": pose.flatten().tolist(),
        "fov": math.degrees(2 * math.atan(height / 2 / plane.focal_length_px)),
        "aspect": width / height,
    }
    return {
        "camera_type": "perspective",
        "render_height": height,
        "render_width": width,
        "fps": frame_rate,
        "seconds": len(times) / frame_rate,
        "is_cycle": False,
        "keyframes": [],
        "camera_path": [{**camera, "render_time": time} for time in times],
    }


def write_camera_path(path: Path, camera_path: dict[str, Any]) -> None:
    """Writes a camera path as JSON."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(camera_path, indent=1), encoding="utf-8")
