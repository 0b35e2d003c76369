"""The settings of a frame as they are learned; and what settings that are left out stand for."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.camera.settings import CameraSettings
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.scene.moving_scene import MovingGridSceneConfig

from ..learned import capture_of, learn, moving_capture_of

STILL = capture_of(
    4, 6, stops=(-3.0, 0.0, 2.5), positions=(-0.9, 0.1, 1.1), mode="learn", reference_index=4
)  # frame 4 is the middle exposure of the middle focus
NOW = torch.zeros(2, 1)


def camera_of(capture: Capture, blur: BlurConfig | None = None) -> ImplicitCamera:
    scene = MovingGridSceneConfig() if capture.moves else None
    return learn(capture, scene=scene, blur=blur or (BlurConfig() if capture.moves else None)).camera


@pytest.fixture
def moments() -> Capture:
    """Frames at 0, 0.5 and 1 with focus settings of their own, whose exposures alternate between two settings."""
    capture = moving_capture_of(4, 6, (0.0, 0.5, 1.0))
    frames = [
        dataclasses.replace(frame, focus_index=i, exposure_index=2 * (i % 2)) for i, frame in enumerate(capture.frames)
    ]
    return dataclasses.replace(
        capture,
        frames=tuple(frames),
        exposures=dataclasses.replace(capture.exposures, stops=(-3.0, 0.0, 2.5)),
        focuses=dataclasses.replace(capture.focuses, positions=(-0.9, 0.1, 1.1)),
    )


def columns(settings: CameraSettings) -> tuple[list[float], list[float]]:
    """Focus positions and stops of the rays."""
    values = settings.focus_position[:, 0].tolist(), settings.exposure_stops[:, 0].tolist()
    return tuple([pytest.approx(value) for value in column] for column in values)


def test_a_frame_has_what_its_settings_have_learned():
    camera = camera_of(STILL)
    with torch.no_grad():
        camera.focus.positions[2] = 1.5
        camera.exposures.learned_stops[0] = 0.25
    settings = camera.settings_of_frame(6)
    assert settings == CameraSettings(1.5, exposure_stops=-2.75, frame=6)


def test_a_frame_that_was_held_out_of_what_moves_has_those_of_the_nearest_in_time(moments):
    held_out = dataclasses.replace(moments, train_indices=(0, 2), eval_indices=(1,), times=(0.0, 0.7, 1.0))
    held_out = dataclasses.replace(held_out, reference_index=0)
    settings = camera_of(held_out).settings_of_frame(1)
    assert settings.focus_position == pytest.approx(1.1) and settings.exposure_stops == -3.0
    assert (settings.time, settings.frame) == (0.7, 1)


def test_left_out_settings_are_those_of_the_reference_frame():
    assert columns(camera_of(STILL).resolved(CameraSettings(), NOW)) == ([0.1, 0.1], [0.0, 0.0])


def test_left_out_settings_are_those_of_the_frame_that_is_named():
    assert columns(camera_of(STILL).resolved(CameraSettings(frame=8), NOW)) == ([1.1, 1.1], [2.5, 2.5])


def test_told_settings_win_one_by_one():
    camera = camera_of(STILL)
    assert columns(camera.resolved(CameraSettings(0.4, frame=8), NOW)) == ([0.4, 0.4], [2.5, 2.5])
    assert columns(camera.resolved(CameraSettings(exposure_stops=-1.5), NOW)) == ([0.1, 0.1], [-1.5, -1.5])


def test_all_is_told_for_every_ray_and_the_rest_stays():
    settings = CameraSettings(0.4, aperture=2.0, exposure_stops=1.0, developed=False)
    resolved = camera_of(STILL).resolved(settings, NOW)
    assert resolved.focus_position.shape == resolved.exposure_stops.shape == (2, 1)
    assert resolved.time is NOW and resolved.aperture == 2.0 and not resolved.developed


def test_several_exposures_of_a_ray_stay_several():
    stops = torch.tensor([[-1.0, 0.0, 1.0]] * 2)
    assert torch.equal(camera_of(STILL).resolved(CameraSettings(exposure_stops=stops), NOW).exposure_stops, stops)


def test_rays_in_time_take_the_settings_of_the_nearest_frame(moments):
    times = torch.tensor([0.0, 0.2, 0.3, 0.7, 0.8, 1.0])[:, None]
    focus, stops = columns(camera_of(moments).resolved(CameraSettings(), times))
    assert focus == [-0.9, -0.9, 0.1, 0.1, 1.1, 1.1] and stops == [-3.0, -3.0, 2.5, 2.5, -3.0, -3.0]


def test_held_out_frames_lend_no_settings(moments):
    capture = dataclasses.replace(moments, train_indices=(0, 2), eval_indices=(1,), reference_index=0)
    focus, _ = columns(camera_of(capture).resolved(CameraSettings(), torch.tensor([[0.4], [0.6]])))
    assert focus == [-0.9, 1.1]


def test_a_named_frame_of_what_moves_lends_its_settings_at_all_times(moments):
    times = torch.tensor([[0.0], [1.0]])
    assert columns(camera_of(moments).resolved(CameraSettings(frame=1), times)) == ([0.1, 0.1], [2.5, 2.5])


def test_a_told_setting_wins_over_the_nearest_frame(moments):
    times = torch.tensor([[0.5]])
    assert columns(camera_of(moments).resolved(CameraSettings(0.25), times)) == ([0.25], [2.5])


def test_dials_are_of_the_parts_that_make_a_difference(moments):
    def dialled(camera: ImplicitCamera) -> list[str]:
        return [dial.setting for dial in camera.dials()]

    assert dialled(camera_of(STILL)) == ["focus_position", "aperture", "exposure_stops", "developed"]
    assert dialled(camera_of(moments)) == ["exposure_stops", "developed"]
    assert dialled(camera_of(moments, MotionBlurConfig())) == ["aperture", "exposure_stops", "developed"]
    assert camera_of(STILL).has_focus and not camera_of(moments, MotionBlurConfig()).has_focus


def test_where_nothing_blurs_the_focus_is_not_learned(moments):
    assert len(camera_of(moments).parts()) == 2 and len(camera_of(STILL).parts()) == 4


def test_nothing_of_the_tables_goes_into_a_checkpoint():
    assert not {"focus_of_frame", "exposure_of_frame", "train_frames", "boundaries"} & set(
        camera_of(STILL).state_dict()
    )
