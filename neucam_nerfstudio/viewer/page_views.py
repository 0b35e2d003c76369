"""Where the pages' cameras stand: each opens where the photographs are best seen from, and can be sent elsewhere."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import viser
from jaxtyping import Float

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer

POSITIONS_UNDER_WAY = 16
"""How many of the camera's latest positions a page may still report."""


class Standpoint(NamedTuple):
    """How a page's camera stands.

    Attributes:
        position: In nerfstudio's world units.
        look_at: What it looks at, and what it orbits.
        up: Which way is up on the page, of any length.
        vertical_fov: Vertical field of view, radians; None leaves it.
    """

    position: Float[np.ndarray, " 3"]
    look_at: Float[np.ndarray, " 3"]
    up: Float[np.ndarray, " 3"]
    vertical_fov: float | None = None


Standing = Callable[[float, float], Standpoint]
"""Where to stand with a page's vertical field of view, radians, and its width over its height."""


class PageViews:
    """The cameras of all pages: they open at one standpoint, and go back there when a button is pressed.

    Args:
        viewer: Where the button is added, too.
        opening: Where they open.
        label: Of the button.
        hint: Of the button.
    """

    def __init__(self, viewer: Viewer, opening: Standing, label: str, hint: str) -> None:
        server = viewer.viser_server
        self._views: dict[int, PageView] = {}
        button = server.gui.add_button(label, icon=viser.Icon.ZOOM_RESET, order=viewer.hide_images.order, hint=hint)

        @button.on_click
        def _(event: viser.GuiEvent) -> None:
            if event.client_id in self._views:
                self._views[event.client_id].stand(opening)

        @server.on_client_connect
        def _(client: viser.ClientHandle) -> None:
            self._views[client.client_id] = PageView(opening, client)

        @server.on_client_disconnect
        def _(client: viser.ClientHandle) -> None:
            self._views.pop(client.client_id, None)

    def stand(self, standing: Standing) -> None:
        """Sends the cameras of all pages there."""
        for view in list(self._views.values()):
            view.stand(standing)


class PageView:
    """One page's camera: it keeps to its standpoint, until the user moves it.

    A page learns its view's final shape about a second after it has connected, when its control panel has unfolded, and
    again whenever its window is resized.
    """

    def __init__(self, standing: Standing, client: viser.ClientHandle) -> None:
        self.client = client
        self.aspect = 0.0
        self.own_positions: deque[np.ndarray] = deque(maxlen=POSITIONS_UNDER_WAY)
        self.stand(standing)
        client.camera.on_update(self._follow_shape)

    def stand(self, standing: Standing) -> None:
        """Moves the camera to a standpoint, which suits the shape of the page."""
        # The viewer's module loads nerfstudio's pipelines, which only a running viewer needs.
        from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

        camera = self.client.camera
        self.standing, self.aspect = standing, camera.aspect
        at = standing(camera.fov, camera.aspect)
        position = VISER_NERFSTUDIO_SCALE_RATIO * at.position
        # Reports from the page that are still under way have the camera where it stands now.
        self.own_positions.extend((np.array(camera.position), position))
        with self.client.atomic():
            camera.up_direction = at.up
            camera.position = position
            camera.look_at = VISER_NERFSTUDIO_SCALE_RATIO * at.look_at
            if at.vertical_fov is not None:
                camera.fov = at.vertical_fov

    def _follow_shape(self, camera: viser.CameraHandle) -> None:
        untouched = np.isclose(camera.position, self.own_positions, atol=1e-3).all(-1).any()
        if untouched and camera.aspect != self.aspect:
            self.stand(self.standing)
