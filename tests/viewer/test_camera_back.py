"""The camera's back holds what the viewer shows beside the picture, and takes pictures as its dials say."""

import threading
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from nerfstudio.cameras.cameras import Cameras, CameraType
from nerfstudio.data.scene_box import SceneBox
from nerfstudio.viewer.render_state_machine import RenderStateMachine
from nerfstudio.viewer.utils import CameraState, parse_object
from nerfstudio.viewer.viewer_elements import ViewerControl, ViewerElement
from nerfstudio.viewer_legacy.server.viewer_utils import IOChangeException, SetTrace

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.response.response import ResponseConfig
from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.models.neucam_model import NeucamModel, NeucamModelConfig, view_of
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig
from neucam_nerfstudio.viewer.camera_back import CameraBack
from neucam_nerfstudio.viewer.listed_outputs import RESIDUAL

from .conftest import learn, settle, shown_labels, turn

DIALS = {"Exposure (stops)", "Tone mapping", "Compare with frame", "Face the Picture"}
DIALS_OF_A_LENS = {"Focus (position)", "Aperture (x as shot)", "Click to Focus"}
PICTURE, PHOTOGRAPH = "All in focus, HDR", "Photograph"


def build_model(capture, **parts) -> NeucamModel:
    """As nerfstudio builds it; a still scene is dark and in focus at the left, and bright and far at the right."""
    box = SceneBox(aabb=torch.tensor([[-1.0] * 3, [1.0] * 3]))
    metadata = {"capture": capture, "pixels": capture}
    model = NeucamModelConfig(**parts).setup(scene_box=box, num_train_data=9, metadata=metadata)
    if not capture.moves:
        across = torch.linspace(-3, 3, capture.width).expand(capture.height, -1)
        model.learned.scene.field.pyramid.start_from(across[..., None].expand(-1, -1, 3))
        if model.learned.camera.has_focus:
            model.learned.camera.blur.defocus.start_from(across[..., None] + 3)
    return model.eval()


@pytest.fixture
def model(desk) -> NeucamModel:
    return build_model(desk)


@pytest.fixture
def back(model, desk, viewer) -> CameraBack:
    """The back of a still scene's camera, in a viewer."""
    back = CameraBack(model, PixelStore(desk).whole)
    back._setup(viewer)
    return back


def page_camera(height: int = 20, width: int = 30, time: float = 0.0) -> Cameras:
    """Faces the picture, which just fills its view, as the viewer does."""
    pose = torch.tensor([[[-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 1.0], [0.0, 1.0, 0.0, 0.0]]])
    return Cameras(
        camera_to_worlds=pose,
        **{"fx": float(width), "fy": float(width), "cx": width / 2, "cy": height / 2},
        **{"width": width, "height": height, "camera_type": CameraType.PERSPECTIVE},
        times=torch.tensor([[time]]),
        metadata={"cam_idx": 0},
    )


def expected(model, name: str, settings: CameraSettings) -> torch.Tensor:
    return model.learned.renderer.render(view_of(page_camera()), settings, (name,))[name]


@pytest.mark.parametrize("has_lens", [True, False])
def test_viewer_shows_the_dials_that_the_camera_has(desk, viewer, has_lens):
    parts = {} if has_lens else {"blur": BlurConfig(), "response": ResponseConfig()}
    CameraBack(build_model(desk, **parts), PixelStore(desk).whole)._setup(viewer)
    labels = set(shown_labels(viewer))
    assert DIALS <= labels
    assert labels & (DIALS_OF_A_LENS | {"Response"}) == (DIALS_OF_A_LENS | {"Response"} if has_lens else set())


def test_viewer_shows_shares_as_they_are_and_nothing_in_front_of_the_picture(back, viewer):
    assert not viewer.control_panel.colormap_options.normalize
    assert not viewer.control_panel.layer_depth
    assert viewer.config.max_num_display_images == 0
    assert not {"Hide Train Cams", "Show Train Cams"} & set(shown_labels(viewer))


def test_nerfstudio_finds_the_back_on_a_pipeline_and_sets_up_each_dial_once(back, model):
    pipeline = SimpleNamespace(camera_back=back, model=model)
    assert [control for _, control in parse_object(pipeline, ViewerControl, "")] == [back]
    assert parse_object(pipeline, ViewerElement, "") == []


