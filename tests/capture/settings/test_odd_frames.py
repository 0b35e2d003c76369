"""Frames that do not belong to the others are named; ordinary ones never are."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.odd_frames import odd_cameras
from neucam_nerfstudio.imaging.exif import ExifSettings

from ..opened import load_capture
from ..still_scene import expose, texture

SCENE = texture(60, 80)
NAMES = ["a", "b", "c", "d"]


def write(folder: Path, pictures: list[np.ndarray]) -> None:
    for index, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{NAMES[index]}.png"), picture[..., ::-1])


def grey(picture: np.ndarray) -> np.ndarray:
    return np.repeat(picture.mean(-1, keepdims=True), 3, -1).astype(np.uint8)


def tinted(picture: np.ndarray, red: float, blue: float) -> np.ndarray:
    return np.clip(picture * (red, 1, blue), 0, 255).astype(np.uint8)


def odd_notes(folder: Path, frames: str = "settings") -> list[str]:
    notes = load_capture(folder, frames=frames).notes
    return [note for note in notes if note.startswith(("Grey", "Other colours"))]


STACK = [expose(SCENE, 0, blur) for blur in (0, 0.8, 1.5, 2.5)]
BRACKET = [expose(SCENE, stops) for stops in (-2, 0, 1, 2)]


@pytest.mark.parametrize("pictures", [STACK, BRACKET], ids=["stack", "bracket"])
def test_ordinary_frames_are_not_odd(tmp_path, pictures):
    write(tmp_path, pictures)
    assert odd_notes(tmp_path) == []


def test_grey_captures_are_not_odd(tmp_path):
    write(tmp_path, [grey(picture) for picture in BRACKET])
    assert odd_notes(tmp_path) == []


@pytest.mark.parametrize("pictures", [STACK, BRACKET], ids=["stack", "bracket"])
def test_grey_frame_among_colour_ones_is_named(tmp_path, pictures):
    write(tmp_path, [*pictures[:2], grey(pictures[2]), pictures[3]])
    (note,) = odd_notes(tmp_path)
    assert note.startswith("Grey, where others are in colour: c.")


@pytest.mark.parametrize("pictures", [STACK, BRACKET], ids=["stack", "bracket"])
@pytest.mark.parametrize(("red", "blue"), [(1.2, 0.8), (0.75, 1.15)], ids=["warm", "cold"])
@pytest.mark.parametrize("odd", [0, 2, 3])
def test_another_white_balance_is_named(tmp_path, pictures, red, blue, odd):
    write(tmp_path, [tinted(picture, red, blue) if index == odd else picture for index, picture in enumerate(pictures)])
    (note,) = odd_notes(tmp_path)
    assert note.startswith(f"Other colours than the others, as by another white balance: {NAMES[odd]}.")


def test_black_and_white_frames_are_not_grey(tmp_path):
    write(tmp_path, [np.full_like(SCENE, 1), STACK[0], np.full_like(SCENE, 255)])
    assert odd_notes(tmp_path) == []


def test_colours_of_moments_may_change(tmp_path):
    write(tmp_path, [STACK[0], tinted(STACK[0], 1.2, 0.8)])
    assert odd_notes(tmp_path, frames="moments") == []


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        ({"camera": "X100"}, "Taken with another camera than the others (D750): c (X100)."),
        ({"lens": "50mm f/1.8"}, "Taken with another lens than the others (24-70mm): c (50mm f/1.8)."),
        ({"focal_length_mm": 50.0}, "Another focal length than of the others (35 mm): c (50 mm)."),
    ],
)
def test_another_camera_lens_or_focal_length_is_named(odd, said):
    usual = {"camera": "D750", "lens": "24-70mm", "focal_length_mm": 35.0}
    exif = [ExifSettings(**usual), ExifSettings(), ExifSettings(**{**usual, **odd}), ExifSettings(**usual)]
    (note,) = odd_cameras(NAMES, exif)
    assert note.startswith(said)


def test_rounded_focal_lengths_and_missing_exif_are_not_odd():
    exif = [ExifSettings(focal_length_mm=length) for length in (35.0, 35.4, None, 34.9)]
    assert list(odd_cameras(NAMES, exif)) == []
