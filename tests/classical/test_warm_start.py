import os
import tracemalloc
from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical import all_in_focus, setting_stacks, tile_planning, tiled_fusion
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import linear_response
from neucam_nerfstudio.classical.warm_start import classical_estimate
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.photometry import LN2

STOPS = [-2.0, 0.0, 2.0]


DESK = Path(__file__).parents[2] / "dataset" / "MFME" / "Desk"


@pytest.fixture(scope="module")
def seen(view):
    return view.seen(1.5)


def check_form(estimate, frames):
    height, width, _ = frames[0].shape
    assert estimate.log_radiance.shape == (height, width, 3)
    assert estimate.sharpest_focus.shape == (height, width)
    assert estimate.exposure_stops.shape == (len(frames),)
    values = [*vars(estimate).values(), *vars(estimate.response).values()]
    arrays = (value for value in values if isinstance(value, np.ndarray))
    halves = estimate.focus_evidence, estimate.confidence
    assert all(np.isfinite(a).all() for a in arrays) and all(a.dtype == np.float16 for a in halves)
    assert np.median(estimate.log_radiance) == pytest.approx(0, abs=1e-4)
    assert (np.diff(estimate.response.log_exposure) > 0).all() and (np.diff(estimate.response.ldr, axis=0) >= 0).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_bracket_at_one_focus(view, dtype):
    frames = [view.photograph(view.radiance, s, dtype=dtype, seed=i) for i, s in enumerate(STOPS)]
    estimate = classical_estimate(frames, [0, 0, 0], STOPS)
    check_form(estimate, frames)
    assert view.log_error(estimate.log_radiance) < 0.05
    assert (estimate.sharpest_focus == 0).all() and estimate.blur_per_setting_px == 0
    assert estimate.squared_slope.shape == estimate.sharpest_focus.shape and estimate.squared_slope.max() < 1
    for frame, stops in zip(frames, STOPS, strict=True):
        scale = 1 if dtype == np.float32 else np.iinfo(dtype).max
        predicted = estimate.response.develop(estimate.log_radiance + LN2 * stops)
        assert np.abs(predicted - frame / scale).mean() < 0.01


def test_full_focus_stack_and_bracket(view, seen):
    frames = [view.photograph(seen[f], s, seed=3 * f + i) for f in range(3) for i, s in enumerate(STOPS)]
    estimate = classical_estimate(frames, np.repeat(range(3), 3), STOPS * 3)
    check_form(estimate, frames)
    assert view.log_error(estimate.log_radiance) < 0.5 * view.log_error(np.log(seen[1]))
    assert np.abs(estimate.sharpest_focus - view.sharpest_focus)[:, [32, 96, 160]].mean() < 0.2


def test_focus_stack_at_one_exposure_keeps_the_srgb_response(view, seen):
    frames = [view.photograph(seen[f], 0.0, seed=f) for f in range(3)]
    estimate = classical_estimate(frames, [0, 1, 2], [0.0, 0.0, 0.0])
    check_form(estimate, frames)
    developed = estimate.response.develop(estimate.log_radiance)
    truth = view.photograph(view.radiance, 0.0, noise=0) / 255
    assert np.abs(developed - truth).mean() < 0.5 * np.abs(frames[1] / 255 - truth).mean()


