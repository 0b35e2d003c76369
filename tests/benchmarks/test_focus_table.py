"""Focus stacks from command to table, with stand-ins for programs: who is given which frames, and what is scored."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from textwrap import dedent

import cv2
import numpy as np
import pytest

from benchmarks.focus_stackers import FOCUS_STACKERS, FocusStackFiles, NotInstalled
from benchmarks.focus_table import FocusTable, Row, photograph_without_blur, scores
from neucam_nerfstudio.capture.scan import open_capture

DATA_ROOT = Path(__file__).parents[2] / "dataset"
FAKE_EXPORT = """
    import shutil
    Path(option("--output-path")).mkdir(parents=True)
    shutil.copyfile(PICTURE, option("--output-path") + "/all_in_focus.png")
"""

FAKE_PROGRAMS = {
    "enfuse": """
        (output,) = [argument for argument in sys.argv if argument.startswith("--output=")]
        shutil.copyfile(sys.argv[-1], output.removeprefix("--output="))
    """,
    "align_image_stack": """
        for number, file in enumerate(sys.argv[4:]):
            shutil.copyfile(file, f"{sys.argv[3]}{number:04d}.tif")
    """,
    "focusweave": """
        assert ("--no-align" in sys.argv) == ("--reference" not in sys.argv)
        number = sys.argv[sys.argv.index("--reference") + 1] if "--reference" in sys.argv else 0
        shutil.copyfile(sorted(Path(sys.argv[1]).iterdir())[int(number)], sys.argv[-1])
    """,
    "shinestacker": "sys.exit('a desktop program')",
    "python": """
        folder, algorithm, reference = sys.argv[3:]
        assert sys.argv[1] == "-c" and algorithm in ("PyramidStack", "DepthMapStack")
        frames = sorted(Path(folder, "photographs").iterdir())
        Path(folder, "fused").mkdir()
        shutil.copyfile(frames[int(reference or 1) - 1], Path(folder, "fused/picture.png"))
    """,
}
"""Each takes one photograph for the fusion: the reference frame where there is one (`enfuse` the last it is given),
else the first. `python` is that of shinestacker's environment."""


@pytest.fixture
def programs(tmp_path, monkeypatch) -> None:
    """All programs but `focus-stack`; that of shinestacker's environment is found through a link, as pipx makes it."""
    folder, environment = tmp_path / "bin", tmp_path / "environment"
    folder.mkdir(), environment.mkdir()
    for name, body in FAKE_PROGRAMS.items():
        file = (environment if name in ("python", "shinestacker") else folder) / name
        file.write_text(f"#!{sys.executable}\nimport shutil, sys\nfrom pathlib import Path\n{dedent(body)}")
        file.chmod(0o755)
    (folder / "shinestacker").symlink_to(environment / "shinestacker")
    monkeypatch.setenv("PATH", str(folder))


@pytest.fixture
def stack(tmp_path) -> list[Path]:
    """Three photographs, each of one grey: 10, 20, 30."""
    files = [tmp_path / f"frame_{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        cv2.imwrite(str(file), np.full((8, 8, 3), 10 * number + 10, np.uint8))
    return files


def grey(file: Path) -> int:
    return int(cv2.imread(str(file)).max())


def test_frames_of_a_tripod_are_not_aligned_by_anyone(programs, stack, tmp_path):
    found = {name: fuse for name, fuse in FOCUS_STACKERS.items() if name != "focus-stack"}
    fused = {name: grey(fuse(FocusStackFiles(stack), tmp_path / name)[0]) for name, fuse in found.items()}
    assert fused.pop("enfuse") == 30
    assert set(fused.values()) == {10}
    assert not list((tmp_path / "enfuse").glob("aligned*"))


def test_hand_held_frames_are_aligned_to_the_reference_frame_by_everyone(programs, stack, tmp_path):
    found = {name: fuse for name, fuse in FOCUS_STACKERS.items() if name != "focus-stack"}
    fused = {name: grey(fuse(FocusStackFiles(stack, 1), tmp_path / name)[0]) for name, fuse in found.items()}
    assert [grey(file) for file in sorted((tmp_path / "enfuse").glob("aligned*"))] == [20, 10, 30]
    assert fused.pop("enfuse") == 30
    assert set(fused.values()) == {20}


def test_a_program_that_is_missing_is_named(programs, stack, tmp_path):
    with pytest.raises(NotInstalled, match="focus-stack"):
        FOCUS_STACKERS["focus-stack"](FocusStackFiles(stack), tmp_path)


def test_one_row_from_command_to_table(programs, fake_commands, tmp_path):
    fake_commands({"neucam-export": FAKE_EXPORT}, PICTURE=str(DATA_ROOT / "MFME/Desk/F1E1.png"))
    FocusTable(DATA_ROOT, tmp_path / "results", rows=("desk-e0", "gallery-e1")).main()
    found = json.loads((tmp_path / "results/focus_table.json").read_text())
    ours, start, laplacian, *others = found["results"]
    assert (ours["method"], start["method"]) == ("neucam-multifocus", "neucam_nerfstudio.fuse")
    assert start["scores"]["psnr"] > laplacian["scores"]["psnr"] + 1
    assert ours["scores"]["psnr"] < 20  # the stand-in's exposure is three stops off
    assert laplacian["scores"]["psnr"] == pytest.approx(40.1, abs=0.1) and laplacian["scores"]["ssim"] > 0.98
    assert [other["method"] for other in others] == [
        f"{name} (focus-stack is not installed)" if name == "focus-stack" else name for name in FOCUS_STACKERS
    ]
    assert "skipped, there is no MFME/Gallery" in (tmp_path / "results/focus_table.md").read_text()


def test_the_photograph_without_blur_is_the_capture_s_own_before_one_that_is_developed(tmp_path):
    developed = photograph_without_blur(open_capture(DATA_ROOT / "MFME/Desk", train_frames=("F*E1",))[0])
    in_focus = cv2.imread(str(DATA_ROOT / "MFME/Desk/F1E1.png"))[..., ::-1] / 255
    assert scores(Row("", "", ""), in_focus, developed)["psnr"] == pytest.approx(34.1, abs=0.1)
    (tmp_path / "gt").mkdir()
    cv2.imwrite(str(tmp_path / "gt/sharp.png"), np.full((8, 8, 3), 51, np.uint8))
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"F{number}.png"), np.full((8, 8, 3), 50 + number, np.uint8))
    np.testing.assert_allclose(photograph_without_blur(open_capture(tmp_path, frames="focus-stack")[0]), 0.2)


def test_a_hand_held_stack_is_scored_without_its_border_and_only_in_the_right_size():
    truth, row = np.full((40, 40, 3), 0.5), Row("", "", "", reference="frame_01")
    picture = truth + 0.1
    picture[:12], picture[-12:], picture[:, :12], picture[:, -12:] = 0, 0, 0, 0
    assert scores(row, picture, truth)["psnr"] == pytest.approx(20)
    assert scores(row, picture[1:], truth) == {}
