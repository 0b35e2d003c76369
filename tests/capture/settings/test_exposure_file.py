"""`exposure.txt`: what it says and what it must not say."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.settings.exposure_lists import read_exposure_file
from neucam_nerfstudio.capture.settings.exposure_numbers import ExposureList
from neucam_nerfstudio.capture.settings.exposures import deal_out
from neucam_nerfstudio.errors import NeucamError

FILE = Path("exposure.txt")


def dealt_out(values, *arguments, **options) -> tuple[list[float], str]:
    """Exposure of every frame, and how the values were dealt out in words."""
    places, dealt = deal_out([float(value) for value in values], *arguments, **options)
    return [values[place] for place in places], dealt


FRAMES = [Path(f"IMG_{number}.jpg") for number in (1, 2, 3)]


def read(path: Path) -> ExposureList:
    return read_exposure_file(path, FRAMES)


def write(folder: Path, text: str) -> Path:
    path = folder / "exposure.txt"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text",
    [
        "-3\n0\n1.5\n",
        "\ufeff-3\r\n0\r\n1.5",
        "\n -3.0 \n\n+0\n1.5e0\n\n",
        "# stops of E0 to E2\n-3 # a third\n\n0#\n  # 7\n1.5",
    ],
)
def test_values_are_read(tmp_path, text):
    assert read(write(tmp_path, text)).readings == {"stops": [-3.0, 0.0, 1.5]}


def test_lines_of_values_are_told(tmp_path):
    assert read(write(tmp_path, "# stops\n-3 0\n\n1.5")).lines == [2, 2, 4]


@pytest.mark.parametrize("text", ["", "\n \n", "# -3\n"])
def test_empty_file_is_refused(tmp_path, text):
    with pytest.raises(NeucamError, match=r"exposure\.txt: the file is empty\. Write each frame's exposure in stops"):
        read(write(tmp_path, text))


@pytest.mark.parametrize("word", ["dark", "nan", "inf", "-inf", "1/0", "1,5", "4000"])
def test_line_that_is_no_exposure_is_quoted(tmp_path, word):
    with pytest.raises(NeucamError, match=f"exposure.txt, line 2: '{word}' is not an exposure"):
        read(write(tmp_path, f"0\n{word}\n"))


def test_binary_file_is_refused(tmp_path):
    path = tmp_path / "exposure.txt"
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(NeucamError, match="not a readable text file"):
        read(path)


@pytest.mark.parametrize(
    ("values", "numbers", "stops", "dealt"),
    [
        ([-3, 0, 3], [2, 0, 1, 1], [3, -3, 0, 0], "E0 -3, E1 +0, E2 +3"),
        ([-2, 0, 2], [0, 2], [-2, 2], "E0 -2, E2 +2"),
        ([9, -3, 0, 3], [1, 2, 3] * 2, [-3, 0, 3] * 2, "E1 -3, E2 +0, E3 +3"),
        ([-3, 0, 3], [1, 2, 3, 1, 2, 3], [-3, 0, 3, -3, 0, 3], "E1 -3, E2 +0, E3 +3"),
        ([-1.5, 1.5], [5, 3], [1.5, -1.5], "E3 -1.5, E5 +1.5"),
        ([-3, 0, 3] * 3, [1, 2, 3] * 3, [-3, 0, 3] * 3, "E1 -3, E2 +0, E3 +3"),
        ([3, -3, 3, -3], [0, 1, 0, 1], [3, -3, 3, -3], "E0 +3, E1 -3"),
    ],
    ids=["by number", "some missing", "from E0 on", "by rank", "by rank with gaps", "by frame", "by frame from E0 on"],
)
def test_names_choose_their_value(values, numbers, stops, dealt):
    assert dealt_out(values, numbers, len(numbers), FILE) == (stops, dealt)


@pytest.mark.parametrize(
    ("values", "num_frames", "stops", "dealt"),
    [
        ([-2, 2], 4, [-2, 2, -2, 2], "2 values, again from the first when they are used up"),
        ([1], 3, [1, 1, 1], "1 value, again from the first when they are used up"),
        ([-3, 0, 3], 3, [-3, 0, 3], "one value a frame"),
    ],
)
def test_values_cycle_over_frames_without_names(values, num_frames, stops, dealt):
    assert dealt_out(values, None, num_frames, FILE) == (stops, dealt)


def test_cycle_of_a_video_may_break_off():
    assert dealt_out([-2, 2], None, 5, FILE, may_break_off=True)[0] == [-2, 2, -2, 2, -2]


def test_more_values_than_frames_are_refused():
    with pytest.raises(NeucamError, match=r"exposure\.txt: 3 values for 2 frames"):
        dealt_out([-3, 0, 3], None, 2, FILE)


def test_cycle_of_photographs_that_breaks_off_is_refused():
    said = r"exposure\.txt: 8 values for 9 frames\. Expected one a frame in name order, or a number that divides 9"
    with pytest.raises(NeucamError, match=said):
        dealt_out([-3, 0, 3, -3, 0, 3, -3, 0], None, 9, FILE)


@pytest.mark.parametrize(
    ("num_values", "numbers", "expected"),
    [
        (2, [0, 1, 2], r"E0 to E2\. Expected 3 \(one each from E0 to E2\), or 9 \(one a frame in name order\): add"),
        (4, [0, 1, 2], r"E0 to E2\. Expected 3 \(one each from E0 to E2\), or 9 \(one a frame in name order\): add"),
        (8, [1, 2, 3], r"E1 to E3\. Expected 3 \(one for each .*\), or 4 \(one each from E0 to E3\), or 9 \(one a fr"),
    ],
)
def test_number_of_values_that_fits_no_names_is_refused(num_values, numbers, expected):
    said = rf"exposure\.txt: {num_values} values for 9 frames, whose names say {expected}"
    with pytest.raises(NeucamError, match=said):
        dealt_out([0.0] * num_values, numbers * 3, 9, FILE)


def test_values_of_one_exposure_that_differ_are_refused():
    said = r"one value a frame, but value 1 \(-3\) and value 4 \(\+3\) both belong to E1 in name order"
    with pytest.raises(NeucamError, match=said):
        dealt_out([-3, 0, 3, 3, 0, -3], [1, 2, 3] * 2, 6, FILE)