def test_a_picture_is_taken_as_the_dials_say(back, model, viewer):
    turn(back.panel.sliders["exposure_stops"], 1.5)
    turn(back.panel.sliders["aperture"], 2.0)
    turn(back.panel.tone_mapping, "filmic")
    outputs = viewer.get_model().get_outputs_for_camera(page_camera())
    settings = CameraSettings(aperture=2.0, exposure_stops=1.5, display=Display("filmic", 1.5))
    assert torch.equal(outputs[PICTURE], expected(model, "all_in_focus_hdr", settings))
    assert torch.equal(outputs[PHOTOGRAPH], expected(model, "rgb", settings))
    assert (outputs[PHOTOGRAPH] - expected(model, "rgb", CameraSettings(exposure_stops=1.5))).abs().max() > 0.01


def test_the_viewer_s_model_is_ours_in_all_else(back, model, viewer):
    shown = viewer.get_model()
    assert shown.device == model.device and shown.config is model.config
    shown.eval()
    assert not shown.training and not model.training


def test_of_what_moves_the_time_is_the_viewer_s_and_smooth_paths_may_go_beyond_it(desk, viewer):
    frames = [replace(desk.frames[index], focus_index=0, exposure_index=index % 2) for index in range(3)]
    walk = replace(
        desk,
        **{"frames": tuple(frames), "train_indices": (0, 1, 2), "eval_indices": (0, 1, 2), "reference_index": 1},
        **{"exposures": replace(desk.exposures, stops=(-1.0, 1.0)), "focuses": replace(desk.focuses, positions=(0.0,))},
        **{"moves": True, "times": (0.0, 0.5, 1.0)},
    )
    model = build_model(walk, scene=MovingGridSceneConfig(), blur=BlurConfig())
    grey = torch.tensor([-3.0, 0.0, 1.0])[:, None, None, None].expand(3, walk.height, walk.width, 3)
    model.learned.scene.field.foreground.start_from(grey)
    model.learned.scene.field.opacity.start_from(torch.full((3, walk.height, walk.width), 0.999))
    back = CameraBack(model, PixelStore(walk).whole)
    back._setup(viewer)
    photographs = {}
    for time in (-0.001, 0.0, 0.5, 1.0, 1.001):
        outputs = viewer.get_model().get_outputs_for_camera(page_camera(time=time))
        photographs[time] = outputs[PHOTOGRAPH]
        settings = CameraSettings(time=min(max(time, 0), 1))
        assert torch.equal(photographs[time], expected(model, "rgb", settings))
    assert torch.equal(photographs[-0.001], photographs[0.0]) and torch.equal(photographs[1.001], photographs[1.0])
    assert photographs[0.0].mean() < photographs[0.5].mean()


def test_a_comparison_shows_the_residual_of_the_photograph_at_its_settings(desk, model, viewer):
    """Of any number type; the photograph is decoded once, however many pictures are taken."""
    asked = []

    def sixteen_bit(index: int) -> np.ndarray:
        asked.append(index)
        return np.asarray(PixelStore(desk)[index]).astype(np.uint16) * 257

    back = CameraBack(model, sixteen_bit)
    back._setup(viewer)
    assert viewer.get_model().get_outputs_for_camera(page_camera())[RESIDUAL].max() == 0
    assert asked == []
    back.frame_dials.compare_with(2)
    outputs = [viewer.get_model().get_outputs_for_camera(page_camera(60, 90)) for _ in range(2)]
    assert asked == [2]
    photographed = torch.from_numpy(np.asarray(PixelStore(desk)[2]).astype(np.float32) / 255)
    settings = CameraSettings(frame=2)
    rgb = model.learned.renderer.render(view_of(page_camera(60, 90)), settings, ("rgb",))["rgb"]
    torch.testing.assert_close(outputs[1][RESIDUAL], (4 * (rgb - photographed).abs()).clamp(max=1), atol=1e-4, rtol=0)


@pytest.fixture
def renderings(monkeypatch, model) -> list[str]:
    """The outputs that have been rendered, by the viewer's names."""
    names, render = [], model.learned.renderer.render

    def recorded(view, settings, outputs):
        names.extend(outputs)
        return render(view, settings, outputs)

    monkeypatch.setattr(model.learned.renderer, "render", recorded)
    return names


def test_only_what_is_looked_at_is_rendered(back, viewer, renderings):
    outputs = viewer.get_model().get_outputs_for_camera(page_camera())
    assert list(outputs) == [
        *(PICTURE, PHOTOGRAPH, RESIDUAL, "All in focus, developed", "As focused, HDR", "Defocus (of largest)"),
        *("Confidence", "accumulation", "depth"),
    ]
    assert renderings == [PHOTOGRAPH]
    assert outputs[PHOTOGRAPH].shape == (20, 30, 3) and renderings == [PHOTOGRAPH]
    assert outputs["Defocus (of largest)"].shape == (20, 30, 1) and renderings[1:] == ["Defocus (of largest)"]


