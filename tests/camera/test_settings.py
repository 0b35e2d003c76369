"""How a picture is taken is one value, which only physics limits."""

from __future__ import annotations

import dataclasses
import math

import pytest
import torch

from neucam_nerfstudio.camera.settings import CameraSettings, Display
from neucam_nerfstudio.errors import NeucamError


def test_by_default_all_is_as_captured():
    settings = CameraSettings()
    assert (settings.focus_position, settings.exposure_stops, settings.time, settings.frame) == (None,) * 4
    assert settings.aperture == 1.0 and settings.developed and settings.display == Display("reinhard", 0.0)


@pytest.mark.parametrize("name", ["focus_position", "aperture", "exposure_stops", "time"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_numbers_are_finite(name, value):
    with pytest.raises(NeucamError, match=f"{name} {value}: expected a finite number"):
        CameraSettings(**{name: value})


def test_an_aperture_is_open_or_closed():
    assert CameraSettings(aperture=0.0).aperture == 0.0 and CameraSettings(aperture=50.0).aperture == 50.0
    with pytest.raises(NeucamError, match=r"aperture -0.5: expected 0 \(all in focus\), 1 \(as captured\) or more"):
        CameraSettings(aperture=-0.5)


@pytest.mark.parametrize("time", [-0.01, 1.01])
def test_a_moment_lies_between_the_first_frame_and_the_last(time):
    assert [CameraSettings(time=end).time for end in (0.0, 1.0)] == [0.0, 1.0]
    with pytest.raises(NeucamError, match=f"time {time:g}: expected from 0"):
        CameraSettings(time=time)


def test_focus_and_exposure_are_free():
    settings = CameraSettings(focus_position=-40.0, exposure_stops=25.0)
    assert (settings.focus_position, settings.exposure_stops) == (-40.0, 25.0)


def test_rays_may_differ():
    stops = torch.tensor([[-1.0, 0.0], [1.0, 2.0]])
    settings = CameraSettings(torch.zeros(2, 1), exposure_stops=stops, time=torch.tensor([[0.0], [1.0]]))
    assert settings.exposure_stops is stops


def test_is_never_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CameraSettings().aperture = 2.0


def test_exposed_brightens_what_is_tone_mapped_as_much_as_photographs():
    taken = CameraSettings(exposure_stops=1.0, display=Display("log", exposure_stops=0.25))
    brighter = taken.exposed(3.0, own_stops=1.0)
    assert brighter.exposure_stops == 3.0 and brighter.display == Display("log", exposure_stops=2.25)
    assert brighter.exposed(1.0, own_stops=3.0) == taken
    assert taken.exposed(1.0, own_stops=1.0) == taken
