"""Click to focus: the next click on the picture turns the focus to what lies there."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
import viser

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.viewer.dials import Dials

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


class ClickToFocus:
    """A button after which one click on the picture focuses there; pressed again instead, it waits no more.

    Clicks are not always read, because while they are the page turns neither orbit nor pan (viser 0.2.7).

    Args:
        plane: The picture.
        blur: The lens, which knows at which focus position each place is sharp.
        dials: Whose focus is turned.
    """

    def __init__(self, plane: ImagePlane, blur: LensBlur, dials: Dials) -> None:
        self.plane, self.blur, self.dials = plane, blur, dials
        self._waiting: set[int] = set()

    def install(self, viewer: Viewer) -> None:
        """Adds the button where the viewer now adds elements."""
        button = viewer.viser_server.gui.add_button(
            "Click to Focus", icon=viser.Icon.FOCUS_2, hint="The next click on the picture turns the focus there."
        )
        button.on_click(lambda event: self._pressed(event.client, viewer))

    def _pressed(self, page: viser.ClientHandle, viewer: Viewer) -> None:
        scene = page.scene
        if page.client_id in self._waiting:
            scene.remove_pointer_callback()
            return
        self._waiting.add(page.client_id)
        scene.on_pointer_callback_removed(lambda: self._waiting.discard(page.client_id))

        @scene.on_pointer_event("click")
        def _(click: viser.ScenePointerEvent) -> None:
            scene.remove_pointer_callback()
            # The page's messages come in on this thread, so that it must not wait for a rendering or a training step.
            threading.Thread(target=self._focus_at, args=(click, viewer), daemon=True).start()

    def _focus_at(self, click: viser.ScenePointerEvent, viewer: Viewer) -> None:
        with viewer.train_lock or nullcontext():
            position = self.focus_position_seen(click.ray_origin, click.ray_direction)
        if position is not None:
            self.dials.focus_on(position)

    @torch.no_grad()
    def focus_position_seen(
        self, origin: tuple[float, float, float], direction: tuple[float, float, float]
    ) -> float | None:
        """Focus position at which the place that a ray meets is sharp; None for a ray beside the picture.

        Args:
            origin: Of the ray, in viser's world units, ten of which are one of nerfstudio's.
            direction: Of the ray, any length.
        """
        from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

        device = self.blur.log_radius_px.device
        origins = torch.tensor([origin], dtype=torch.float32, device=device) / VISER_NERFSTUDIO_SCALE_RATIO
        directions = torch.nn.functional.normalize(torch.tensor([direction], dtype=torch.float32, device=device))
        uv, _, inside = self.plane.intersect(origins, directions)
        return float(self.blur.defocus.sample(uv)) if inside else None
