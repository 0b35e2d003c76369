"""The back of the camera: everything that nerfstudio's viewer shows of the model beside the picture itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from nerfstudio.cameras.cameras import Cameras
from nerfstudio.viewer.viewer_elements import ViewerControl
from torch import Tensor

from neucam_nerfstudio.models.neucam_model import NeucamModel, OutputsOnDemand, time_of, view_of
from neucam_nerfstudio.photometry import WHITE_LEVEL
from neucam_nerfstudio.scene.scene import PlanePlaces
from neucam_nerfstudio.viewer.click_to_focus import ClickToFocus
from neucam_nerfstudio.viewer.facing_camera import facing
from neucam_nerfstudio.viewer.frame_camera import seen_in_frame, standing_at
from neucam_nerfstudio.viewer.frame_dials import FrameDials
from neucam_nerfstudio.viewer.listed_outputs import Compared, listed_outputs
from neucam_nerfstudio.viewer.page_views import PageViews
from neucam_nerfstudio.viewer.panel import Panel

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


DEPTH = "depth"
"""nerfstudio's name of the output that tells it which of its frustums lie behind what is seen."""

QUICK_LENS_RAYS = 8
"""Of many views on a processor, the viewer's pictures have so many rays through the lens a pixel. A hundred, as exports
have, take minutes a picture where all is out of focus."""

Render = Callable[[Sequence[str]], dict[str, Float[Tensor, "height width channels"]]]
"""Renders outputs by the viewer's names."""


class CameraBack(ViewerControl):
    """The dials, in a *NeuCam* folder above nerfstudio's tabs, where they need no scrolling; a view that faces the
    picture, or stands where a photograph of many was taken; and outputs with names for people. The viewer finds it as
    an attribute of the pipeline.

    Args:
        model: Whose back this is.
        photograph: Pixels of a frame, by its index in the capture.
    """

    def __init__(self, model: NeucamModel, photograph: Callable[[int], np.ndarray]) -> None:
        learned = model.learned
        self._model, self._photograph = model, photograph
        self._photograph_ldr = lru_cache(maxsize=1)(self._read_ldr)
        self.panel = Panel(learned)
        self.frame_dials = FrameDials(self.panel, learned.capture)
        click = [ClickToFocus(learned, self.panel)] if learned.camera.has_focus else []
        self._folder = (*click, self.panel, self.frame_dials)

    def _setup(self, viewer: Viewer) -> None:
        super()._setup(viewer)
        capture = self._model.capture
        if capture.views is None:
            _set_up_display(viewer)
            hint = "Shows the whole picture squarely."
            PageViews(viewer, facing(self._model.learned.planar_scene.plane), "Face the Picture", hint)
        else:
            name = capture.frames[capture.reference_index].name
            hint = f"Goes to where {name}, the reference frame, was taken."
            pages = PageViews(viewer, standing_at(capture, capture.reference_index), "Stand at the Reference", hint)
            self.frame_dials.go_to = lambda index: pages.stand(standing_at(capture, index))
        with self.viser_server.gui.add_folder("NeuCam", order=viewer.stats_markdown.order):
            for part in self._folder:
                part.install(viewer)
        shown = ShownModel(self, self._model, viewer)
        setattr(viewer, "get_model", lambda: shown)  # noqa: B010 - its type has no room for it

    def outputs_at(self, camera: Cameras) -> tuple[list[str], Render]:
        """The outputs that the viewer lists, and what renders some of them at what the dials say now."""
        learned, compared = self._model.learned, self.frame_dials.compared_index
        settings = self.panel.settings()
        if learned.capture.moves:
            settings = replace(settings, time=time_of(camera))
        elif learned.capture.views is not None and self._model.device.type == "cpu":
            settings = replace(settings, most_lens_rays=QUICK_LENS_RAYS)
        photograph = None if compared is None else self._compared(compared)
        view, renderer = view_of(camera), learned.renderer
        outputs = listed_outputs(renderer.output_names(), photograph)
        return list(outputs), lambda names: renderer.render(view, settings, {name: outputs[name] for name in names})

    def _compared(self, index: int) -> Compared:
        capture = self._model.capture
        if capture.views is None:
            return Compared(self._photograph_ldr(index), _seen_on_plane)
        return Compared(self._photograph_ldr(index), lambda rays: seen_in_frame(rays, capture, index))

    def _read_ldr(self, index: int) -> Float[Tensor, "1 3 height width"]:
        """Pixel values of a frame, in [0, 1], where the model is."""
        pixels = np.asarray(self._photograph(index))
        ldr = torch.from_numpy(pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype]))
        return ldr.permute(2, 0, 1)[None].to(self._model.device)


class ShownModel:
    """The model as the viewer sees it: pictures are taken as the dials of `back` say."""

    def __init__(self, back: CameraBack, model: NeucamModel, viewer: Viewer) -> None:
        self._back, self._model, self._viewer = back, model, viewer

    def get_outputs_for_camera(self, camera: Cameras, obb_box: object = None) -> OutputsOnDemand:
        """Outputs under the viewer's names. Those that it shows are rendered here, where it can interrupt them and no
        training step is under way; others when it first looks at them."""
        with _uninterrupted():
            names, render = self._back.outputs_at(camera)
        panel = self._viewer.control_panel
        looked_at = {panel.output_render, *([panel.split_output_render] if panel.split else [])}
        shown = [name for name in names if name in looked_at] or names[:1]
        if self._model.capture.views is not None and DEPTH not in shown:
            shown.append(DEPTH)  # the viewer looks at it while it holds the lock of the training steps
        pictures = OutputsOnDemand(names, lambda name: self._between_steps(render, name))
        pictures.update(render(shown))
        return pictures

    def _between_steps(self, render: Render, name: str) -> Tensor:
        with self._viewer.train_lock or nullcontext():
            was_training = self._model.training
            self._model.eval()
            try:
                return render([name])[name]
            finally:
                self._model.train(was_training)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """nerfstudio interrupts the thread that renders by an exception at whichever line it is, even where a lock is
    about to be released. Whoever takes locks, as moving a dial does, must not be interrupted: the viewer would stand
    still."""
    interrupt = sys.gettrace()
    sys.settrace(None)
    try:
        yield
    finally:
        sys.settrace(interrupt)


def _set_up_display(viewer: Viewer) -> None:
    """Our outputs of one channel are shares in [0, 1]; normalised, one that is the same everywhere would look empty.
    Nothing lies before or behind the picture, so no page needs the depth of each pixel, nor to list it as an output.
    All photographs share one camera: their frustums would lie in each other, and over the picture."""
    panel = viewer.control_panel
    panel._normalize.value = panel._split_normalize.value = False
    panel._layer_depth.value = False
    panel._layer_depth.set_hidden(True)
    viewer.config.max_num_display_images = 0
    viewer.hide_images.visible = viewer.show_images.visible = False


def _seen_on_plane(places: PlanePlaces) -> tuple[Tensor, Tensor]:
    return places.uv, torch.ones_like(places.times, dtype=torch.bool)