def linear_photograph(radiance, exposure_stops, dtype):
    ldr = np.clip(radiance * 2.0**exposure_stops, 0, 1)
    return ldr.astype(dtype) if dtype == np.float32 else np.rint(ldr * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_focus_stack_of_known_linear_light_at_one_exposure(dtype):
    """Read as sRGB, 0.05, 0.2 and 0.8 of white would be 0.004, 0.03 and 0.6 of it."""
    radiance = np.repeat(np.array([0.05, 0.2, 0.8]), 32)[None, :, None] * np.ones((48, 1, 3))
    frames = [linear_photograph(radiance, 0.0, dtype)] * 2
    estimate = classical_estimate(frames, [0, 1], [0.0, 0.0], response=linear_response(half_step(np.dtype(dtype))))
    check_form(estimate, frames)
    shares = np.exp(estimate.log_radiance - estimate.response.log_exposure[-1])
    np.testing.assert_allclose(np.median(shares[:, [10, 48, 86]], axis=0)[:, 1], [0.05, 0.2, 0.8], rtol=0.02)


def test_a_sparkle_that_is_white_where_it_is_sharp_is_not_dimmed_by_blurred_settings():
    radiance = np.full((96, 128, 3), 0.1, np.float32)
    radiance[8::16, 8::16] = 1.2
    radiance += 0.02 * np.random.default_rng(0).standard_normal((96, 128, 1)).astype(np.float32)
    stack = [cv2.GaussianBlur(radiance, (0, 0), sigma_px) if sigma_px else radiance for sigma_px in (2.0, 1.0, 0.0)]
    frames = [linear_photograph(light, 0.0, np.uint8) for light in stack]
    estimate = classical_estimate(frames, [0, 1, 2], [0.0] * 3, response=linear_response(half_step(np.dtype(np.uint8))))
    developed = estimate.response.develop(estimate.log_radiance)
    assert developed[8::16, 8::16].min() > 0.72, "0.64 where blurred settings dim it"
    assert np.abs(developed[1::16, 1::16] - 0.1).max() < 0.1


@pytest.mark.parametrize("is_known", [True, False])
def test_linear_shadows_of_16_bits_keep_their_light(is_known):
    radiance = np.exp2(np.linspace(0.9, -10.6, 192))[None, :, None] * np.ones((64, 1, 3))
    frames = [linear_photograph(radiance, stops, np.uint16) for stops in STOPS]
    response = linear_response(half_step(np.dtype(np.uint16))) if is_known else None
    estimate = classical_estimate(frames, [0, 0, 0], STOPS, response=response)
    lifted_stops = (estimate.log_radiance - np.log(radiance))[32, :, 1] / LN2
    lifted_stops -= np.median(lifted_stops)
    assert np.abs(lifted_stops).max() < (0.01 if is_known else 0.15)


def test_each_focus_at_another_exposure(view, seen):
    frames = [view.photograph(seen[f], s, seed=f) for f, s in enumerate(STOPS)]
    estimate = classical_estimate(frames, [0, 1, 2], STOPS)
    check_form(estimate, frames)
    assert view.log_error(estimate.log_radiance) < 0.2


@pytest.mark.slow
def test_unknown_exposures_in_any_order(view, seen):
    order = np.random.default_rng(0).permutation(9)
    focus, true_stops = np.repeat(range(3), 3)[order], np.array(STOPS * 3)[order]
    frames = [view.photograph(seen[f], s, seed=i) for i, (f, s) in enumerate(zip(focus, true_stops, strict=True))]
    estimate = classical_estimate(frames, focus, None)
    check_form(estimate, frames)
    assert np.corrcoef(estimate.exposure_stops, true_stops)[0, 1] > 0.999
    power = np.polyfit(estimate.log_radiance.ravel(), np.log(view.radiance).ravel(), 1)[0]
    assert view.log_error(power * estimate.log_radiance) < 0.15


@pytest.fixture(scope="module")
def tall_frames(tall_view):
    seen = tall_view.seen(1.5)
    return [tall_view.photograph(seen[f], s, seed=f) for f in range(3) for s in STOPS]


@pytest.mark.parametrize("is_held", [True, False])
@pytest.mark.slow
def test_tiles_show_no_seams(tall_frames, monkeypatch, is_held):
    whole = classical_estimate(tall_frames, np.repeat(range(3), 3), STOPS * 3)
    monkeypatch.setattr(tile_planning, "tile_plan", lambda num_settings: (384 * 64, is_held))
    in_tiles = classical_estimate(tall_frames, np.repeat(range(3), 3), STOPS * 3)
    assert np.abs(whole.log_radiance - in_tiles.log_radiance).max() < 0.02
    assert np.abs(whole.sharpest_focus - in_tiles.sharpest_focus).max() < 0.05


def test_one_focus_setting_is_merged_in_tiles_without_a_trace(tall_frames, monkeypatch):
    whole = classical_estimate(tall_frames[:3], [0, 0, 0], STOPS)
    monkeypatch.setattr(tile_planning, "MOST_TILE_PIXELS", 100 * 64)
    in_tiles = classical_estimate(tall_frames[:3], [0, 0, 0], STOPS)
    np.testing.assert_array_equal(whole.log_radiance, in_tiles.log_radiance)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_settings_times_the_picture(monkeypatch):
    """Forty settings of 1024 x 32 pixels, of which merged exposures alone would take 34 MiB (27 B a pixel each)."""
    height, width, settings = 1024, 32, 40
    random = np.random.default_rng(0)
    frames = [random.integers(0, 255, (height, width, 3), np.uint8) for _ in range(settings)]
    monkeypatch.setattr(all_in_focus, "SHARPENING_STEPS", (1,))
    monkeypatch.setattr(tile_planning, "TILE_BYTES", 12 * 2**20)
    monkeypatch.setattr(tile_planning, "LEAST_TILE_PIXELS", 1)
    tracemalloc.start()
    classical_estimate(frames, range(settings), [0.0] * settings, budget_bytes=12 * 2**20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15 * 2**20


@pytest.mark.parametrize(
    ("num_settings", "is_held", "megapixels"), [(3, True, 1.5), (8, True, 0.85), (40, False, 0.45), (100, False, 0.25)]
)
def test_many_settings_are_fused_in_smaller_tiles_and_no_longer_held(num_settings, is_held, megapixels):
    most_pixels, held = tile_planning.tile_plan(num_settings)
    assert held == is_held and most_pixels == pytest.approx(1e6 * megapixels, rel=0.05)


@pytest.mark.parametrize("side", [40, 60, 80])
@pytest.mark.slow
def test_a_blur_too_small_for_the_reduced_picture_is_looked_for_in_a_part_of_it(side, monkeypatch):
    """As of many megapixels, where a fine stack's blur is a fraction of a pixel of the reduced picture."""
    frames = [read_photograph(path) for path in sorted(DESK.glob("*E1.png"))]
    focus_index, stops = [0, 1, 2], [0.0, 0.0, 0.0]
    expected = classical_estimate(frames, focus_index, stops).blur_per_setting_px
    monkeypatch.setattr(setting_stacks, "SMALL_SIDE", side)
    assert classical_estimate(frames, focus_index, stops).blur_per_setting_px == pytest.approx(expected, rel=0.35)


def test_white_of_a_longer_exposure_is_no_bound_where_it_is_blurred(view, seen):
    """Each focus setting has its own exposure: the brightest one's blurred highlights are white beyond their edges."""
    frames = [view.photograph(seen[f], s, seed=f) for f, s in enumerate((-4.0, 0.0, 4.0))]
    estimate = classical_estimate(frames, [0, 1, 2], (-4.0, 0.0, 4.0))
    assert view.log_error(estimate.log_radiance) < 0.2


def test_threads_and_memory_do_not_change_a_byte(tall_frames, monkeypatch):
    monkeypatch.setattr(tile_planning, "tile_plan", lambda num_settings: (384 * 64, True))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2})
    frames, focus, shares = tall_frames[1::3], [0, 1, 2], []
    alone = classical_estimate(frames, focus, [0.0] * 3, report=shares.append, budget_bytes=0)
    together = classical_estimate(frames, focus, [0.0] * 3)
    for name in ("log_radiance", "sharpest_focus", "squared_slope", "focus_evidence", "confidence"):
        np.testing.assert_array_equal(getattr(alone, name), getattr(together, name))
    assert len(shares) > 3 and shares == sorted(shares) and shares[-1] == 1


