"""`exposure.txt`: what it says and what it must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.exposure_file import read_exposure_values, stops_of_frames

FILE = Path("exposure.txt")


def write(folder: Path, text: str) -> Path:
    path = folder / "exposure.txt"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("text", ["-3\n0\n1.5\n", "\ufeff-3\r\n0\r\n1.5", "\n -3.0 \n\n+0\n1.5e0\n\n"])
def test_values_are_read(tmp_path, text):
    assert read_exposure_values(write(tmp_path, text)) == [-3.0, 0.0, 1.5]


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_empty_file_is_refused(tmp_path, text):
    with pytest.raises(CaptureError, match=r"exposure\.txt: the file is empty\. Write each frame's exposure in stops"):
        read_exposure_values(write(tmp_path, text))


@pytest.mark.parametrize("word", ["dark", "nan", "inf", "-inf", "1/60", "1,5", "4000"])
def test_line_that_is_no_exposure_is_quoted(tmp_path, word):
    with pytest.raises(CaptureError, match=f"exposure.txt, line 2: '{word}' is not an exposure"):
        read_exposure_values(write(tmp_path, f"0\n{word}\n"))


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "exposure.txt"
    path.write_bytes(b"\xff\xfe-\x003\x00")
    with pytest.raises(CaptureError, match="not a readable text file"):
        read_exposure_values(path)


def test_names_choose_their_value():
    assert stops_of_frames([-3, 0, 3], [2, 0, 1, 1], 4, FILE) == [3, -3, 0, 0]


def test_values_cycle_over_frames_without_names():
    assert stops_of_frames([-2, 2], None, 5, FILE) == [-2, 2, -2, 2, -2]


def test_more_values_than_frames_are_refused():
    with pytest.raises(CaptureError, match=r"exposure\.txt: 3 values for 2 frames"):
        stops_of_frames([-3, 0, 3], None, 2, FILE)


def test_too_few_values_for_the_names_are_refused():
    with pytest.raises(CaptureError, match=r"2 values, but the file names go up to E2, which needs 3"):
        stops_of_frames([-3, 0], [0, 1, 2], 3, FILE)
