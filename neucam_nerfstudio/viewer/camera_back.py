"""The back of the camera: everything that nerfstudio's viewer shows of the model beside the picture itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from jaxtyping import Float
from nerfstudio.viewer.viewer_elements import ViewerControl
from torch import Tensor

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.viewer.click_to_focus import ClickToFocus
from neucam_nerfstudio.viewer.dials import Dials, OwnSettings
from neucam_nerfstudio.viewer.facing_camera import FacingCamera
from neucam_nerfstudio.viewer.frame_comparison import FrameComparison
from neucam_nerfstudio.viewer.frame_dials import FrameDials
from neucam_nerfstudio.viewer.listed_outputs import listed_outputs

if TYPE_CHECKING:
    from nerfstudio.viewer.viewer import Viewer


class CameraBack(ViewerControl):
    """The dials, in a *NeuCam* folder above nerfstudio's tabs, where they need no scrolling; a view that faces the
    picture; and outputs with names for people. The viewer finds it as an attribute of the model.

    Args:
        capture: The photographs.
        camera: The camera whose back this is.
        plane: The picture.
        settings_of_frame: What has been learned of the settings of a frame, by its index in the capture.
    """

    def __init__(
        self,
        capture: Capture,
        camera: ImplicitCamera,
        plane: ImagePlane,
        settings_of_frame: Callable[[int], OwnSettings],
    ) -> None:
        reference = OwnSettings(
            capture.focus_position(capture.reference_index), capture.exposure_stops(capture.reference_index)
        )
        self._camera = camera
        self.dials = Dials(
            capture.focuses.positions,
            capture.exposures.stops,
            reference,
            has_focus=camera.has_focus,
            has_aperture=camera.blur is not None,
            has_response=not isinstance(camera.response, LinearResponse | None),
        )
        self.frame_dials = FrameDials(self.dials, capture, settings_of_frame)
        self._comparison = FrameComparison(capture)
        self._facing = FacingCamera(plane)
        click = [ClickToFocus(plane, camera.blur, self.dials)] if isinstance(camera.blur, LensBlur) else []
        self._folder = (*click, self.dials, self.frame_dials)

    def follow(self) -> None:
        """Keeps the dials that nobody has turned at their frame's settings as they are learned now, and every frame's
        within the dials' ends."""
        self.dials.reach(self._camera.focus.positions.tolist(), self._camera.exposures.stops.tolist())
        self.frame_dials.follow()

    def listed(
        self,
        outputs: dict[str, Tensor],
        uv: Float[Tensor, "rays 2"],
        tonemap: Callable[[Float[Tensor, "rays 3"]], Float[Tensor, "rays 3"]],
    ) -> dict[str, Tensor]:
        """What the viewer lists: the model's outputs and the residual, under names for people.

        Args:
            outputs: Of the model, `[rays, channels]`.
            uv: Places of the picture, [0, 1].
            tonemap: Shows linear radiance, [0, 1].
        """
        residual = self._comparison.residual(outputs["rgb"], uv, self.frame_dials.compared_index)
        return listed_outputs({**outputs, "residual": residual}, tonemap)

    def _setup(self, viewer: Viewer) -> None:
        super()._setup(viewer)
        _set_up_display(viewer)
        self._facing.install(viewer)
        with self.viser_server.gui.add_folder("NeuCam", order=viewer.stats_markdown.order):
            for part in self._folder:
                part.install(viewer)


def _set_up_display(viewer: Viewer) -> None:
    """Our outputs of one channel are shares in [0, 1]; normalised, one that is the same everywhere would look empty.
    Nothing lies before or behind the picture, so no page needs the depth of each pixel, nor to list it as an output."""
    panel = viewer.control_panel
    panel._normalize.value = panel._split_normalize.value = False
    panel._layer_depth.value = False
