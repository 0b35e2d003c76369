"""The back of the camera: everything that nerfstudio's viewer shows of the model beside the picture itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.viewer.viewer_elements import ViewerControl

from neucam_nerfstudio.models.neucam_model import NeucamModel, OutputsOnDemand, view_of
from neucam_nerfstudio.viewer.click_to_focus import ClickToFocus
from neucam_nerfstudio.viewer.facing_camera import FacingCamera
from neucam_nerfstudio.viewer.frame_dials import FrameDials
from neucam_nerfstudio.viewer.listed_outputs import listed_outputs
from neucam_nerfstudio.viewer.panel import Panel

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


class CameraBack(ViewerControl):
    """The dials, in a *NeuCam* folder above nerfstudio's tabs, where they need no scrolling; a view that faces the
    picture; and outputs with names for people. The viewer finds it as an attribute of the pipeline.

    Args:
        model: Whose back this is.
        photograph: Pixels of a frame, by its index in the capture.
    """

    def __init__(self, model: NeucamModel, photograph: Callable[[int], np.ndarray]) -> None:
        learned = model.learned
        self._model, self._photograph = model, photograph
        self.panel = Panel(learned)
        self.frame_dials = FrameDials(self.panel, learned.capture)
        self._facing = FacingCamera(learned.scene.plane)
        click = [ClickToFocus(learned, self.panel)] if learned.camera.has_focus else []
        self._folder = (*click, self.panel, self.frame_dials)

    def _setup(self, viewer: Viewer) -> None:
        super()._setup(viewer)
        _set_up_display(viewer)
        self._facing.install(viewer)
        with self.viser_server.gui.add_folder("NeuCam", order=viewer.stats_markdown.order):
            for part in self._folder:
                part.install(viewer)
        shown = ShownModel(self, self._model, viewer)
        viewer.get_model = lambda: shown

    def rendered(self, camera: Cameras, chosen: list[str]) -> OutputsOnDemand:
        """The outputs that the viewer lists, at what the dials say now.

        Args:
            camera: The viewer's.
            chosen: Outputs that are looked at, and so rendered at once; others are when they are first looked at.
        """
        learned, compared = self._model.learned, self.frame_dials.compared_index
        settings = self.panel.settings()
        if learned.capture.moves:
            settings = replace(settings, time=float(camera.times.flatten()[0]))
        photograph = None if compared is None else self._photograph(compared)
        view, renderer = view_of(camera), learned.renderer
        outputs = listed_outputs(renderer.output_names(), photograph)
        pictures = OutputsOnDemand(
            list(outputs), lambda name: renderer.render(view, settings, {name: outputs[name]})[name]
        )
        for name in chosen if set(chosen) & set(outputs) else list(outputs)[:1]:
            pictures.get(name)
        return pictures


class ShownModel:
    """The model as the viewer sees it: pictures are taken as the dials say.

    Args:
        back: Whose dials they are.
        model: The model.
        viewer: The viewer.
    """

    def __init__(self, back: CameraBack, model: NeucamModel, viewer: Viewer) -> None:
        self._back, self._model, self._viewer = back, model, viewer

    def get_outputs_for_camera(self, camera: Cameras, obb_box: object = None) -> OutputsOnDemand:
        """Outputs under the viewer's names; those that it shows are rendered here, where it can interrupt them."""
        panel = self._viewer.control_panel
        return self._back.rendered(camera, [panel.output_render, *([panel.split_output_render] if panel.split else [])])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def _set_up_display(viewer: Viewer) -> None:
    """Our outputs of one channel are shares in [0, 1]; normalised, one that is the same everywhere would look empty.
    Nothing lies before or behind the picture, so no page needs the depth of each pixel, nor to list it as an output."""
    panel = viewer.control_panel
    panel._normalize.value = panel._split_normalize.value = False
    panel._layer_depth.value = False
