"""Cuts from one scene to another are found, whatever moves, and however frames are exposed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.scene_cuts import find_cuts, glance, likeness, said_of_scenes, scenes_between
from neucam_nerfstudio.errors import NeucamError


def scene(seed: int, side: int = 96) -> np.ndarray:
    """Soft shapes of all sizes, twice as wide as a frame."""
    noise = np.random.default_rng(seed).normal(size=(side, 2 * side, 3)).astype(np.float32)
    soft = sum(cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.5, 4, 10))
    return np.clip(0.5 + 0.25 * soft / soft.std(), 0, 1)


def walk(seed: int, count: int, step_px: int = 4, stops: tuple[float, ...] = (0.0,)) -> list[np.ndarray]:
    """Frames of 96 x 128 pixels that move along a scene, exposures in turn."""
    light = scene(seed) ** 2.2
    views = [light[:, step_px * i : step_px * i + 128] * 2 ** stops[i % len(stops)] for i in range(count)]
    return [np.rint(255 * np.clip(view, 0, 1) ** (1 / 2.2)).astype(np.uint8) for view in views]


def cuts_of(frames: list[np.ndarray]) -> list[int]:
    return find_cuts([glance(frame) for frame in frames])


def test_cuts_are_found_where_they_are():
    assert cuts_of(walk(1, 6) + walk(2, 5) + walk(3, 7)) == [6, 11]


@pytest.mark.parametrize("stops", [(0.0,), (-2.0, 2.0)])
def test_a_camera_that_moves_and_exposures_in_turn_are_no_cut(stops):
    assert cuts_of(walk(1, 12, stops=stops)) == []


def test_something_that_passes_is_no_cut():
    """A wall as high as the picture and a third as wide crosses it in three frames."""
    frames = walk(1, 8, step_px=1)
    wall = walk(5, 1)[0][:, :44]
    for index, left in ((2, 0), (3, 42), (4, 84)):
        frames[index][:, left : left + 44] = wall
    assert cuts_of(frames) == []


def test_sixteen_bits_are_looked_at_as_eight_are():
    frame = walk(1, 1)[0]
    assert np.abs(glance(frame.astype(np.uint16) * 257).astype(int) - glance(frame)).mean() < 1  # roundings spread


def test_likeness_of_a_frame_with_itself_and_with_another():
    one, other = (glance(walk(seed, 1)[0]) for seed in (1, 2))
    assert likeness(one, one) == pytest.approx(1, abs=0.02)
    assert likeness(one, other) < 0.55


def test_scenes_are_ranges_of_all_frames():
    """Of frames 10, 12, ... 20 the third and the fifth begin a scene."""
    scenes = scenes_between([2, 4], range(10, 21, 2))
    assert scenes == [(10, 13), (14, 17), (18, 21)]
    assert "3 in all" in said_of_scenes(Path("clip.mp4"), scenes) and "14 17" in said_of_scenes(Path("v"), scenes)


@pytest.fixture
def cut_video(tmp_path: Path) -> Path:
    for index, frame in enumerate(walk(1, 5) + walk(2, 8)):
        cv2.imwrite(str(tmp_path / f"frame_{index:03d}.png"), frame[..., ::-1])
    return tmp_path


def test_the_longest_scene_is_used_and_said(cut_video):
    capture, pixels = open_capture(cut_video, frames="moments")
    assert [frame.name for frame in capture.frames] == [f"frame_{index:03d}" for index in range(5, 13)]
    assert "0 5, 5 13" in capture.notes[0] and "longest" in capture.notes[0]
    assert pixels.capture is capture and pixels.whole(0).shape == (96, 128, 3)


def test_a_choice_across_a_cut_is_refused_and_one_beside_it_is_not(cut_video):
    with pytest.raises(NeucamError, match="0 5, 5 12.*--frame-range"):
        open_capture(cut_video, frames="moments", frame_range=(0, 12))
    assert len(open_capture(cut_video, frames="moments", frame_range=(0, 5))[0].frames) == 5
