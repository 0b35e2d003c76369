"""The table of frames as a user reads it."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from neucam_nerfstudio.capture.frame_table import frame_table

from .opened import Opened, load_capture


def rows_of(opened: Opened) -> list[list[str]]:
    """Cells of the table's rows, as printed."""
    terminal = io.StringIO()
    Console(file=terminal, width=100).print(frame_table(opened.capture))
    lines = [line.strip("│ \n").split("│") for line in terminal.getvalue().splitlines() if line.startswith("│")]
    return [[cell.strip() for cell in line] for line in lines]


def printed(opened: Opened) -> str:
    terminal = io.StringIO()
    Console(file=terminal, width=100).print(frame_table(opened.capture))
    return terminal.getvalue()


def test_known_settings_say_where_they_come_from(tiny_desk):
    capture = load_capture(tiny_desk, train_frames=("F0E0", "F1E1", "F2E2"))
    rows = rows_of(capture)
    assert len(rows) == 9
    assert rows[0] == ["F0E0", "0 (name F0)", "-3.00 (exposure.txt, line 1)", "train"]
    assert rows[4] == ["F1E1", "1 (name F1)", "+0.00 (exposure.txt, line 2)", "train, reference"]
    assert rows[5] == ["F1E2", "1 (name F1)", "+3.00 (exposure.txt, line 3)", "eval"]
    text = printed(capture)
    assert "TinyDesk: 9 frames (6 held out), 90x60, uint8" in text
    assert "exposures are fixed, focus positions are learned" in text
    assert "exposure.txt: E0 -3, E1 +0, E2 +3" in text


def test_values_that_cycle_say_so(write_video):
    path = write_video("clip.mp4", num_frames=5)
    (path.parent / "exposure.txt").write_text("-2 2")
    assert "exposure.txt: 2 values, again from the first" in printed(load_capture(path, frames="moments"))


def test_unknown_exposure_and_single_focus(tmp_path: Path, write_grey):
    write_grey("night [1].png", 20)
    write_grey("night [2].png", 200)
    capture = load_capture(tmp_path)
    assert rows_of(capture)[1] == ["night [2]", "one for all", "unknown, setting 1", "train, eval"]
    assert "exposures are learned" in printed(capture) and "focus positions" not in printed(capture)


def test_exposures_that_do_not_differ_say_what_told(tmp_path: Path, write_grey):
    write_grey("F0.png", 100)
    write_grey("F1.png", 101)
    capture = load_capture(tmp_path)
    assert [row[2] for row in rows_of(capture)] == ["+0.00 (equal brightness)"] * 2
    assert "exposures are fixed" in printed(capture)


def test_many_frames_are_shown_by_the_first_and_last_few(tmp_path: Path, write_grey):
    for index in range(30):
        write_grey(f"{index:03d}.png", 100 + index % 2)
    rows = rows_of(load_capture(tmp_path, frames="moments", eval_every=10))
    assert [row[0] for row in rows] == ["000", "001", "002", "003", "004", "005", "...", "027", "028", "029"]
    assert rows[0] == ["000", "its own", "+0.00 (equal brightness)", "train"]
    assert rows[6][1] == "21 more frames"


def test_a_video_says_its_frame_rate(write_video):
    text = printed(load_capture(write_video("clip.mp4", fps=25), frames="moments"))
    assert "clip.mp4: 12 frames at 25 frames/s, 64x48, uint8" in text


def test_exif_is_quoted(tmp_path: Path, write_jpeg_with_exif):
    for name, value, time in (("IMG_1.jpg", 100, "1/8"), ("IMG_2.jpg", 220, "2.5")):
        write_jpeg_with_exif(name, value, time_s=time, f_number="5.6", iso=100)
    rows = rows_of(load_capture(tmp_path))
    assert [row[2] for row in rows] == ["+0.00 (EXIF 1/8 s f/5.6 ISO 100)", "+4.32 (EXIF 2.5 s f/5.6 ISO 100)"]
