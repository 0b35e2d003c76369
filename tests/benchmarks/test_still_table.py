import json
from pathlib import Path

import pytest

from benchmarks.results_table import Result, markdown
from benchmarks.still_rows import copy_without_exposures
from benchmarks.still_table import COLUMNS, StillTable
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.imaging.photographs import read_photograph

DATA_ROOT = Path(__file__).parents[2] / "dataset/MFME"

FAKE_COMMANDS = {
    "neucam-export": """
        import OpenEXR
        assert Path(option("--load-config")).is_file() and option("--precision") == "float"
        channels = {"RGB": 3 * OpenEXR.File(TRUTH).channels()["RGB"].pixels}
        folder = Path(option("--output-path"))
        folder.mkdir(parents=True)
        OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(folder / "hdr.exr"))
    """,
    "ns-eval": """
        Path(option("--output-path")).write_text('{"results": {"psnr": 31.5, "psnr_std": NaN}}')
    """,
}
"""Stand-ins that check their arguments and leave the files of the real commands: radiance three times the truth."""


@pytest.fixture
def fake_nerfstudio(fake_commands) -> None:
    fake_commands(FAKE_COMMANDS, TRUTH=str(DATA_ROOT / "Desk/gt/all_in_focus_hdr.exr"))


def test_one_row_from_command_to_table(fake_nerfstudio, tmp_path):
    StillTable(DATA_ROOT, tmp_path / "results", rows=("desk-three",)).main()
    ours, start, paper, classical = json.loads((tmp_path / "results/still_table.json").read_text())["results"]
    assert ours["method"] == "neucam" and ours["scores"]["psnr_mu_scale"] > 60
    assert ours["scores"]["psnr_held_out"] == 31.5 and ours["peak_gigabytes"] > 0
    assert start["method"] == "neucam, its start alone" and start["steps"] == 1
    assert paper["method"] == "neucam-paper" and "psnr_mu_affine" in paper["scores"] and paper["steps"] >= 1
    assert classical["scores"]["psnr_mu_scale"] == pytest.approx(33.2, abs=0.3)
    assert "| Desk, 3 frames | neucam-paper |" in (tmp_path / "results/still_table.md").read_text()


def test_a_row_without_its_capture_is_skipped_and_said(fake_nerfstudio, tmp_path):
    StillTable(tmp_path, tmp_path / "results", rows=("gallery",)).main()
    assert "skipped, there is no Gallery" in (tmp_path / "results/still_table.md").read_text()


def test_an_unknown_row_lists_the_rows(tmp_path):
    with pytest.raises(SystemExit, match="No row desks; there are desk, desk-short, gallery"):
        StillTable(DATA_ROOT, tmp_path, rows=("desks",)).main()


def test_markdown_puts_scores_in_their_columns():
    scores = {"psnr_mu_affine": 23.104, "ssim_mu_affine": 0.87654, "psnr_pu21_affine": 20.0, "psnr_held_out": 30.0}
    result = Result("Desk", "neucam", scores, 61.26, 70.11, 1.234, 300, ">= 45")
    line = markdown([result], ["a note"], COLUMNS).splitlines()
    scores_shown, costs_shown = "23.10 | 0.8765 | 20.00 | affine | 30.00", "300 | 61.3 | 70.11 | 1.23 | >= 45"
    assert line[2] == f"| Desk | neucam | {scores_shown} | {costs_shown} |"
    assert line[-1] == "- a note"


def test_the_copy_without_exposures_shows_the_same_photographs_in_another_order(tmp_path):
    copy_without_exposures(DATA_ROOT / "Desk", tmp_path / "copy")
    copy = open_capture(tmp_path / "copy")[0]
    assert [frame.name for frame in copy.frames] == [f"F{focus}_{letter}" for focus in range(3) for letter in "abc"]
    assert copy.exposures.source == "unknown"
    brightness = [[read_photograph(tmp_path / f"copy/F{f}_{x}.png").mean() for x in "abc"] for f in range(3)]
    assert any(levels != sorted(levels) for levels in brightness)
    originals = sorted(path.read_bytes() for path in (DATA_ROOT / "Desk").glob("F*.png"))
    assert sorted(path.read_bytes() for path in (tmp_path / "copy").glob("F*.png")) == originals