def test_both_halves_of_a_split_view_are_rendered_at_once(back, viewer, renderings):
    turn(viewer.control_panel._split, True)
    turn(viewer.control_panel._split_output_render, RESIDUAL)
    viewer.get_model().get_outputs_for_camera(page_camera())
    assert sorted(renderings) == [PHOTOGRAPH, RESIDUAL]


def test_before_the_viewer_knows_what_there_is_the_first_output_is_rendered(back, viewer, renderings):
    viewer.control_panel.update_output_options(["not set"])
    viewer.get_model().get_outputs_for_camera(page_camera())
    assert renderings == [PICTURE]


def machine_of(viewer, model) -> RenderStateMachine:
    """nerfstudio's thread that renders for a page, beside training; it is not started."""
    viewer.train_lock, viewer.step, viewer.include_time = threading.Lock(), 0, False
    viewer.render_tab_state = SimpleNamespace(preview_render=False)
    viewer.update_colormap_options = viewer.update_split_colormap_options = Mock()
    viewer.make_stats_markdown = Mock(return_value="")
    model.train()
    return RenderStateMachine(viewer, 10.0, Mock(camera=SimpleNamespace(aspect=1.5)))


CAMERA_STATE = CameraState(
    2 * np.arctan(1 / 3), aspect=1.5, c2w=page_camera().camera_to_worlds[0], camera_type=CameraType.PERSPECTIVE
)


@pytest.fixture
def watched(monkeypatch, model, viewer) -> list[tuple[str, bool, bool]]:
    """Of each rendering: the output, whether training waits for it, and whether the model is in evaluation mode."""
    seen, render = [], model.learned.renderer.render

    def recorded(view, settings, outputs):
        seen.extend((name, viewer.train_lock.locked(), not model.training) for name in outputs)
        return render(view, settings, outputs)

    monkeypatch.setattr(model.learned.renderer, "render", recorded)
    return seen


@pytest.mark.parametrize("split", [False, True])
def test_what_is_looked_at_is_rendered_while_training_waits(back, model, viewer, watched, split):
    machine = machine_of(viewer, model)
    machine._send_output_to_viewer(machine._render_img(CAMERA_STATE))  # tells the page what outputs there are
    watched.clear()
    if split:
        turn(viewer.control_panel._split, True)
        turn(viewer.control_panel._split_output_render, RESIDUAL)
    machine._send_output_to_viewer(machine._render_img(CAMERA_STATE))
    assert watched == [(name, True, True) for name in [PHOTOGRAPH, RESIDUAL][: 2 if split else 1]]
    assert model.training and not viewer.train_lock.locked()
    (shown,), _ = machine.client.scene.set_background_image.call_args
    assert shown.shape[2] == 3 and shown.mean() > 10


def test_an_output_that_is_chosen_during_a_rendering_waits_for_training_too(back, model, viewer, watched):
    machine = machine_of(viewer, model)
    outputs = machine._render_img(CAMERA_STATE)
    turn(viewer.control_panel._output_render, "As focused, HDR")
    machine._send_output_to_viewer(outputs)
    assert watched == [(PHOTOGRAPH, True, True), ("As focused, HDR", True, True)]
    assert model.training and not viewer.train_lock.locked()


INTERRUPTED = {"neucam_nerfstudio", "nerfstudio", "viser", "threading.py", "contextlib.py"}
"""Whose lines are interrupted: those of the tests' own check of types would make another error of it."""


def test_a_rendering_that_is_interrupted_neither_turns_a_dial_nor_leaves_a_lock(back, model, viewer):
    """nerfstudio raises an exception in the thread that renders, at whichever line it is."""
    learned, shown, lines_left = model.learned, viewer.get_model(), 0

    def trace(frame, event, argument):
        nonlocal lines_left
        if not INTERRUPTED & set(Path(frame.f_code.co_filename).parts):
            return None
        lines_left -= event == "line"
        if lines_left < 0:
            raise IOChangeException
        return trace

    interrupted = 0
    for line in range(0, 100_000, 2):
        focus, stops = 0.01 * (1 + line % 7), 0.25 * (1 + line % 5)
        learn(learned, [-1.0, focus, 1.0], [-3.0, stops, 3.0])
        lines_left = line
        try:
            with SetTrace(trace):
                shown.get_outputs_for_camera(page_camera(2, 3))
            break
        except IOChangeException:
            interrupted += 1
        sliders = back.panel.sliders
        in_time = threading.Thread(target=back.panel.follow, daemon=True)
        in_time.start()
        in_time.join(10)
        assert not in_time.is_alive(), f"a lock is held since line {line}"
        assert back.panel.settings() == CameraSettings(frame=4)
        assert (sliders["focus_position"].value, sliders["exposure_stops"].value) == pytest.approx((focus, stops))
    settle(viewer)
    assert interrupted > 50
