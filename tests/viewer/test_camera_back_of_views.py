"""The camera's back of many views: nerfstudio's frustums and orbit are there, and the dials are in metres."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.viewer.render_state_machine import RenderStateMachine
from nerfstudio.viewer.utils import CameraState, parse_object
from nerfstudio.viewer.viewer_elements import ViewerControl

from neucam_nerfstudio.camera.blur.thin_lens import ThinLensBlurConfig
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig, view_of
from neucam_nerfstudio.viewer.camera_back import QUICK_LENS_RAYS, CameraBack
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

from ..nerfstudio_models import model_of
from ..scene.volume import BlobsConfig
from .conftest import settle, shown_labels, turn
from .many_views import BLOBS, FOCAL_PX, HEIGHT, NEAR, REFERENCE, WIDTH, three_views

PICTURE, PHOTOGRAPH = "All in focus, HDR", "Photograph"


@pytest.fixture
def model() -> NeucamModel:
    return model_of(three_views(), NeucamModelConfig(scene=BlobsConfig(blobs=BLOBS), blur=ThinLensBlurConfig())).eval()


def test_nerfstudio_looks_through_the_whole_pipeline_for_the_back(model):
    """At every property of every module, so none may raise."""
    back = CameraBack(model, Mock())
    pipeline = torch.nn.Module()
    pipeline.model = model
    pipeline.camera_back = back
    assert [control for _, control in parse_object(pipeline, ViewerControl, "")] == [back]


@pytest.fixture
def back(model, viewer) -> CameraBack:
    """Of grey photographs, in a viewer."""
    back = CameraBack(model, lambda index: np.full((HEIGHT, WIDTH, 3), 51, np.uint8))
    back._setup(viewer)
    return back


def page_camera(pose: np.ndarray) -> Cameras:
    """A page with the shape of the photographs."""
    return Cameras(
        camera_to_worlds=torch.from_numpy(pose).float()[None],
        **{"fx": FOCAL_PX, "fy": FOCAL_PX, "cx": WIDTH / 2, "cy": HEIGHT / 2},
        **{"width": WIDTH, "height": HEIGHT, "camera_type": CameraType.PERSPECTIVE},
        times=torch.zeros(1, 1),
        metadata={"cam_idx": 0},
    )


def camera_of(model: NeucamModel, frame: int) -> Cameras:
    return page_camera(model.capture.views.camera_to_world[frame])


class Page(SimpleNamespace):
    """viser's handle of a page whose camera is set."""

    def __init__(self) -> None:
        camera = SimpleNamespace(position=np.ones(3), fov=1.3, aspect=1.5, on_update=lambda callback: None)
        super().__init__(client_id=7, camera=camera, atomic=nullcontext)


@pytest.fixture
def page(viewer, monkeypatch) -> Page:
    """One that connects as soon as somebody asks to be told."""
    page = Page()
    monkeypatch.setattr(viewer.viser_server, "on_client_connect", lambda callback: callback(page))
    return page


def test_frustums_orbit_and_depth_are_nerfstudio_s(back, viewer):
    settle(viewer)
    labels = set(shown_labels(viewer))
    dials = {"Focus (m)", "Aperture (f-number)", "Exposure (stops)", "Tone mapping", "Click to Focus"}
    assert dials | {"Compare with frame", "Stand at the Reference", "Hide Train Cams", "Composite depth"} <= labels
    assert "Face the Picture" not in labels
    assert viewer.config.max_num_display_images == 512
    assert viewer.control_panel.layer_depth and viewer.control_panel.colormap_options.normalize


def test_a_page_opens_where_the_reference_frame_was_taken(page, back):
    np.testing.assert_allclose(page.camera.position, 0)
    np.testing.assert_allclose(page.camera.up_direction, [0, 1, 0])
    assert page.camera.look_at[2] < 0 and page.camera.fov == pytest.approx(2 * np.arctan(HEIGHT / 2 / FOCAL_PX))


