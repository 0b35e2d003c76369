"""Which value of 16-bit files is white."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.pixels.white_level import count_values, sensor_white

from ..opened import Opened, load_capture


def counts_of(values: dict[int, int]) -> np.ndarray:
    counts = np.zeros(65536, np.int64)
    counts[list(values)] = list(values.values())
    return counts


def write(folder: Path, *frames: np.ndarray) -> Path:
    for index, values in enumerate(frames):
        cv2.imwrite(str(folder / f"F{index}.tif"), np.repeat(values[..., None], 3, -1).astype(np.uint16))
    return folder


def scene(largest: float) -> np.ndarray:
    """A picture whose values rise evenly from 0, clipped nowhere."""
    return np.linspace(0, largest, 40 * 60).reshape(40, 60)


def white_notes(capture: Opened) -> list[str]:
    return [note for note in capture.notes if "16-bit" in note]


@pytest.mark.parametrize(
    ("values", "white"),
    [
        ({100: 5000, 1023: 300}, 1023),
        ({100: 5000, 4000: 40, 4060: 100, 4095: 300}, 4095),
        ({100: 5000, 16383: 16}, 16383),
        ({100: 5000, 16383: 15}, None),
        ({100: 5000, 4060: 400, 4095: 300}, None),
        ({100: 5000, 4094: 300}, None),
        ({100: 5000, 4095: 300, 4096: 1}, None),
        ({0: 5000}, None),
        ({65535: 5000}, None),
    ],
)
def test_white_is_where_values_pile_up_and_end(values, white):
    assert sensor_white(counts_of(values)) == white


def test_values_are_counted():
    counts = count_values(np.array([[[1, 7, 7]], [[1, 1, 65535]]], np.uint16))
    assert counts[[1, 7, 65535]].tolist() == [3, 2, 1] and counts.sum() == 6


def test_sensor_values_are_scaled_to_white(tmp_path):
    capture = load_capture(write(tmp_path, scene(1000), np.minimum(scene(8000), 4095)))
    assert capture.train_pixels.max(axis=(1, 2, 3)).tolist() == [16004, 65535]  # 1000 * 65535 / 4095 = 16003.7
    assert white_notes(capture) == ["The 16-bit files hold values of 12 bits: white is taken to be 4095, not 65535."]


def test_dark_training_frames_of_a_full_range_capture_do_not_move_white(tmp_path):
    write(tmp_path, scene(4000), scene(16000), scene(64000))
    dark = load_capture(tmp_path, train_frames=("F0", "F1"))
    assert dark.train_pixels.max(axis=(1, 2, 3)).tolist() == [4000, 16000] and dark.eval_pixels.max() == 64000
    unused = load_capture(tmp_path, train_frames=("F0", "F1"), eval_frames=("F1",))
    np.testing.assert_array_equal(unused.train_pixels, dark.train_pixels)
    assert white_notes(dark) == white_notes(unused) == []


def test_white_is_that_of_all_frames_whichever_are_used_and_at_any_size(tmp_path):
    """The only saturated places are two by two pixels of a frame that is not used."""
    bright = scene(4000)
    bright[10:14:2, 10:14] = 4095
    bright[20:24, 21:24:2] = 4095
    write(tmp_path, scene(500), scene(1000), bright)
    for factor in (1, 4):
        capture = load_capture(tmp_path, frame_range=(0, 2), downscale_factor=factor)
        assert capture.train_pixels.max() == pytest.approx(1000 * 65535 / 4095, rel=0.05)
        assert len(white_notes(capture)) == 1


def test_a_dark_stack_stays_dark_and_a_note_says_so(tmp_path):
    capture = load_capture(write(tmp_path, scene(900), scene(1000)))
    assert capture.train_pixels.max() == 1000
    assert white_notes(capture) == [
        "The 16-bit files hold values up to 1000 and no pile of them at a sensor's white (1023, 4095, 16383): white is"
        " taken to be 65535."
    ]


def test_a_broken_frame_that_is_not_used_does_no_harm(tmp_path):
    write(tmp_path, scene(500), np.minimum(scene(8000), 4095))
    (tmp_path / "F2.tif").write_bytes(b"II*\0cut off")
    assert load_capture(tmp_path, frame_range=(0, 2)).train_pixels.max() == 65535


def test_arrays_hold_sensor_values_too(tmp_path):
    np.save(tmp_path / "clip.npy", np.full((2, 8, 12, 3), 1023, np.uint16) - np.uint16([0, 900]).reshape(2, 1, 1, 1))
    assert load_capture(tmp_path, frames="moments").train_pixels[:, 0, 0, 0].tolist() == [65535, 7880]
