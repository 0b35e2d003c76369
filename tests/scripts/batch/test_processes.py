"""`neucam-batch` as a user runs it: killed, run again, with other numbers of workers, and on a cluster that runs."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from neucam_nerfstudio.scripts.batch.batch_manifest import read_entries
from neucam_nerfstudio.scripts.batch.command_line import Batch

COMMAND = "from neucam_nerfstudio.scripts.batch.command_line import entrypoint\nif __name__ == '__main__': entrypoint()"
NAMES = ("a", "b", "c", "d", "e")
PATIENCE_S = 120
"""How long processes are waited for that are told to end: on a busy machine."""

pytestmark = pytest.mark.slow


def neucam_batch(*arguments: str | Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMMAND, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What a command says that ends well."""
    said, errors = process.communicate()
    assert (process.returncode, errors) == (0, ""), said + errors
    return said


def results(folder: Path) -> dict[str, bytes]:
    """All files of results, but manifest and page, which have times."""
    files = [path for path in folder.rglob("*") if path.is_file() and path.name not in ("batch.json", "report.html")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def cluster() -> Iterator[str]:
    """The address of `dask scheduler` with a `dask worker`, each a process, on loopback."""
    dask = [sys.executable, "-m", "dask"]
    quiet = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__HTTP__ROUTES": "[]", "PYTHONPATH": os.pathsep.join(sys.path)}
    with ExitStack() as running:

        def start(*arguments: str) -> subprocess.Popen[str]:
            command = [*dask, *arguments, "--host", "127.0.0.1", "--no-dashboard"]
            process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=quiet)
            running.callback(process.wait)
            running.callback(process.kill)
            return process

        scheduler = start("scheduler", "--port", "0")
        assert scheduler.stderr is not None
        address = next(found[0] for line in scheduler.stderr if (found := re.search(r"tcp://127\.0\.0\.1:\d+", line)))
        worker = start("worker", address, "--nthreads", "1", "--no-nanny")
        assert worker.stderr is not None and any("Registered to" in line for line in worker.stderr)
        yield address


def test_bytes_do_not_depend_on_who_works_nor_on_a_kill(tree, tmp_path, cluster, capsys):
    """One worker, whose command is killed; two, who go on; and a cluster that runs already."""
    root, output, other = tree(*NAMES), tmp_path / "out", tmp_path / "other"
    process = neucam_batch(root, "--output-path", output, "--workers", "1")
    assert process.stdout is not None
    assert any(line.startswith("1 of 5, ") for line in process.stdout)
    started = psutil.Process(process.pid).children(recursive=True)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert psutil.wait_procs(started, PATIENCE_S)[1] == [], "workers end with the command that started them"
    known = read_entries(output)
    assert known and set(known) <= {f"shoot/{name}" for name in NAMES}
    said = ended(neucam_batch(root, "--output-path", output, "--workers", "2"))
    assert f"{len(known)} capture" in said and "done already" in said and "5 of 5 are done." in said

    Batch(folders=(root,), output_path=other, scheduler=cluster).main()
    assert f"1 worker of {cluster}" in capsys.readouterr().out
    first = results(output)
    assert len([name for name in first if name.endswith("hdr.exr")]) == 5
    assert results(other) == first
