"""The back of the camera: the *NeuCam* folder with all dials in nerfstudio's viewer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from nerfstudio.viewer.viewer_elements import ViewerControl

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


class Part(Protocol):
    """Something with elements of its own in the viewer."""

    def install(self, viewer: Viewer) -> None:
        """Adds the elements where the viewer now adds them."""


class CameraBack(ViewerControl):
    """Shows its parts in a folder above nerfstudio's tabs, where they need no scrolling; the viewer finds it as an
    attribute of the model.

    Args:
        parts: From top to bottom.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = tuple(parts)

    def _setup(self, viewer: Viewer) -> None:
        super()._setup(viewer)
        _show_shares_as_they_are(viewer)
        with self.viser_server.gui.add_folder("NeuCam", order=viewer.stats_markdown.order):
            for part in self.parts:
                part.install(viewer)


def _show_shares_as_they_are(viewer: Viewer) -> None:
    """Our outputs of one channel are shares in [0, 1]; normalised, an opaque picture would look empty."""
    panel = viewer.control_panel
    panel._normalize.value = panel._split_normalize.value = False
