"""What is rendered: a picture's size and the rays of its pixels, row by row; or one picture a frame of a capture."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scene.image_plane import ImagePlane, directions_ahead, pixel_lattice
from neucam_nerfstudio.scene.scene import Rays

UNTIMED_FRAME_RATE = 24.0
"""Frames a second where the capture does not tell."""

OriginsAndDirections = tuple[Float[Tensor, "rays 3"], Float[Tensor, "rays 3"]]
"""Of rays, world units and unit vectors."""


class View(NamedTuple):
    """A picture that a camera takes.

    Attributes:
        height: In pixels.
        width: In pixels.
        rays_of_rows: Origins and directions of the pixels of some rows, row by row.
        axis: Unit vector of the optical axis; None where each pixel's own ray is one.
    """

    height: int
    width: int
    rays_of_rows: Callable[[slice], OriginsAndDirections]
    axis: Float[Tensor, " 3"] | None = None

    def rays(self, rows: slice, time: float) -> Rays:
        """Rays of the pixels of some rows, row by row, at a time in [0, 1]."""
        origins, directions = self.rays_of_rows(rows)
        axes = None if self.axis is None else self.axis.expand_as(directions)
        return Rays(origins, directions, torch.full_like(origins[:, :1], time), axes)


def front_view(
    plane: ImagePlane, device: torch.device | str, height: int | None = None, width: int | None = None
) -> View:
    """The whole picture, seen squarely, as the photographs show it.

    Args:
        plane: The picture.
        device: Where the rays are made.
        height: In pixels; None for the photographs' own.
        width: In pixels; None for the photographs' own.
    """
    height, width = height or plane.height, width or plane.width
    origin = plane.camera_to_world[:, 3].to(device)

    def rays_of_rows(rows: slice) -> OriginsAndDirections:
        directions = plane.pixel_directions(pixel_lattice(height, width, device, rows).reshape(-1, 2))
        return origin.expand_as(directions), directions

    return View(height, width, rays_of_rows)


def pinhole_view(
    camera_to_world: Float[Tensor, "3 4"],
    focal_length_px: tuple[float, float],
    centre_px: tuple[float, float],
    height: int,
    width: int,
) -> View:
    """The picture of a pinhole camera.

    Args:
        camera_to_world: Its pose; OpenGL axes: right, up, backward.
        focal_length_px: Across and down.
        centre_px: Where its axis meets the picture, from the left and from above.
        height: In pixels.
        width: In pixels.
    """

    def rays_of_rows(rows: slice) -> OriginsAndDirections:
        device = camera_to_world.device
        y, x = (torch.arange(size, device=device) + 0.5 for size in (height, width))
        right = (x - centre_px[0]) / focal_length_px[0]
        down = (y - centre_px[1]) / focal_length_px[1]
        tangents = torch.stack(torch.meshgrid(right, down[rows], indexing="xy"), -1).reshape(-1, 2)
        directions = F.normalize(directions_ahead(tangents, camera_to_world[:, :3]), dim=-1)
        return camera_to_world[:, 3].expand_as(directions), directions

    return View(height, width, rays_of_rows, F.normalize(-camera_to_world[:, 2], dim=-1))


def write_camera_path(path: Path, plane: ImagePlane, times: Sequence[float], frame_rate: float) -> None:
    """Writes a camera path along a capture's own frames, for `ns-render camera-path` and the viewer's Render tab.

    One camera a frame looks squarely at the picture at that frame's time. Sizes are even, which videos need: an odd
    last row or column is left out. The camera then stands half a pixel up or to the left, so that it still sees each
    pixel at its centre.

    Args:
        path: The file, JSON.
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
    camera_path = {
        "camera_type": "perspective",
        "render_height": height,
        "render_width": width,
        "fps": frame_rate,
        "seconds": len(times) / frame_rate,
        "is_cycle": False,
        "keyframes": [],
        "camera_path": [{**camera, "render_time": time} for time in times],
    }
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(camera_path, indent=1), encoding="utf-8")
