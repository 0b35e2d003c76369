"""A moving scene starts where the classical estimate says, and its camera with it."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.classical.motion.moving_start import MovingStart
from neucam_nerfstudio.models.moving_start import (
    moving_estimate_from,
    said_of_moving_estimate,
    start_from_moving_estimate,
)

UV = torch.tensor([[0.5, 0.5], [0.2, 0.8]])


def estimate(frames: int = 3) -> MovingStart:
    """Frame i is a picture of log radiance i; what it shows lies 4 i px to the right in frame 1, which explains it."""
    offset_px = np.zeros((frames, 60, 90, 2), np.float32)
    offset_px[..., 0] = 4 * np.arange(frames)[:, None, None]
    levels = np.arange(frames, dtype=np.float32)[:, None, None, None]
    knots = np.linspace(-8, 4, 256).astype(np.float32)
    return MovingStart(
        log_exposure_knots=knots,
        response_values=np.repeat((1 / (1 + np.exp(-knots)))[:, None], 3, 1),
        exposure_stops=np.array([-2.0, 0.5, 2.5], np.float32)[:frames],
        anchor=1,
        canvas=np.ones((74, 112, 3), np.float32),
        squared_slope=np.full((74, 112), 0.25, np.float32),
        moments=np.broadcast_to(levels, (frames, 60, 90, 3)).copy(),
        offset_px=offset_px,
        agreement=np.full((frames, 60, 90), 0.75, np.float32),
    )


@pytest.fixture
def moving(desk_with_frames):
    return desk_with_frames(3)


def test_scene_holds_pictures_motion_and_agreement(build_model, moving):
    model = build_model(moving, scene="moving-grid", blur="none")
    start_from_moving_estimate(model.scene, model.camera, moving, estimate())
    for index, time in enumerate(moving.times):
        times = torch.full((2, 1), time)
        layers = model.scene.layers(UV, times)
        torch.testing.assert_close(layers.background, torch.ones(2, 3))
        torch.testing.assert_close(layers.foreground, torch.full((2, 3), float(index)), atol=1e-5, rtol=0)
        torch.testing.assert_close(layers.opacity, torch.full((2, 1), 0.25), atol=1e-4, rtol=0)
        offset = (model.scene.motion(UV, times) - UV) * torch.tensor([90.0, 60.0])
        torch.testing.assert_close(offset, torch.tensor([[4.0 * index, 0.0]] * 2), atol=1e-3, rtol=0)
    grey = model.camera.response(torch.zeros(1, 3))
    torch.testing.assert_close(grey, torch.full((1, 3), 0.5), atol=0.01, rtol=0)


def test_blurred_frames_start_at_their_moments_and_in_the_shared_picture(build_model, moving):
    """Means of 0, 4 and 8 px while the shutter is open; before the first and after the last frame nothing moves.

    So x0 = (8 * 0 - (x1 - x0)) / 8, x1 = 4 and x2 likewise.
    """
    model = build_model(moving, scene="moving-grid", blur="motion", response="srgb")
    start_from_moving_estimate(model.scene, model.camera, moving, estimate())
    offsets = [(model.scene.motion(UV, torch.full((2, 1), t)) - UV)[0, 0].item() * 90 for t in moving.times]
    assert offsets[1] == pytest.approx(4.0, abs=1e-3)
    assert offsets[0] == pytest.approx(-4 / 7, abs=1e-3) and offsets[2] == pytest.approx(8 + 4 / 7, abs=1e-3)
    assert model.scene.opacity(UV, torch.zeros(2, 1)).max() < 0.03


def test_exposures_start_as_estimated_only_where_unknown(build_model, moving):
    given = build_model(moving, scene="moving-grid", blur="none")
    start_from_moving_estimate(given.scene, given.camera, moving, estimate())
    assert given.camera.exposures.stops.tolist() == pytest.approx([moving.exposure_stops(i) for i in range(3)])
    unknown = dataclasses.replace(
        moving, exposures=dataclasses.replace(moving.exposures, stops=(0.0,) * 3, source="unknown", mode="learn")
    )
    learned = build_model(unknown, scene="moving-grid", blur="none")
    start_from_moving_estimate(learned.scene, learned.camera, unknown, estimate())
    stops = learned.camera.exposures.stops.detach()
    assert (stops - stops[1]).tolist() == pytest.approx([-2.5, 0.0, 2.0], abs=1e-5)
    assert "F0E0 -2.00, F0E1 +0.50" in said_of_moving_estimate(unknown, estimate())


def test_says_what_is_shared(moving):
    said = said_of_moving_estimate(moving, estimate())
    assert said == "Classical start: the shared picture is F0E1, which explains 75% of what all frames show."


def test_shared_picture_is_the_reference_unless_frames_are_blurred(moving):
    bracket = moving_estimate_from(moving, PixelStore(moving).stack(moving.train_indices), is_blurred=False)
    assert bracket.anchor == moving.reference_index
    assert bracket.exposure_stops.tolist() == [moving.exposure_stops(i) for i in range(3)]
