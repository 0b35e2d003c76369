"""How nerfstudio's viewer opens on one view: squarely on the whole picture, which fills the page."""

from __future__ import annotations

import math

import numpy as np

from neucam_nerfstudio.scene.image_plane import ImagePlane
from neucam_nerfstudio.viewer.page_views import Standing, Standpoint

MARGIN = 1.02
"""Room left around the picture, as a factor on its size."""


def facing(plane: ImagePlane) -> Standing:
    """Before the picture, square to it, so that it just fits into a page."""

    def standing(vertical_fov: float, aspect: float) -> Standpoint:
        away = np.array([0.0, fitting_distance(plane, vertical_fov, aspect), 0.0])
        return Standpoint(away, look_at=np.zeros(3), up=np.array([0.0, 0.0, 1.0]))

    return standing


def fitting_distance(plane: ImagePlane, vertical_fov: float, aspect: float) -> float:
    """Distance from the picture, in world units, at which all of it just fits into a view.

    Args:
        plane: The picture.
        vertical_fov: Vertical field of view, radians.
        aspect: Width of the view over its height.
    """
    width, height = plane.extent
    return MARGIN * max(height, width / aspect) / 2 / math.tan(vertical_fov / 2)