def test_a_picture_is_taken_as_the_dials_say(back, model, viewer):
    turn(back.panel.sliders["focus_position"], 1.6)
    turn(back.panel.sliders["aperture"], 2)
    camera = camera_of(model, REFERENCE)
    settings = CameraSettings(1 / 1.6, aperture=2.0, frame=REFERENCE, most_lens_rays=QUICK_LENS_RAYS)
    taken = model.learned.renderer.render(view_of(camera), settings, ("rgb",))["rgb"]
    assert torch.equal(viewer.get_model().get_outputs_for_camera(camera)[PHOTOGRAPH], taken)
    own = model.learned.renderer.render(view_of(camera), CameraSettings(), ("rgb",))["rgb"]
    assert (taken - own).abs().max() > 0.01


def test_a_comparison_goes_to_the_photograph_and_shows_the_residual_there_alone(page, back, model, viewer):
    back.frame_dials.compare_with(NEAR)
    np.testing.assert_allclose(page.camera.position, [5.0, -20.0, 2.5])
    camera = camera_of(model, NEAR)
    residual = viewer.get_model().get_outputs_for_camera(camera)[RESIDUAL]
    settings = replace(model.learned.camera.settings_of_frame(NEAR), most_lens_rays=QUICK_LENS_RAYS)
    rgb = model.learned.renderer.render(view_of(camera), settings, ("rgb",))["rgb"]
    torch.testing.assert_close(residual, (4 * (rgb - 0.2).abs()).clamp(max=1), atol=1e-5, rtol=0)
    assert residual.max() > 0.1
    assert viewer.get_model().get_outputs_for_camera(camera_of(model, REFERENCE))[RESIDUAL].max() == 0


def test_frames_without_a_photograph_are_not_compared(viewer):
    capture = three_views()
    truth = (capture.frames[NEAR].path, None, capture.folder / "gt" / "truth.exr")
    capture.__dict__["radiance_truth"] = truth
    model = model_of(capture, NeucamModelConfig(scene=BlobsConfig(blobs=BLOBS), blur=ThinLensBlurConfig())).eval()
    back = CameraBack(model, Mock())
    back._setup(viewer)
    assert back.frame_dials._picker.options == ["none", "F1E0", "F2E0"]
    turn(back.frame_dials._picker, "F2E0")
    settle(viewer)
    assert back.frame_dials.compared_index == 2


@pytest.mark.parametrize("output", [PICTURE, PHOTOGRAPH])
def test_the_viewer_gets_depth_beside_the_picture_while_training_waits(back, model, viewer, output):
    """It looks at the depth while it holds the lock that keeps training out, which nobody may wait for then."""
    viewer.train_lock, viewer.step, viewer.include_time = threading.Lock(), 0, False
    viewer.render_tab_state = SimpleNamespace(preview_render=False)
    viewer.control_panel.update_output_options([PICTURE, PHOTOGRAPH])
    turn(viewer.control_panel._output_render, output)
    machine = RenderStateMachine(viewer, 10.0, Mock(camera=SimpleNamespace(aspect=1.5)))
    pose = torch.from_numpy(model.capture.views.camera_to_world[REFERENCE])
    state = CameraState(2 * np.arctan(1 / 3), aspect=1.5, c2w=pose, camera_type=CameraType.PERSPECTIVE)
    done = []
    thread = threading.Thread(target=lambda: done.append(machine._render_img(state)), daemon=True)
    thread.start()
    thread.join(20)
    assert done, "it waits for its own lock"
    (outputs,) = done
    # The middle of the ball is 4 world units ahead, and one cannot see far into it.
    height, width = outputs["depth"].shape[:2]
    seen = outputs["gl_z_buf_depth"][height // 2, round(width * (0.5 - 0.5 / 4 * FOCAL_PX / WIDTH))]
    assert 2.9 < float(seen) < 3.3
