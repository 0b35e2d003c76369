"""Rays of captured frames take the frame's learned settings; all other rays take the dials'."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from nerfstudio.cameras.rays import RayBundle

from neucam_nerfstudio.camera.exposure.setting_exposures import SettingExposures
from neucam_nerfstudio.camera.focus.focus_positions import FocusPositions
from neucam_nerfstudio.camera.implicit_camera import ImplicitCamera
from neucam_nerfstudio.models.dials import DialSettings
from neucam_nerfstudio.models.frame_settings import exposures_differ, settings_of_rays

DIALS = DialSettings(0.25, 2.0, -1.5, -1.5, "reinhard")
CAMERA = ImplicitCamera(
    FocusPositions((-0.9, 0.1, 1.1)), None, SettingExposures((-3.0, 0.0, 2.5), 1, "fix"), response=None
)


def rays(**metadata) -> RayBundle:
    return RayBundle(torch.zeros(2, 3), torch.zeros(2, 3), torch.zeros(2, 1), metadata=metadata)


def test_rays_of_frames_take_what_their_settings_have_learned():
    settings = settings_of_rays(
        CAMERA, rays(focus_index=torch.tensor([[2], [0]]), exposure_index=torch.tensor([[0], [2]])), DIALS
    )
    torch.testing.assert_close(settings.focus_position, torch.tensor([[1.1], [-0.9]]))
    torch.testing.assert_close(settings.exposure_stops, torch.tensor([[-3.0], [2.5]]))
    assert settings.aperture == 1.0


def test_indices_that_nerfstudio_turned_into_floats_are_understood():
    settings = settings_of_rays(
        CAMERA,
        rays(focus_index=torch.tensor([[1.0], [1.0]]), exposure_index=torch.tensor([[0.0, 1.0, 2.0]] * 2)),
        DIALS,
    )
    assert settings.focus_position.shape == (2, 1)
    assert settings.exposure_stops.tolist() == [[-3.0, 0.0, 2.5]] * 2


@pytest.mark.parametrize("metadata", [{}, {"cam_idx": 0}], ids=["a path's camera", "the viewer's camera"])
def test_other_rays_take_the_dials(metadata):
    settings = settings_of_rays(CAMERA, rays(**metadata), DIALS)
    assert settings.focus_position.tolist() == [[0.25]] * 2
    assert settings.exposure_stops.tolist() == [[-1.5]] * 2
    assert settings.aperture == 2.0


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
