"""Small trees of captures, and the command run without worker processes."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest

from neucam_nerfstudio.scripts.batch import batch_run
from neucam_nerfstudio.scripts.batch.batch_manifest import Entry

Tree = Callable[..., Path]


@pytest.fixture
def tree(tmp_path: Path, tiny_desk: Path) -> Tree:
    """Writes a tree of small captures: `tree("a", "b/c")`, three photographs at one focus each; returns its root."""

    def write(*names: str) -> Path:
        for name in names:
            folder = tmp_path / "shoot" / name
            folder.mkdir(parents=True)
            for photograph in tiny_desk.glob("F1E*.png"):
                shutil.copy2(photograph, folder)
            shutil.copy2(tiny_desk / "exposure.txt", folder)
        return tmp_path / "shoot"

    return write


@pytest.fixture
def one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has this process do the work of the command."""

    def outcomes(client: object, work: Callable, jobs: dict) -> Iterator[tuple[str, object]]:
        yield from ((name, work(job)) for name, job in jobs.items())

    monkeypatch.setattr(batch_run, "outcomes", outcomes)
    monkeypatch.setattr(batch_run, "own_cluster", lambda *_: nullcontext())


@pytest.fixture
def entry() -> Callable[..., Entry]:
    """An entry of a manifest: `entry(status="failed", reason="...")`."""

    def make(**fields: object) -> Entry:
        told = {"status": "done", "data": "d", "finished": "now", "seconds": 1.0, "cpu_seconds": 1.0}
        return Entry.model_validate({**told, "options": {}, "inputs": "0", **fields})

    return make
