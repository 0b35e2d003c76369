"""`neucam-batch` in one process: what it makes, leaves, tries again, refuses and says."""

from __future__ import annotations

import builtins
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.scripts.batch import batch_run
from neucam_nerfstudio.scripts.batch.batch_manifest import read_entries
from neucam_nerfstudio.scripts.batch.batch_run import said_of_time
from neucam_nerfstudio.scripts.batch.cluster import BYTES_A_WORKER, num_cpus, number_of_workers
from neucam_nerfstudio.scripts.batch.command_line import Batch

Says = Callable[..., str]


@pytest.fixture
def batch(tmp_path: Path, one_after_the_other: None, capsys: pytest.CaptureFixture) -> Says:
    """Runs the command on the tree: `batch(folder, ...)`; returns what it says, and `failed` before it if some did."""

    def run(*folders: Path, **options: object) -> str:
        failed = ""
        try:
            Batch(folders=folders, output_path=tmp_path / "out", **options).main()
        except SystemExit as ending:
            assert ending.code == 1
            failed = "failed\n"
        return failed + capsys.readouterr().out

    return run


def test_results_mirror_the_tree_with_a_manifest_and_a_page(batch, tree, tmp_path):
    said = batch(tree("a", "b/c"))
    assert "1 of 2, shoot/a: done in" in said and "left.\n2 of 2, shoot/b/c: done in" in said
    assert "2 of 2 are done." in said and f"Report: {tmp_path / 'out' / 'report.html'}" in said
    assert sorted(path.name for path in (tmp_path / "out/shoot/b/c").iterdir()) == [
        "all_in_focus_hdr.png",
        "capture.json",
        "hdr.exr",
    ]
    told = json.loads((tmp_path / "out/batch.json").read_text())["captures"]["shoot/b/c"]
    assert told["status"] == "done" and told["data"] == str(tmp_path / "shoot/b/c")
    assert told["scores"]["mean_confidence"] > 0 and told["options"]["frames"] == "settings"
    assert read_photograph(tmp_path / "out/.report/shoot/a.jpg").shape == (60, 90, 3)


def test_a_rerun_leaves_what_is_done_and_makes_what_is_changed_new_or_gone(batch, tree, tmp_path):
    root = tree("a", "b")
    batch(root)
    assert "2 captures done already" in batch(root)
    tree("c")
    os.utime(root / "a/exposure.txt", ns=(1, 1))
    said = batch(root)
    assert "1 capture done already" in said and "1 of 2, shoot/a" in said and "2 of 2, shoot/c" in said
    (tmp_path / "out/shoot/b/hdr.exr").unlink()
    assert "1 of 1, shoot/b" in batch(root)
    assert "1 of 3, shoot/a" in batch(root, precision="float"), "other options make all anew"


def test_one_that_fails_stops_no_other_and_is_tried_again_alone(batch, tree, tmp_path):
    root = tree("a", "b")
    kept = (root / "a/F1E0.png").read_bytes()
    (root / "a/F1E0.png").write_bytes(b"no picture")
    said = batch(root)
    assert said.startswith("failed\n") and "1 of 2, shoot/a: failed: " in said and "2 of 2, shoot/b: done" in said
    assert "1 failed: --retry-failed tries them again" in said
    entry = read_entries(tmp_path / "out")["shoot/a"]
    assert entry.status == "failed" and entry.reason is not None and "F1E0.png" in entry.reason
    assert [path.name for path in (tmp_path / "out/shoot").iterdir()] == ["b"]
    (root / "a/F1E0.png").write_bytes(kept)
    tree("c")
    said = batch(root, retry_failed=True)
    assert "1 of 1, shoot/a: done" in said and "failed\n" not in said
    assert sorted(path.name for path in (tmp_path / "out/shoot").iterdir()) == ["a", "b"]


def test_results_of_two_runs_are_the_same_bytes(batch, tree, tmp_path):
    root = tree("a")
    batch(root)
    first = {path.name: path.read_bytes() for path in (tmp_path / "out/shoot/a").iterdir()}
    (tmp_path / "out/batch.json").unlink()
    batch(root)
    assert {path.name: path.read_bytes() for path in (tmp_path / "out/shoot/a").iterdir()} == first


