"""Our still scene: started from what classical methods make of the photographs, and held to that."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from neucam_nerfstudio.classical.response_table import ResponseTable
from neucam_nerfstudio.classical.warm_start import WarmStart
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.parts import Start, TrainingRays
from neucam_nerfstudio.scene.grid_scene import GridScene, GridSceneConfig
from neucam_nerfstudio.scene.scene import PlanePlaces

from ..learned import capture_of, load_capture, photographs_of

SIZE = (4, 6)
NOW = torch.zeros(1, 1)
RAYS = TrainingRays(None, torch.zeros(1, dtype=torch.long), step=0)


def estimate(height: int, width: int) -> WarmStart:
    """Light that differs from place to place, which photographs tell half as strongly as they could."""
    knots = np.linspace(-6, 4, 60, dtype=np.float32)
    return WarmStart(
        log_radiance=np.random.default_rng(0).normal(size=(height, width, 3)).astype(np.float32),
        response=ResponseTable(knots, np.stack([1 / (1 + np.exp(-knots))] * 3, -1)),
        exposure_stops=np.zeros(1, np.float32),
        sharpest_focus=np.zeros((height, width), np.float32),
        squared_slope=np.full((height, width), 0.25, np.float32),
        blur_per_setting_px=1.5,
    )


def scene_of(height: int, width: int, **config: float) -> GridScene:
    return GridScene(GridSceneConfig(**config), capture_of(height, width))


def started(scene: GridScene, height: int, width: int) -> str | None:
    capture = capture_of(height, width)
    return scene.start(Start(capture, photographs_of(capture), estimate(height, width)))


def losses_of(scene: GridScene) -> dict[str, float]:
    return {name: loss.item() for name, loss in scene.losses(RAYS).items()}


def test_starts_as_estimated_and_has_nothing_to_say():
    scene = scene_of(60, 90)
    assert started(scene, 60, 90) is None
    uv = torch.tensor([[10.5 / 90, 7.5 / 60]])
    expected = torch.from_numpy(estimate(60, 90).log_radiance[7, 10])
    torch.testing.assert_close(scene.field.log_radiance(uv, NOW)[0], expected, atol=1e-4, rtol=1e-4)


def test_without_an_estimate_it_starts_as_it_is():
    scene, capture = scene_of(*SIZE), capture_of(*SIZE)
    assert scene.start(Start(capture, photographs_of(capture))) is None
    assert scene.field.picture().unique().tolist() == [1.0] and losses_of(scene)["start"] == 0


def test_departure_from_the_start_by_hand():
    scene = scene_of(*SIZE, start_mult=2.0, variation_mult=0.0)
    scene.field.start_from(torch.zeros(*SIZE, 3), torch.full(SIZE, 0.5))
    assert losses_of(scene) == {"start": 0.0}
    with torch.no_grad():
        scene.field.pyramid.grids[0][:, 1] += 0.3
    assert losses_of(scene) == {"start": pytest.approx(2 * 4 * 0.5 * 0.3**2 / 3)}


def test_it_is_held_as_firmly_as_photographs_tell_it():
    scene = scene_of(60, 90, start_mult=1.0, variation_mult=0.0)
    started(scene, 60, 90)
    with torch.no_grad():
        scene.field.pyramid.grids[0] += 0.2
    assert losses_of(scene)["start"] == pytest.approx(4 * 0.25 * 0.2**2, rel=1e-4)


def test_it_is_held_the_firmer_the_less_detail_tells_and_shows_how_sure_it_is():
    scene, capture = scene_of(60, 90, start_mult=1.0, variation_mult=0.0), capture_of(60, 90)
    told = np.tile(np.linspace(0, 1, 90, dtype=np.float32), (60, 1))
    known = replace(estimate(60, 90), focus_evidence=told, confidence=told)
    scene.start(Start(capture, photographs_of(capture), known))
    firmness = scene.field.start_prior.firmness[0, 0, 30]
    torch.testing.assert_close(firmness[[0, -1]], torch.tensor([101 * 0.25, 0.25]), rtol=1e-3, atol=0)
    places = PlanePlaces(torch.tensor([[0.5, 0.5]]), NOW)
    again = scene_of(60, 90)
    again.load_state_dict(scene.state_dict())
    for each in (scene, again):
        shown = each.extra_outputs()["confidence"](places, None)
        assert shown.shape == (1, 1) and shown.item() == pytest.approx(0.5, abs=0.01)


def test_variation_by_hand():
    scene = scene_of(2, 2, start_mult=0.0, variation_mult=0.5)
    scene.field.pyramid.start_from(torch.tensor([[0.0, 1.0], [3.0, 6.0]])[..., None].expand(2, 2, 3))
    variation = (3 + 5) / 2 + (1 + 3) / 2
    assert losses_of(scene) == {"scene_variation": pytest.approx(variation / 2)}


def test_a_loss_without_weight_is_not_computed():
    assert losses_of(scene_of(*SIZE, start_mult=0.0, variation_mult=0.0)) == {}


def test_a_large_picture_starts_with_all_its_detail_learns_on_coarser_grids_and_says_so():
    whole, coarse = scene_of(60, 90), scene_of(60, 90, most_learned_cells=2100)
    started(whole, 60, 90)
    said = started(coarse, 60, 90)
    torch.testing.assert_close(coarse.field.picture(), whole.field.picture())
    learned = [p for p in coarse.parameter_groups()["scene"] if p.requires_grad]
    assert max(p.numel() for p in learned) == 3 * 45 * 30
    assert "finer than 45x30 cells stays as it is" in said
    assert f"most-learned-cells {60 * 90} " in said and f"rays-per-batch {60 * 90 // 16} " in said


def test_at_least_one_cell_is_learned():
    assert scene_of(60, 90, most_learned_cells=1).field.pyramid.detail is not None
    for too_few in (0, -5):
        with pytest.raises(NeucamError, match=f"scene.most-learned-cells {too_few}: expected at least 1"):
            scene_of(60, 90, most_learned_cells=too_few)


def test_estimate_takes_known_exposures_as_they_are(desk):
    started = GridScene(GridSceneConfig(), desk).estimate(Start(desk, photographs_of(desk)), None)
    np.testing.assert_allclose(started.estimate.exposure_stops, [-3.0, 0.0, 3.0] * 3)
    assert started.estimate.log_radiance.shape == (60, 90, 3)
    assert started.estimate.blur_per_setting_px > 0
    assert started.light_of(0) is started.light_of(8) is started.estimate.log_radiance


def test_unknown_exposures_are_estimated_from_the_pictures(tiny_capture):
    (tiny_capture / "exposure.txt").unlink()
    capture = load_capture(tiny_capture)
    started = GridScene(GridSceneConfig(), capture).estimate(Start(capture, photographs_of(capture)), None)
    np.testing.assert_allclose(started.estimate.exposure_stops.reshape(3, 3), [[-3.0, 0.0, 3.0]] * 3, atol=1.0)


def test_estimate_looks_at_the_training_frames_alone(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F2E0", "F0E1"))
    seen = []
    start = Start(capture, lambda index: (seen.append(index), photographs_of(capture)(index))[1])
    GridScene(GridSceneConfig(), capture).estimate(start, None)
    assert {capture.frames[index].name for index in seen} == {"F2E0", "F0E1"}
