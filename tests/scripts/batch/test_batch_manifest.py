"""The manifest of a batch: whole at any time, and open for one process."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.batch import batch_manifest
from neucam_nerfstudio.scripts.batch.batch_manifest import JOURNAL_NAME, BatchManifest, open_manifest, read_entries

HOLDS = """
import sys, time
from pathlib import Path
from neucam_nerfstudio.scripts.batch.batch_manifest import open_manifest
with open_manifest(Path(sys.argv[1])):
    print("open", flush=True)
    time.sleep(600)
"""


def test_entries_come_back_as_they_were(tmp_path, entry):
    failed = entry(status="failed", reason="äöü: why", traceback="line\nline")
    done = entry(scores={"psnr": 40.5}, settings={"num_frames": 9}, notes=("a",), files=("hdr.exr",))
    with open_manifest(tmp_path / "new") as manifest:
        manifest.record("b/c", done)
        manifest.record("a", failed)
    assert read_entries(tmp_path / "new") == {"a": failed, "b/c": done}
    told = json.loads((tmp_path / "new/batch.json").read_text())
    assert list(told["captures"]) == ["a", "b/c"] and "at_work" not in told
    assert not (tmp_path / "new" / JOURNAL_NAME).exists()


def test_a_process_that_is_killed_loses_no_entry(tmp_path, entry):
    manifest = BatchManifest(tmp_path)
    for index in range(50):
        manifest.record(f"{index:02}", entry())
    assert (tmp_path / JOURNAL_NAME).exists(), "the last entries are in the journal alone"
    with (tmp_path / JOURNAL_NAME).open("a") as journal:
        journal.write('["cut off", {"status": "do')
    assert sorted(read_entries(tmp_path)) == [f"{index:02}" for index in range(50)]
    assert len(BatchManifest(tmp_path).entries) == 50


def test_writing_costs_time_in_proportion_to_the_entries(tmp_path, entry, monkeypatch):
    written = []
    whole = batch_manifest.written_whole
    monkeypatch.setattr(batch_manifest, "written_whole", lambda path: written.append(path) or whole(path))
    monkeypatch.setattr(batch_manifest.os, "fsync", lambda _: None)
    manifest = BatchManifest(tmp_path)
    for index in range(400):
        manifest.record(f"{index}", entry())
    assert len(written) < 50, "each time the journal has grown to a quarter of the manifest"


def test_only_one_process_at_a_time_and_none_that_is_dead(tmp_path):
    with subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None and other.stdout.readline() == "open\n"
        said = f"another neucam-batch writes its results there \\(process {other.pid} on .+, since .+\\). Wait"
        with pytest.raises(NeucamError, match=said), open_manifest(tmp_path):
            pass
        other.kill()
    with open_manifest(tmp_path) as manifest:
        assert manifest.entries == {}


def write(path: Path, document: dict) -> None:
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"version": 2}, "version 2 of the file, this program reads 1"),
        ({"captures": {"a": {"status": "maybe"}}}, "not the manifest of a batch"),
    ],
)
def test_another_file_is_refused_and_kept(tmp_path, document, said):
    write(tmp_path / "batch.json", document)
    with pytest.raises(NeucamError, match=said), open_manifest(tmp_path):
        pass
    assert json.loads((tmp_path / "batch.json").read_text()) == document
