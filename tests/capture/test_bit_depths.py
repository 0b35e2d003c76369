"""`open_capture` of 16-bit and RAW files: what is white, and one white balance."""

from __future__ import annotations

import cv2
import numpy as np

from .opened import frame_stops, load_capture


def test_16_bit_frames_stay_16_bit(tmp_path):
    for index in range(2):
        cv2.imwrite(str(tmp_path / f"F{index}.tif"), np.full((4, 6, 3), 40001 + index, np.uint16))
    capture = load_capture(tmp_path)
    assert capture.train_pixels.dtype == np.uint16 and capture.train_pixels[0, 0, 0, 0] == 40001
    assert not capture.linear_light


def test_16_bit_files_of_12_bits_are_scaled_to_white_as_all_frames_tell(tmp_path):
    for index, value in enumerate((1000, 1500, 500, 4095)):
        cv2.imwrite(str(tmp_path / f"F{index}.tif"), np.full((4, 6, 3), value, np.uint16))
    capture = load_capture(tmp_path, train_frames=("F0", "F1"))
    assert capture.train_pixels[:, 0, 0, 0].tolist() == [16004, 24005]  # 1000 * 65535 / 4095 = 16003.7
    assert capture.eval_pixels[:, 0, 0, 0].tolist() == [8002, 65535]
    assert "The 16-bit files hold values of 12 bits: white is taken to be 4095, not 65535." in capture.notes


def test_frames_that_are_all_evaluated_too_are_scaled_once(tmp_path):
    for index, value in enumerate((1000, 16383)):
        cv2.imwrite(str(tmp_path / f"F{index}.tif"), np.full((4, 6, 3), value, np.uint16))
    capture = load_capture(tmp_path)
    assert capture.eval_pixels is capture.train_pixels
    assert capture.train_pixels[:, 0, 0, 0].tolist() == [4000, 65535]  # 1000 * 65535 / 16383 = 4000.2


def test_raw_bracket_has_one_white_balance(tmp_path, write_dng):
    for index, (value, neutral) in enumerate(((200, (0.5, 1, 0.8)), (800, (0.6, 1, 0.6)), (3200, (0.8, 1, 0.5)))):
        write_dng(f"IMG_{index}.dng", np.full((64, 96), value), neutral=neutral)
    (tmp_path / "exposure.txt").write_text("-2 0 2")
    capture = load_capture(tmp_path)
    colours = capture.train_pixels[:, 16:48, 16:80].mean((1, 2))
    np.testing.assert_allclose(colours[1:] / colours[:-1], 4, rtol=2e-3)
    assert "The camera changed its white balance: all RAW files are developed with IMG_0's." in capture.notes


def test_bracket_of_raw_files_that_are_no_tiff_has_its_exposures(tmp_path, write_raf):
    for index in range(2):
        write_raf(f"DSCF{index}.RAF", np.full((64, 96), 1000 + 2000 * index))
    capture = load_capture(tmp_path, frames="moments")
    assert frame_stops(capture) == [0, 0] and capture.exposures.source == "EXIF"


def test_raw_files_whose_exif_cannot_be_read_are_named(tmp_path, write_dng):
    for index in range(2):
        write_dng(f"F{index}.dng", np.full((64, 96), 1000 + 10 * index))
    assert "EXIF of .dng files cannot be read." in load_capture(tmp_path).notes[0]


def test_dark_raw_files_stay_dark(tmp_path, write_dng):
    for index, value in enumerate((500, 1000)):
        write_dng(f"F{index}.dng", np.full((64, 96), value))
    capture = load_capture(tmp_path)
    assert capture.train_pixels.max() < 2**14 and capture.linear_light
    assert not any("16-bit" in note for note in capture.notes)
