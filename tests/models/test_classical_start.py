"""The start: what classical methods see in the photographs is put where the model keeps it."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.classical.warm_start import WarmStart
from neucam_nerfstudio.models.classical_start import (
    estimate_from,
    said_of_estimate,
    sorted_focus_settings,
    start_from_estimate,
)

HEIGHT, WIDTH = 60, 90
NOW = torch.zeros(1, 1)


def estimate(**parts) -> WarmStart:
    """An estimate that is told apart from any untrained start."""
    knots = np.linspace(-6, 4, 60, dtype=np.float32)
    curve = 1 / (1 + np.exp(-knots))
    start = WarmStart(
        log_radiance=np.random.default_rng(0).normal(size=(HEIGHT, WIDTH, 3)).astype(np.float32),
        log_exposure_knots=knots,
        response_values=np.stack([curve] * 3, -1),
        exposure_stops=np.tile(np.float32([-2.0, 0.0, 2.5]), 3),
        sharpest_focus=np.tile(np.linspace(0, 2, WIDTH, dtype=np.float32), (HEIGHT, 1)),
        squared_slope=np.full((HEIGHT, WIDTH), 0.25, np.float32),
        blur_per_setting_px=1.5,
    )
    return dataclasses.replace(start, **parts)


def test_scene_and_response_start_as_estimated(build_model, desk):
    model = build_model()
    start_from_estimate(model.scene, model.camera, desk, estimate())
    uv = torch.tensor([[10.5 / WIDTH, 7.5 / HEIGHT]])
    torch.testing.assert_close(
        model.scene.log_radiance(uv, NOW)[0], torch.from_numpy(estimate().log_radiance[7, 10]), atol=1e-4, rtol=1e-4
    )
    grey = model.camera.response(torch.tensor([[0.0, math.log(3.0), -math.log(3.0)]]))
    torch.testing.assert_close(grey, torch.tensor([[0.5, 0.75, 0.25]]), atol=0.03, rtol=0)


def test_the_scene_is_held_to_its_start(build_model, desk):
    model = build_model()
    start_from_estimate(model.scene, model.camera, desk, estimate())
    prior, pyramid = model.scene.start_prior, model.scene.pyramid
    assert prior(pyramid.learned()).item() == 0
    assert prior(pyramid.learned() + 0.2).item() == pytest.approx(0.25 * 0.2**2, rel=1e-4)


def test_lens_starts_with_the_defocus_and_the_blur_that_were_seen(build_model, desk):
    model = build_model()
    start_from_estimate(model.scene, model.camera, desk, estimate())
    sides = torch.tensor([[0.5 / WIDTH, 0.5], [1 - 0.5 / WIDTH, 0.5]])
    radius_px = model.camera.blur.signed_radius_px(sides, torch.tensor([[0.0], [0.0]]))
    # One setting out of focus the disc's radius is twice the blur's standard deviation.
    torch.testing.assert_close(radius_px, torch.tensor([[-3.0], [3.0]]), atol=1e-4, rtol=0)


def test_known_exposures_are_not_touched(build_model, desk):
    model = build_model()
    start_from_estimate(model.scene, model.camera, desk, estimate())
    assert model.camera.exposures.stops.tolist() == [-3.0, 0.0, 3.0]


def test_unknown_exposures_start_as_estimated(build_model, tiny_capture):
    (tiny_capture / "exposure.txt").unlink()
    capture = open_capture(tiny_capture)[0]
    model = build_model(capture)
    start_from_estimate(model.scene, model.camera, capture, estimate())
    assert model.camera.exposures.stops.tolist() == [-2.0, 0.0, 2.5]


def test_one_focus_setting_leaves_the_lens_as_it_is(build_model, tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F1*",))[0]
    model = build_model(capture)
    before = {name: value.clone() for name, value in model.camera.blur.state_dict().items()}
    start_from_estimate(model.scene, model.camera, capture, estimate(blur_per_setting_px=0.0))
    assert all(torch.equal(value, before[name]) for name, value in model.camera.blur.state_dict().items())


def test_one_focus_setting_of_several_starts_sharp_where_it_is_focused(build_model, tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F0*",), eval_frames=("F2*",))[0]
    model = build_model(capture)
    start_from_estimate(model.scene, model.camera, capture, estimate(blur_per_setting_px=0.0))
    uv, position = torch.rand(5, 2), model.camera.focus.positions[:1].expand(5, 1)
    assert position[0] == -1.0
    assert model.camera.blur.signed_radius_px(uv, position).abs().max() < 1e-6


@pytest.mark.parametrize(
    "parts", [{"scene": "siren"}, {"blur": "neural-kernel-9"}, {"blur": "none"}, {"response": "none"}]
)
def test_parts_that_cannot_take_an_estimate_keep_their_own_start(build_model, desk, parts):
    model = build_model(**parts)
    start_from_estimate(model.scene, model.camera, desk, estimate())
    assert all(parameter.isfinite().all() for parameter in model.parameters())


def test_a_large_picture_starts_with_all_its_detail_and_learns_on_coarser_grids(build_model, desk):
    whole, coarse = build_model(), build_model(most_learned_cells=HEIGHT * WIDTH // 4)
    for model in (whole, coarse):
        start_from_estimate(model.scene, model.camera, desk, estimate())
    torch.testing.assert_close(coarse.scene.picture(), whole.scene.picture())
    torch.testing.assert_close(coarse.camera.blur.defocus.image(), whole.camera.blur.defocus.image())
    learned = coarse.get_param_groups()
    assert [max(p.numel() for p in learned[group]) for group in ("scene", "blur")] == [
        3 * HEIGHT * WIDTH // 4,
        HEIGHT * WIDTH // 4,
    ]


def test_without_a_start_there_is_no_detail_to_keep(build_model):
    model = build_model(most_learned_cells=100, start_from_classical=False)
    assert model.scene.pyramid.detail is None and model.camera.blur.defocus.detail is None


def test_settings_of_the_estimate_are_those_trained_on(tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F2E0", "F0E1"))[0]
    assert sorted_focus_settings(capture) == [0, 2]


def test_defocus_spans_the_trained_focus_positions(build_model, tiny_desk):
    capture = open_capture(tiny_desk, train_frames=("F0*", "F2*"))[0]
    model = build_model(capture)
    focus = np.tile(np.linspace(0, 1, WIDTH, dtype=np.float32), (HEIGHT, 1))
    start_from_estimate(model.scene, model.camera, capture, estimate(sharpest_focus=focus))
    defocus = model.camera.blur.defocus.image()
    assert (defocus.min().item(), defocus.max().item()) == (-1.0, 1.0)


def test_estimate_takes_known_exposures_as_they_are(desk):
    started = estimate_from(desk, PixelStore(desk).stack(desk.train_indices))
    np.testing.assert_allclose(started.exposure_stops, [-3.0, 0.0, 3.0] * 3)
    assert started.log_radiance.shape == (HEIGHT, WIDTH, 3)
    assert started.blur_per_setting_px > 0


def test_unknown_exposures_are_estimated_from_the_pictures(tiny_capture):
    (tiny_capture / "exposure.txt").unlink()
    capture = open_capture(tiny_capture)[0]
    started = estimate_from(capture, PixelStore(capture).stack(capture.train_indices))
    np.testing.assert_allclose(started.exposure_stops.reshape(3, 3), [[-3.0, 0.0, 3.0]] * 3, atol=1.0)


def test_what_was_estimated_is_said(desk):
    assert said_of_estimate(desk, estimate()).endswith("blur 3.0 px in radius one focus setting out of focus.")
    unknown = dataclasses.replace(desk, exposures=dataclasses.replace(desk.exposures, source="unknown"))
    assert "exposures in stops F0E0 -2.00, F0E1 +0.00, F0E2 +2.50, F1E0 -2.00" in said_of_estimate(unknown, estimate())
