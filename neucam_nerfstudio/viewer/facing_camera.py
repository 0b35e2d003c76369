"""How nerfstudio's viewer opens: squarely on the whole picture, which fills the view, with nothing in front of it."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING

import numpy as np
import viser

from neucam_nerfstudio.scene.image_plane import ImagePlane

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

MARGIN = 1.02
"""Room left around the picture, as a factor on its size."""

POSITIONS_UNDER_WAY = 16
"""How many of the camera's latest positions a page may still report."""


def face_picture(viewer: Viewer, plane: ImagePlane) -> None:
    """Shows every browser the whole picture when it connects, and again when it presses a button that is added here."""
    server = viewer.viser_server
    views: dict[int, SquareView] = {}
    button = server.gui.add_button("Face the Picture", icon=viser.Icon.ZOOM_RESET, order=viewer.hide_images.order)

    @button.on_click
    def _(event: viser.GuiEvent) -> None:
        if event.client_id in views:
            views[event.client_id].fit()

    @server.on_client_connect
    def _(client: viser.ClientHandle) -> None:
        views[client.client_id] = SquareView(plane, client)

    @server.on_client_disconnect
    def _(client: viser.ClientHandle) -> None:
        views.pop(client.client_id, None)


class SquareView:
    """One browser's view of the picture: square to it and filled by it, until the user moves the camera.

    A page learns its view's final shape about a second after it has connected, when its control panel has unfolded, and
    again whenever its window is resized.
    """

    def __init__(self, plane: ImagePlane, client: viser.ClientHandle) -> None:
        self.plane = plane
        self.client = client
        self.aspect = 0.0
        self.own_positions: deque[np.ndarray] = deque(maxlen=POSITIONS_UNDER_WAY)
        self.fit()
        client.camera.on_update(self._follow_shape)

    def fit(self) -> None:
        """Moves the camera to where the picture fills the view."""
        # The viewer's module loads nerfstudio's pipelines, which only a running viewer needs.
        from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

        camera = self.client.camera
        self.aspect = camera.aspect
        distance = VISER_NERFSTUDIO_SCALE_RATIO * fitting_distance(self.plane, camera.fov, camera.aspect)
        position = np.array([0.0, distance, 0.0])
        # Reports from the page that are still under way have the camera where it stands now.
        self.own_positions.extend((np.array(camera.position), position))
        with self.client.atomic():
            camera.up_direction = (0.0, 0.0, 1.0)
            camera.position = position
            camera.look_at = (0.0, 0.0, 0.0)

    def _follow_shape(self, camera: viser.CameraHandle) -> None:
        untouched = np.isclose(camera.position, self.own_positions, atol=1e-3).all(-1).any()
        if untouched and camera.aspect != self.aspect:
            self.fit()


def fitting_distance(plane: ImagePlane, vertical_fov: float, aspect: float) -> float:
    """Distance from the picture, in world units, at which all of it just fits into a view.

    Args:
        plane: The picture.
        vertical_fov: Vertical field of view, radians.
        aspect: Width of the view over its height.
    """
    width, height = plane.extent
    return MARGIN * max(height, width / aspect) / 2 / math.tan(vertical_fov / 2)
