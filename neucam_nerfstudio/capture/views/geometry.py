"""Where the frames of a capture of many views were taken from, and through which lens: plain arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

MILLIMETRES = 1000.0
"""In a metre."""

Points = Float[np.ndarray, "points 3"]
Poses = Float[np.ndarray, "frames 3 4"]
NumberPerFrame = Float[np.ndarray, " frames"]


@dataclass(frozen=True, eq=False)
class Views:
    """Where the frames of a capture of many views were taken from, and through which lens.

    Arrays are by frame, in the order of `Capture.frames`. Metres are the capture's units times `metres_per_unit`.

    Attributes:
        camera_to_world: Axes right, up, backward as OpenGL has them, then the place; in the unit of the capture.
        focal_px: Across and down, of pictures at the capture's size.
        centre_px: Where the optical axis meets the picture, from its upper left corner: right, then down.
        distortion: k1 k2 k3 k4 p1 p2 as nerfstudio has them; None where there is none.
        metres_per_unit: Of the capture.
        scale_evidence: What told that, in words; "assumed: ..." where nothing did.
        focus_distance_m: From the camera to the plane in focus, infinity allowed; NaN where nothing tells.
        f_number: Focal length over the diameter of the aperture; NaN where nothing tells.
        focal_length_mm: Of the lens, not of a 35 mm equivalent; NaN where nothing tells.
        points: Of structure from motion, in the unit of the capture; None where there are none.
    """

    camera_to_world: Poses
    focal_px: Float[np.ndarray, "frames 2"]
    centre_px: Float[np.ndarray, "frames 2"]
    distortion: Float[np.ndarray, "frames 6"] | None
    metres_per_unit: float
    scale_evidence: str
    focus_distance_m: NumberPerFrame
    f_number: NumberPerFrame
    focal_length_mm: NumberPerFrame
    points: Points | None = None

    def __deepcopy__(self, memo: dict) -> Views:
        """nerfstudio deep-copies what a dataset is given; nothing here changes."""
        return self

    @property
    def aperture_radius_m(self) -> NumberPerFrame:
        """Radius of the entrance pupil in metres: focal length / (2 f-number); NaN where nothing tells."""
        return self.focal_length_mm / MILLIMETRES / (2 * self.f_number)

    @property
    def places(self) -> Float[np.ndarray, "frames 3"]:
        """Where each camera stands, in the unit of the capture."""
        return self.camera_to_world[:, :, 3]

    @property
    def axes(self) -> Float[np.ndarray, "frames 3"]:
        """Which way each camera looks, as a unit vector."""
        return -self.camera_to_world[:, :, 2]

    def placed(self, transform: Float[np.ndarray, "3 4"], scale: float) -> Views:
        """The same views in a world that is turned and moved, then scaled, as nerfstudio does.

        Args:
            transform: A rotation and a translation, in the unit of these views.
            scale: How many of the new units an old one is.
        """
        turn, move = transform[:, :3].astype(np.float64), transform[:, 3].astype(np.float64)
        poses = turn @ self.camera_to_world
        poses[:, :, 3] = (poses[:, :, 3] + move) * scale
        points = None if self.points is None else (self.points @ turn.T + move) * scale
        return replace(self, camera_to_world=poses, points=points, metres_per_unit=self.metres_per_unit / scale)

    def depths(self, frame: int, points: Points) -> Float[np.ndarray, " points"]:
        """How far points are in front of a frame's camera, along its axis; those outside its picture are NaN."""
        across, down, depth = self.in_camera(frame, points)
        with np.errstate(divide="ignore", invalid="ignore"):
            seen = (depth > 0) & (np.abs(across / depth) <= self._half_extent(frame)[0])
            seen &= np.abs(down / depth) <= self._half_extent(frame)[1]
        return np.where(seen, depth, np.nan)

    def in_camera(self, frame: int, points: Points) -> Float[np.ndarray, "3 points"]:
        """Points as a frame's camera has them: right, down and forward of it, in the unit of the capture."""
        pose = self.camera_to_world[frame]
        return np.diag([1.0, -1.0, -1.0]) @ pose[:, :3].T @ (points - pose[:, 3]).T

    def _half_extent(self, frame: int) -> Float[np.ndarray, " xy"]:
        """Tangents from the axis to the borders of the picture: the optical centre is taken to be in its middle."""
        return self.centre_px[frame] / self.focal_px[frame]