class Unreadable(np.ndarray):
    """Fails as a file does that vanishes once its small copy is made."""

    def __getitem__(self, place):
        if place[0].start and place[0].start > 100:
            raise OSError("gone")
        return np.asarray(self)[place]


def test_what_fails_in_a_thread_fails_here_and_threads_of_opencv_are_as_before(tall_frames, monkeypatch):
    monkeypatch.setattr(tile_planning, "tile_plan", lambda num_settings: (384 * 64, True))
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1})
    threads = cv2.getNumThreads()
    with pytest.raises(OSError, match="gone"):
        classical_estimate([frame.view(Unreadable) for frame in tall_frames[:3]], [0, 1, 2], STOPS)
    assert cv2.getNumThreads() == threads


def test_a_preview_is_the_picture_made_small(view, seen):
    shown = []
    frames = [view.photograph(seen[f], 0.0, seed=f) for f in range(3)]
    estimate = classical_estimate(frames, [0, 1, 2], [0.0] * 3, preview=lambda *small: shown.append(small))
    ((small, response),) = shown
    assert small.shape == (48, 96, 3) and np.median(small) == pytest.approx(0, abs=1e-4)
    expected = cv2.resize(estimate.response.develop(estimate.log_radiance), (96, 48), interpolation=cv2.INTER_AREA)
    assert np.abs(response.develop(small) - expected).mean() < 0.03


def test_of_many_settings_each_tile_takes_those_near_its_focus(tall_view, monkeypatch):
    """A plane that is tilted through twelve settings, in tiles of some of its rows."""
    focus = np.linspace(0, 11, 512)[:, None, None]
    blurs = [tall_view.radiance, *(cv2.GaussianBlur(tall_view.radiance, (0, 0), 0.8 * steps) for steps in range(1, 12))]
    frames = []
    for setting in range(12):
        steps = np.rint(np.abs(focus - setting)).astype(int)
        seen = np.select([steps == number for number in range(12)], blurs)
        frames.append(tall_view.photograph(seen, 0.0, seed=setting))
    plans, original = [], tiled_fusion.plan_fusion
    monkeypatch.setattr(tiled_fusion, "plan_fusion", lambda *call: plans.append(original(*call)) or plans[-1])
    monkeypatch.setattr(tile_planning, "tile_plan", lambda num_settings: (224 * 64, False))
    estimate = classical_estimate(frames, range(12), [0.0] * 12)
    (plan,) = plans
    assert max(near.count for near in plan.near) < 12
    firsts = [first for near in plan.near for _, first in near.places]
    assert min(firsts) == 0 and max(first + near.count for near in plan.near for _, first in near.places) == 12
    developed = estimate.response.develop(estimate.log_radiance)
    truth = tall_view.photograph(tall_view.radiance, 0.0, noise=0) / 255
    assert np.abs(developed - truth).mean() < 0.25 * np.abs(frames[6] / 255 - truth).mean()
    assert np.abs(estimate.sharpest_focus - focus[..., 0]).mean() < 0.5
