"""Our scene that moves: started from light lent along optical flow, and what training holds it to."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from neucam_nerfstudio.camera.blur.blur_generator import BlurConfig
from neucam_nerfstudio.camera.blur.motion_blur import MotionBlurConfig
from neucam_nerfstudio.camera.response.response import SrgbResponseConfig
from neucam_nerfstudio.classical.motion.moving_start import MovingStart
from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.models.learned_capture import LearnedCapture
from neucam_nerfstudio.parts import Start, TrainingRays
from neucam_nerfstudio.scene.moving_scene import MovingGridScene, MovingGridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces

from ..learned import learn, moving_capture_of, photographs_of

UV = torch.tensor([[0.5, 0.5], [0.2, 0.8]])
NOTHING = {
    "start_mult": 0.0,
    "opacity_mult": 0.0,
    "blurred_opacity_mult": 0.0,
    "motion_variation_mult": 0.0,
}


def estimate(frames: int = 3) -> MovingStart:
    """Frame i is a picture of log radiance i; what it shows lies 4 i px to the right in frame 1, which explains it."""
    offset_px = np.zeros((frames, 60, 90, 2), np.float32)
    offset_px[..., 0] = 4 * np.arange(frames)[:, None, None]
    levels = np.arange(frames, dtype=np.float32)[:, None, None, None]
    knots = np.linspace(-8, 4, 256).astype(np.float32)
    return MovingStart(
        response=ResponseTable(knots, np.repeat((1 / (1 + np.exp(-knots)))[:, None], 3, 1)),
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


def started(capture, **parts: object) -> tuple[LearnedCapture, str]:
    """All parts, started from the estimate above, and what they said."""
    learned = learn(capture, MovingGridSceneConfig(), **{"blur": BlurConfig(), **parts})
    share = None if learned.camera.blur is None else 1.0
    start = Start(capture, photographs_of(capture), estimate(), shutter_open_share=share)
    return learned, " ".join(said for part in learned.parts() if (said := part.start(start)) is not None)


def test_holds_pictures_motion_and_agreement(moving):
    learned, _ = started(moving)
    field = learned.scene.field
    for index, time in enumerate(moving.times):
        times = torch.full((2, 1), time)
        layers = field.layers(UV, times)
        torch.testing.assert_close(layers.background, torch.ones(2, 3))
        torch.testing.assert_close(layers.foreground, torch.full((2, 3), float(index)), atol=1e-5, rtol=0)
        torch.testing.assert_close(layers.opacity, torch.full((2, 1), 0.25), atol=1e-4, rtol=0)
        offset = (field.motion(UV, times) - UV) * torch.tensor([90.0, 60.0])
        torch.testing.assert_close(offset, torch.tensor([[4.0 * index, 0.0]] * 2), atol=1e-3, rtol=0)
    grey = learned.camera.response(torch.zeros(1, 3))
    torch.testing.assert_close(grey, torch.full((1, 3), 0.5), atol=0.01, rtol=0)


def test_blurred_frames_start_at_their_moments_and_in_the_shared_picture(moving):
    """Means of 0, 4 and 8 px while the shutter is open are even motion, which goes on before and after: its moments."""
    learned, _ = started(moving, blur=MotionBlurConfig(), response=SrgbResponseConfig())
    field = learned.scene.field
    offsets = [(field.motion(UV, torch.full((2, 1), t)) - UV)[0, 0].item() * 90 for t in moving.times]
    assert offsets[1] == pytest.approx(4.0, abs=1e-3)
    assert offsets[0] == pytest.approx(0, abs=1e-3) and offsets[2] == pytest.approx(8, abs=1e-3)
    around = field.motion.offset_px.learned()[[0, -1], 0, 3, 3].tolist()
    assert around == pytest.approx([-4, 12], abs=1e-3)
    assert field.opacity(UV, torch.zeros(2, 1)).max() < 0.03


def test_exposures_start_as_estimated_only_where_unknown(moving):
    given, _ = started(moving)
    assert given.camera.exposures.stops.tolist() == pytest.approx([moving.exposure_stops(i) for i in range(3)])
    unknown = dataclasses.replace(
        moving, exposures=dataclasses.replace(moving.exposures, stops=(0.0,) * 3, source="unknown", mode="learn")
    )
    learned, said = started(unknown)
    stops = learned.camera.exposures.stops.detach()
    assert (stops - stops[1]).tolist() == pytest.approx([-2.5, 0.0, 2.0], abs=1e-5)
    assert "Exposures in stops: F0E0 -2.00, F0E1 +0.50" in said


def test_says_what_is_shared(moving):
    assert started(moving)[1] == "The shared picture is F0E1, which explains 75% of what all frames show."


def test_what_is_not_learned_of_a_large_picture_is_said(moving):
    scene = MovingGridScene(MovingGridSceneConfig(most_learned_cells=2100), moving)
    said = scene.start(Start(moving, photographs_of(moving), estimate()))
    assert "finer than 56x37 cells" in said  # half of the canvas, which is 112 x 74
    assert f"most-learned-cells {112 * 74} " in said and f"rays-per-batch {112 * 74 // 16} " in said


def test_shared_picture_is_the_reference_unless_frames_are_blurred(moving):
    scene = MovingGridScene(MovingGridSceneConfig(), moving)
    bracket = scene.estimate(Start(moving, photographs_of(moving)), None)
    assert bracket.estimate.anchor == moving.reference_index
    assert bracket.estimate.exposure_stops.tolist() == [moving.exposure_stops(i) for i in range(3)]
    np.testing.assert_array_equal(bracket.light_of(2), bracket.estimate.moments[2])


def scene_of(**config: float) -> MovingGridScene:
    """Three moments of 60 x 90 pixels; no losses but those that are told."""
    return MovingGridScene(MovingGridSceneConfig(**{**NOTHING, **config}), moving_capture_of(60, 90, (0.0, 0.5, 1.0)))


def losses_of(scene: MovingGridScene, blur_radius_px: torch.Tensor | None = None) -> dict[str, float]:
    places = PlanePlaces(UV, torch.zeros(2, 1))
    radius = None if blur_radius_px is None else lambda: blur_radius_px
    rays = TrainingRays(places, torch.zeros(2, dtype=torch.long), step=0, blur_radius_px=radius)
    return {name: loss.item() for name, loss in scene.losses(rays).items()}


def test_without_weights_there_are_no_losses():
    assert losses_of(scene_of(), torch.ones(2, 1)) == {}


def test_what_frames_share_is_held_to_its_start():
    scene = scene_of(start_mult=1.0)
    canvas = scene.field.canonical.picture()
    scene.field.canonical.start_from(torch.zeros_like(canvas), torch.ones(canvas.shape[:2]))
    with torch.no_grad():
        scene.field.canonical.pyramid.grids[0] += 0.1
    assert losses_of(scene) == {"start": pytest.approx(4 * 0.1**2)}


def test_opacity_costs_more_where_a_frame_is_blurred():
    scene = scene_of(opacity_mult=1.0, blurred_opacity_mult=0.5)
    scene.field.opacity.start_from(torch.full((3, 60, 90), 0.25))
    losses = losses_of(scene, torch.tensor([[2.0], [4.0]]))
    assert set(losses) == {"opacity", "blurred_opacity"}
    assert losses["opacity"] == pytest.approx(0.25, abs=1e-4)
    assert losses["blurred_opacity"] == pytest.approx(0.5 * 0.25 * (4 + 16) / 2, abs=1e-3)
    assert set(losses_of(scene)) == {"opacity"}


def test_motion_is_smooth():
    """Half of the cells of one of three frames, and of the moments beside them, moved by 3 px to the right."""
    scene = scene_of(motion_variation_mult=2.0)
    offset_px = torch.zeros(3, 60, 90, 2)
    offset_px[1, :, 48:, 0] = 3.0
    scene.field.motion.start_from(offset_px)
    cells_across, moments, directions = 23, 5, 2
    expected = 2.0 * 3.0 / ((cells_across - 1) * moments * directions)
    assert losses_of(scene) == {"motion_variation": pytest.approx(expected, rel=0.05)}


def test_picture_motion_and_opacity_learn_apart():
    scene = scene_of()
    offset_px = torch.zeros(3, 60, 90, 2)
    offset_px[1, ..., 0] = 3.0
    scene.field.motion.start_from(offset_px)
    scene.field.foreground.start_from(torch.full((3, 60, 90, 3), 2.0))
    down, right = 60 // 8, 90 // 8
    slope = (torch.arange(90 + 2 * right) / 50)[None, :, None].expand(60 + 2 * down, -1, 3)
    scene.field.canonical.pyramid.start_from(slope)
    groups = scene.parameter_groups()
    assert list(groups) == ["scene", "motion", "opacity"]
    scene.radiance(PlanePlaces(UV, torch.full((2, 1), 0.5))).sum().backward()
    assert all(any(p.grad is not None and p.grad.any() for p in group) for group in groups.values())
    assert sum(map(len, groups.values())) == sum(p.requires_grad for p in scene.parameters())


def test_frames_are_shown_as_filmed_as_far_as_told():
    scene = scene_of()
    scene.field.canonical.start_from(torch.ones_like(scene.field.canonical.picture()), torch.ones(74, 112))
    scene.field.frame_pictures.start_from(torch.full((3, 60, 90, 3), 2.0))
    scene.field.opacity.start_from(torch.zeros(3, 60, 90))
    share = torch.zeros(60, 90)
    share[:, 45:] = 0.5
    scene.show_as_filmed(1, share)
    uv = torch.tensor([[0.25, 0.5], [0.75, 0.5]])
    at = {time: PlanePlaces(uv, torch.full((2, 1), time)) for time in (0.0, 0.25, 0.5)}
    alone, beside = scene.radiance(at[0.5]), np.e**2
    torch.testing.assert_close(scene.seen(at[0.0]), scene.radiance(at[0.0]))
    torch.testing.assert_close(scene.seen(at[0.5])[0], alone[0])
    torch.testing.assert_close(scene.seen(at[0.5])[1], (alone[1] + beside) / 2)
    torch.testing.assert_close(scene.extra_outputs()["as_filmed"](at[0.25], None), torch.tensor([[0.0], [0.25]]))


def test_what_is_shown_as_filmed_is_saved_and_learns_nothing():
    scene, loaded = scene_of(), scene_of()
    scene.show_as_filmed(2, torch.full((60, 90), 0.75))
    loaded.load_state_dict(scene.state_dict())
    last = PlanePlaces(UV, torch.ones(2, 1))
    torch.testing.assert_close(loaded.filmed(last).share, torch.full((2, 1), 0.75))
    assert not any(p is scene.field.as_filmed.shares for group in scene.parameter_groups().values() for p in group)
