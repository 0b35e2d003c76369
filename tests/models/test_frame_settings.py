"""Rays of captured frames take the frame's learned settings; others those of the nearest in time, or the dials'."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle
from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.models.frame_settings import (
    FramesInTime,
    check_bracket,
    exposures_differ,
    settings_of_rays,
    times_of_rays,
)
from neucam_nerfstudio.viewer.dials import DialSettings

from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.errors import NeucamError

NOW = torch.zeros(2, 1)
DIALS = DialSettings(0.25, 2.0, -1.5, -1.5, "reinhard")
CAMERA = ImplicitCamera(
    FocusPositions((-0.9, 0.1, 1.1)), None, SettingExposures((-3.0, 0.0, 2.5), 1, "fix"), response=None
)


def rays(**metadata) -> RayBundle:
    return RayBundle(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 1), metadata=metadata)


def test_rays_of_frames_take_what_their_settings_have_learned():
    settings = settings_of_rays(
        CAMERA, rays(focus_index=torch.tensor([[2], [0]]), exposure_index=torch.tensor([[0], [2]])), NOW, DIALS, None
    )
    torch.testing.assert_close(settings.focus_position, torch.tensor([[1.1], [-0.9]]))
    torch.testing.assert_close(settings.exposure_stops, torch.tensor([[-3.0], [2.5]]))
    assert settings.aperture == 1.0


def test_indices_that_nerfstudio_turned_into_floats_are_understood():
    settings = settings_of_rays(
        CAMERA,
        rays(focus_index=torch.tensor([[1.0], [1.0]]), exposure_index=torch.tensor([[0.0, 1.0, 2.0]] * 2)),
        *(NOW, DIALS, None),
    )
    assert settings.focus_position.shape == (2, 1)
    assert settings.exposure_stops.tolist() == [[-3.0, 0.0, 2.5]] * 2


@pytest.mark.parametrize("metadata", [{}, {"cam_idx": 0}], ids=["a path's camera", "the viewer's camera"])
def test_other_rays_take_the_dials(metadata):
    settings = settings_of_rays(CAMERA, rays(**metadata), NOW, DIALS, None)
    assert settings.focus_position.tolist() == [[0.25]] * 2
    assert settings.exposure_stops.tolist() == [[-1.5]] * 2
    assert settings.aperture == 2.0


def path(*times: float) -> RayBundle:
    """Rays of a camera that tells only its time."""
    bundle = RayBundle(torch.zeros(len(times), 3), torch.zeros(len(times), 3), torch.zeros(len(times), 1))
    bundle.times = torch.tensor(times)[:, None]
    return bundle


@pytest.fixture
def three_moments(desk_with_frames):
    """Frames at 0, 0.5 and 1, whose exposures alternate between settings 0 and 2."""
    capture = desk_with_frames(3)
    frames = [dataclasses.replace(frame, exposure_index=2 * (i % 2)) for i, frame in enumerate(capture.frames)]
    return dataclasses.replace(capture, frames=tuple(frames))


def test_rays_without_a_time_see_the_reference_frame_s_moment():
    still = rays()
    assert still.times is None and times_of_rays(still, 0.4).tolist() == [[pytest.approx(0.4)]] * 2
    moving = path(0.1, 0.9)
    assert times_of_rays(moving, 0.4) is moving.times


def test_rays_in_time_take_the_settings_of_the_nearest_frame(three_moments):
    bundle = path(0.0, 0.2, 0.3, 0.7, 0.8, 1.0)
    settings = settings_of_rays(CAMERA, bundle, bundle.times, DIALS, FramesInTime(three_moments))
    torch.testing.assert_close(settings.focus_position[:, 0], torch.tensor([-0.9, -0.9, 0.1, 0.1, 1.1, 1.1]))
    torch.testing.assert_close(settings.exposure_stops[:, 0], torch.tensor([-3.0, -3.0, 2.5, 2.5, -3.0, -3.0]))
    assert settings.aperture == 2.0


def test_held_out_frames_lend_no_settings(three_moments):
    capture = dataclasses.replace(three_moments, train_indices=(0, 2), eval_indices=(1,))
    bundle = path(0.4, 0.6)
    settings = settings_of_rays(CAMERA, bundle, bundle.times, DIALS, FramesInTime(capture))
    torch.testing.assert_close(settings.focus_position[:, 0], torch.tensor([-0.9, 1.1]))


@pytest.mark.parametrize("turned", ["focus_turned", "exposure_turned"])
def test_a_turned_dial_wins_over_the_nearest_frame(three_moments, turned):
    bundle = path(0.5)
    dials = dataclasses.replace(DIALS, **{turned: True})
    settings = settings_of_rays(CAMERA, bundle, bundle.times, dials, FramesInTime(three_moments))
    focus, stops = settings.focus_position.item(), settings.exposure_stops.item()
    assert focus == pytest.approx(0.25 if turned == "focus_turned" else 0.1)
    assert stops == pytest.approx(-1.5 if turned == "exposure_turned" else 2.5)


def test_one_known_exposure_makes_no_high_dynamic_range(desk):
    check_bracket(desk)
    one = dataclasses.replace(desk, exposures=dataclasses.replace(desk.exposures, stops=(1.0, 1.0, 1.0)))
    with pytest.raises(NeucamError) as refusal:
        check_bracket(one)
    said = str(refusal.value)
    assert "TinyDesk: all 9 training frames have one exposure (+1 stops by exposure.txt); expected at least two" in said
    assert "neucam-deblur for a video and neucam-multifocus for a focus stack" in said
    check_bracket(dataclasses.replace(one, exposures=dataclasses.replace(one.exposures, mode="learn")))


@pytest.mark.parametrize(
    ("trained", "stops", "mode", "differ"),
    [
        pytest.param(range(9), (-3.0, 0.0, 3.0), "fix", True, id="a bracket"),
        pytest.param((1, 4, 7), (-3.0, 0.0, 3.0), "fix", False, id="one of three exposures is trained on"),
        pytest.param(range(9), (1.0, 1.0, 1.0), "fix", False, id="equal exposures"),
        pytest.param(range(9), (0.0, 0.0, 0.0), "learn", True, id="unknown exposures"),
    ],
)
def test_whether_exposures_differ_is_judged_by_the_training_frames(desk, trained, stops, mode, differ):
    exposures = dataclasses.replace(desk.exposures, stops=stops, mode=mode)
    assert exposures_differ(dataclasses.replace(desk, train_indices=tuple(trained), exposures=exposures)) == differ
