"""The comparison from command line to files: every way has its line, also one that cannot run or fails."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
import tyro

from benchmarks import commands, compare_contenders
from benchmarks.compare import Compare, Report, attempt
from benchmarks.compare_contenders import Entry, open_subject
from benchmarks.compare_scores import Judge
from benchmarks.focus_stackers import FOCUS_STACKERS

FAKE_COMMANDS = {
    "neucam-export": """
        import OpenEXR
        channels = {"RGB": 3 * OpenEXR.File(TRUTH).channels()["RGB"].pixels}
        folder = Path(option("--output-path"))
        folder.mkdir(parents=True)
        OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(folder / "hdr.exr"))
    """,
    "neucam-import": """
        sys.exit("weights.pth: not a checkpoint of the released code")
    """,
}
"""Stand-ins: radiance three times the truth, whatever was trained, and a checkpoint that cannot be opened."""

FAKE_ENFUSE = f"""
    #!{sys.executable}
    import sys, cv2
    (output,) = [argument for argument in sys.argv if argument.startswith("--output=")]
    cv2.imwrite(output.removeprefix("--output="), cv2.imread(sys.argv[-1]))
"""
"""Takes the last photograph for the fusion."""

WAYS = ("OpenCV (Debevec)", "OpenCV (Robertson)", "OpenCV (MTB, Mertens)", "Laplacian focus fusion", "enfuse")


@pytest.fixture
def programs(tiny_desk, tmp_path, fake_commands, monkeypatch) -> None:
    """Our commands are stand-ins, and of other programs there is only `enfuse`."""
    fake_commands(FAKE_COMMANDS, TRUTH=str(tiny_desk / "gt/all_in_focus_hdr.exr"))
    monkeypatch.setattr(compare_contenders, "script", commands.script)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/enfuse").write_text(dedent(FAKE_ENFUSE).strip())
    (tmp_path / "bin/enfuse").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


def test_from_the_command_line_to_table_and_page(programs, tiny_desk, tmp_path):
    output = tmp_path / "comparison"
    options = ["--output", str(output), "--checkpoint", "weights.pth", "--iterations", "2"]
    tyro.cli(Compare, args=[str(tiny_desk), *options]).main()

    found = json.loads((output / "comparison.json").read_text())
    methods = [result["method"] for result in found["results"]]
    did_not_run = [f"{name} (not installed)" for name in FOCUS_STACKERS if name != "enfuse"]
    did_not_run.append("released code's checkpoint (failed)")
    assert methods == ["neucam", "neucam-paper", *WAYS, *did_not_run]
    ours, paper, *others = found["results"]
    assert ours["scores"]["psnr_mu_scale"] > 60 and ours["scores"]["flip"] < 1e-3 and ours["steps"] == 2
    assert paper["scores"]["psnr_mu_affine"] > 60 and paper["steps"] >= 1
    for result in others[: len(WAYS)]:
        assert {"mef_ssim", "q_abf", "tenengrad"} <= set(result["scores"]) and result["seconds"] > 0
        assert ("psnr_mu_scale" in result["scores"]) == (result["method"] in WAYS[:2])
    assert [(result["scores"], result["seconds"]) for result in others[len(WAYS) :]] == [({}, None)] * len(did_not_run)

    table = (output / "comparison.md").read_text()
    assert all(f"| TinyDesk | {method} |" in table for method in methods)
    assert "checkpoint failed" in table and "not a checkpoint of the released code" in table
    log = output / "TinyDesk, released code's checkpoint.log"
    assert log.name in table and "not a checkpoint of the released code" in log.read_text()
    page = (output / "comparison.html").read_text("utf8").replace("&#39;", "'")
    assert all(f"<b>{title}</b>" in page for title in ("reference frame", "ground truth (radiance)", *methods))
    num_pictures = 2 + 2 + len(WAYS)
    assert (page.count('class="whole"'), page.count('class="crop"')) == (num_pictures, 3 * num_pictures)
    assert "not a checkpoint of the released code" in page
    (first,) = re.findall(r"<dt>PSNR mu</dt><dd>([\d.]+)</dd>", page)[:1]
    assert float(first) == pytest.approx(ours["scores"]["psnr_mu_scale"], abs=0.01)


def test_a_picture_of_another_size_is_no_result(tiny_desk, tmp_path, capsys):
    judge, report = Judge(open_subject(tiny_desk, None)), Report(tmp_path)
    report.begin(judge)
    small = Entry(np.zeros((30, 45, 3)), False, "scale", None)
    result, entry = attempt("enfuse", lambda folder: small, judge, report, tmp_path)
    assert (result.method, result.scores, entry) == ("enfuse (another size)", {}, None)
    assert report.notes == ["TinyDesk, enfuse: its picture has another size, 45x30."]


def test_what_cannot_be_compared_is_said_at_once(tiny_desk):
    with pytest.raises(SystemExit, match="No capture is given"):
        Compare(()).main()
    with pytest.raises(SystemExit, match="trained on one capture, given are 2"):
        Compare((tiny_desk, tiny_desk), checkpoint=Path("weights.pth")).main()
