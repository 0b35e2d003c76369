"""A click on the picture turns the focus to what is seen there."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
import viser
from viser.transforms import SO3

from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.scene.scene import Rays
from neucam_nerfstudio.viewer.panel import Panel

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


class ClickToFocus:
    """A button after which one click on the picture focuses there; pressed again instead, it waits no more.

    Clicks are not always read, because while they are the page turns neither orbit nor pan (viser 0.2.7).
    """

    def __init__(self, learned: LearnedCapture, panel: Panel) -> None:
        self.learned, self.panel = learned, panel
        self._waiting: set[int] = set()

    def install(self, viewer: Viewer) -> None:
        """Adds the button where the viewer now adds elements."""
        button = viewer.viser_server.gui.add_button(
            "Click to Focus", icon=viser.Icon.FOCUS_2, hint="The next click on the picture turns the focus there."
        )
        button.on_click(lambda event: self._pressed(event.client, viewer))

    def _pressed(self, page: viser.ClientHandle | None, viewer: Viewer) -> None:
        if page is None:
            return  # it has gone
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
        if click.ray_origin is None or click.ray_direction is None:
            return  # which no click has
        axis = SO3(click.client.camera.wxyz).as_matrix()[:, 2].tolist()
        with viewer.train_lock or nullcontext():
            position = self.focus_position_seen(click.ray_origin, click.ray_direction, axis)
        if position is not None:
            self.panel.turn("focus_position", position)
            viewer._trigger_rerender()

    @torch.no_grad()
    def focus_position_seen(
        self, origin: Sequence[float], direction: Sequence[float], axis: Sequence[float]
    ) -> float | None:
        """Focus position at which the place that a ray meets is sharp; None for a ray beside the picture, or where the
        camera does not know.

        Args:
            origin: Of the ray, in viser's world units, ten of which are one of nerfstudio's.
            direction: Of the ray, any length.
            axis: Which way the camera looks, any length: a lens is focused on a plane at right angles to it.
        """
        from nerfstudio.viewer.viewer import VISER_NERFSTUDIO_SCALE_RATIO

        scene, blur = self.learned.scene, self.learned.camera.blur
        like = next(self.learned.parameters())
        start, towards, ahead = (like.new_tensor([list(vector)]) for vector in (origin, direction, axis))
        time = start.new_full((1, 1), self.learned.renderer.reference_time)
        start = start / VISER_NERFSTUDIO_SCALE_RATIO
        places, inside = scene.meet(Rays(start, F.normalize(towards, dim=-1), time, F.normalize(ahead, dim=-1)))
        position = None if blur is None else blur.sharp_focus_position(places)
        return float(position) if inside and position is not None else None
