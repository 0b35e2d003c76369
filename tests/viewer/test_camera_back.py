"""The camera's back holds what the viewer shows beside the picture, and lists outputs under names for people."""

from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
import viser
from nerfstudio.viewer.control_panel import ControlPanel
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.response.linear_curve import LinearResponse
from neucam_nerfstudio.camera.response.srgb_curve import SrgbResponse
from neucam_nerfstudio.rendering.image_plane import ImagePlane
from neucam_nerfstudio.viewer.dials import OwnSettings

from neucam_nerfstudio.camera.blur.lens import LensBlur
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.viewer.camera_back import CameraBack
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

LEARNED = OwnSettings(0.25, -0.5)
"""What every frame's settings are said to have become."""

DIALS = {"Exposure (stops)", "Tone mapping", "Compare with frame", "Face the Picture"}
DIALS_OF_A_LENS = {"Focus (position)", "Aperture (x as shot)", "Click to Focus"}


def camera_back(desk, blur=None, response=None) -> CameraBack:
    focus, exposures = (
        FocusPositions((-2.25, 0.0, 1.0)),
        SettingExposures((-3.0, 0.0, 7.5), 1, "fix"),
    )
    camera = ImplicitCamera(focus, blur, exposures, response)
    return CameraBack(desk, camera, ImagePlane(desk.height, desk.width), lambda index: LEARNED)


@pytest.fixture
def viewer():
    """nerfstudio's viewer as far as the back meets it, around a real server."""
    server = viser.ViserServer(host="127.0.0.1", verbose=False)
    yield SimpleNamespace(
        viser_server=server,
        control_panel=ControlPanel(server, False, 10.0, Mock(), Mock(), Mock()),
        stats_markdown=server.gui.add_markdown(""),
        hide_images=server.gui.add_button("Hide Train Cams"),
        show_images=server.gui.add_button("Show Train Cams"),
        config=SimpleNamespace(max_num_display_images=512),
        train_lock=None,
        _trigger_rerender=Mock(),
    )
    server.stop()


def shown_labels(viewer) -> set[str]:
    """Labels of all visible dials and buttons."""
    handles = viewer.viser_server.gui._gui_input_handle_from_id.values()
    return {handle._impl.label for handle in handles if handle._impl.visible}


def test_dials_start_at_the_reference_frame_and_follow_what_is_learned(desk):
    back = camera_back(desk)
    assert (back.dials.focus_position, back.dials.exposure_stops) == (0.0, 0.0)
    back.follow()
    assert (back.dials.focus_position, back.dials.exposure_stops) == LEARNED
    back.dials.focus_position, back.dials.exposure_stops = -2.25, 7.5  # of other frames


def test_outputs_are_listed_with_the_residual_of_the_frame_that_is_compared(desk):
    back = camera_back(desk)
    black, middle = torch.zeros(1, 3), torch.tensor([[0.5, 0.5]])
    outputs = {"hdr_defocused": torch.full((1, 3), 8.0), "rgb": black}
    assert list(back.listed(outputs, middle, torch.tanh)) == ["Photograph", RESIDUAL, "As focused, HDR"]
    assert back.listed(outputs, middle, torch.tanh)[RESIDUAL].max() == 0
    back.frame_dials.compare_with(3)
    assert back.listed(outputs, middle, torch.tanh)[RESIDUAL].min() > 0


@pytest.mark.parametrize("has_lens", [True, False])
def test_viewer_shows_the_dials_that_the_camera_has(desk, viewer, has_lens):
    response = SrgbResponse() if has_lens else None
    camera_back(desk, LensBlur(desk.height, desk.width) if has_lens else None, response)._setup(viewer)
    labels = shown_labels(viewer)
    assert DIALS <= labels
    assert labels & (DIALS_OF_A_LENS | {"Response"}) == (DIALS_OF_A_LENS | {"Response"} if has_lens else set())


def test_linear_photographs_have_no_response_to_be_dialled_off(desk, viewer):
    camera_back(desk, response=LinearResponse())._setup(viewer)
    assert "Response" not in shown_labels(viewer)


def test_viewer_shows_shares_as_they_are_and_nothing_in_front_of_the_picture(desk, viewer):
    camera_back(desk)._setup(viewer)
    assert not viewer.control_panel.colormap_options.normalize
    assert not viewer.control_panel.layer_depth
    assert viewer.config.max_num_display_images == 0
    assert not {"Hide Train Cams", "Show Train Cams"} & shown_labels(viewer)