def test_an_interruption_leaves_what_is_done_and_nothing_half_written(batch, tree, tmp_path, monkeypatch):
    root, whole = tree("a", "b"), batch_run.outcomes

    def interrupted(client, work, jobs):
        if not jobs:  # of stands
            return
        yield next(iter(whole(client, work, jobs)))
        jobs["shoot/b"].unfinished.mkdir(parents=True)
        (jobs["shoot/b"].unfinished / "hdr.exr").write_text("half")
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_run, "outcomes", interrupted)
    with pytest.raises(KeyboardInterrupt):
        batch(root)
    assert [path.name for path in (tmp_path / "out/shoot").iterdir()] == ["a"]
    assert list(read_entries(tmp_path / "out")) == ["shoot/a"] and (tmp_path / "out/report.html").exists()
    monkeypatch.setattr(batch_run, "outcomes", whole)
    assert "1 capture done already" in (said := batch(root)) and "1 of 1, shoot/b: done" in said


def test_a_dry_run_lists_and_writes_nothing(batch, tree, tmp_path):
    root = tree("a", "b")
    (root / "b/other.png").write_bytes(b"")
    said = batch(root, dry_run=True)
    assert (
        "shoot/a: 3 photographs, 90x60, 1 focus setting (names), 3 exposures, -3 to +3 stops (exposure.txt).\n" in said
    )
    assert "shoot/b: cannot be used: " in said and "2 captures." in said
    assert not (tmp_path / "out").exists()
    batch(root / "a")
    assert "(exposure.txt), done.\n" in batch(root / "a", dry_run=True)


def test_results_never_take_the_place_of_photographs(tree, tmp_path, one_after_the_other):
    root = tree("a")
    with pytest.raises(NeucamError, match="shoot/a: holds photographs, which results would replace"):
        Batch(folders=(root,), output_path=tmp_path).main()
    assert len(list((root / "a").iterdir())) == 4


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workers": 0}, "--workers 0: expected 1 or more"),
        ({"memory_budget": 0.0}, "--memory-budget 0: expected more than 0 GB"),
        ({"scheduler": "tcp://x:1", "workers": 2}, "the workers of --scheduler have theirs"),
        (
            {"method": "neucam-hdr", "frames": "focus-stack"},
            "--frames focus-stack: neucam-hdr takes frames its own way",
        ),
    ],
)
def test_options_that_contradict_are_refused(options, said, tree, tmp_path):
    with pytest.raises(NeucamError, match=said):
        Batch(folders=(tree("a"),), output_path=tmp_path / "out", **options).main()


def test_no_captures_and_no_folder_are_said_with_the_rules(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NeucamError, match=r"empty: no captures found.\nWhat is a capture: "):
        Batch(folders=(tmp_path / "empty",), output_path=tmp_path / "out").main()
    with pytest.raises(NeucamError, match="FOLDER: none is given"):
        Batch(folders=(), output_path=tmp_path / "out").main()


def test_what_is_not_installed_is_said_before_anything_is_written(tree, tmp_path, monkeypatch):
    imported = builtins.__import__

    def without(name, *arguments):
        if name == "distributed":
            raise ImportError(name="distributed")
        return imported(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    said = r"neucam-batch needs distributed, which is not installed: pip install 'neucam-nerfstudio\[batch\]'"
    with pytest.raises(NeucamError, match=said):
        Batch(folders=(tree("a"),), output_path=tmp_path / "out").main()
    assert not (tmp_path / "out").exists()


def test_workers_are_as_many_as_cores_memory_and_captures_allow():
    assert number_of_workers(None, 100 * BYTES_A_WORKER, 1000) == num_cpus()
    assert number_of_workers(None, 100 * BYTES_A_WORKER, 1) == 1
    assert number_of_workers(None, BYTES_A_WORKER - 1, 1000) == 1
    assert number_of_workers(7, BYTES_A_WORKER, 1000) == 7 and number_of_workers(7, BYTES_A_WORKER, 3) == 3


@pytest.mark.parametrize(("seconds", "said"), [(3.2, "3 s"), (150, "2 min"), (9000, "2.5 h")])
def test_times_are_said_as_people_do(seconds, said):
    assert said_of_time(seconds) == said
