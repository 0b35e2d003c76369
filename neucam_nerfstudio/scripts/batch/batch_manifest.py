"""`batch.json`: what became of each capture of a batch; and the lock that keeps two batches from one folder.

Each outcome is a line that is added to a journal, which is folded into the manifest whenever it has grown to a share of
it, and at the end. So writing all outcomes costs time in proportion to their number, and a process that is killed
loses none of them.
"""

from __future__ import annotations

import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from neucam_nerfstudio import __version__
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts.batch.captures import BATCH_NAME

VERSION = 1
JOURNAL_NAME, LOCK_NAME = ".batch-journal.jsonl", ".batch.lock"
FOLD_SHARE = 0.25
"""The journal is folded into the manifest when it has this share of the manifest's size."""


class Entry(BaseModel):
    """What became of a capture.

    Attributes:
        status: Whether its result is there.
        reason: Why it failed.
        traceback: Where it failed, if the program is to blame.
        data: What was opened.
        finished: When, local time.
        seconds: How long it took a worker.
        cpu_seconds: How long its processor worked.
        scores: Of the picture, by name.
        settings: Of the frames, as they were found.
        notes: What was chosen and found.
        files: Names of what was written.
        picture: The file to look at.
        options: That change the result.
        inputs: Fingerprint of the files that were read.
        program: That did it.
    """

    model_config = ConfigDict(extra="forbid")
    status: Literal["done", "failed"]
    reason: str | None = None
    traceback: str | None = None
    data: str
    finished: str
    seconds: float
    cpu_seconds: float
    scores: dict[str, float] = {}
    settings: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    picture: str = ""
    options: dict[str, Any]
    inputs: str
    program: str = f"neucam-nerfstudio {__version__}"


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Annotated[int, Field(ge=1)] = VERSION
    at_work: str | None = None
    captures: dict[str, Entry] = {}


class BatchManifest:
    """The manifest of the results in a folder, open for one process.

    Attributes:
        folder: Of the results.
        entries: What became of each capture, by the name of its result.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.entries = _read(folder / BATCH_NAME).captures | _read_journal(folder / JOURNAL_NAME)
        self._journal_bytes = 0
        self._fold(at_work=_this_process())

    def record(self, name: str, entry: Entry) -> None:
        """Notes what became of a capture: once this returns, it is not forgotten."""
        self.entries[name] = entry
        line = json.dumps([name, entry.model_dump(mode="json", exclude_none=True)]) + "\n"
        with (self.folder / JOURNAL_NAME).open("a", encoding="utf-8") as journal:
            journal.write(line)
            journal.flush()
            os.fsync(journal.fileno())
        self._journal_bytes += len(line)
        if self._journal_bytes > FOLD_SHARE * (self.folder / BATCH_NAME).stat().st_size:
            self._fold(at_work=_this_process())

    def close(self) -> None:
        """Folds the journal in."""
        self._fold(at_work=None)

    def _fold(self, at_work: str | None) -> None:
        entries = dict(sorted(self.entries.items()))
        document = _Document(at_work=at_work, captures=entries).model_dump(mode="json", exclude_none=True)
        with written_whole(self.folder / BATCH_NAME) as temporary:
            temporary.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        (self.folder / JOURNAL_NAME).unlink(missing_ok=True)
        self._journal_bytes = 0


@contextmanager
def open_manifest(folder: Path) -> Iterator[BatchManifest]:
    """The manifest of the results in a folder, which is made; no other process can open it meanwhile.

    The system gives the lock back when a process ends, however it ends.

    Raises:
        NeucamError: Another process has it open, or the manifest is not one.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK_NAME, blocking=False)
    try:
        lock.acquire()
    except Timeout:
        with suppress(NeucamError):
            holder = _read(folder / BATCH_NAME).at_work
        raise NeucamError(
            f"{folder}: another neucam-batch writes its results there{f' ({holder})' if holder else ''}. Wait for its"
            " end, or give another --output-path."
        ) from None
    try:
        manifest = BatchManifest(folder)
        try:
            yield manifest
        finally:
            manifest.close()
    finally:
        lock.release()


def read_entries(folder: Path) -> dict[str, Entry]:
    """What became of the captures whose results are in a folder, by name, as far as it is known now.

    Raises:
        NeucamError: The manifest is not one.
    """
    return _read(folder / BATCH_NAME).captures | _read_journal(folder / JOURNAL_NAME)


def now() -> str:
    """Local time, as the manifest has it."""
    return time.strftime("%Y-%m-%d %H:%M:%S")


def _read(path: Path) -> _Document:
    if not path.is_file():
        return _Document()
    try:
        document = _Document.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, ValidationError) as error:
        first = str(error).splitlines()[0]
        raise NeucamError(
            f"{path}: not the manifest of a batch ({first}). Give another --output-path, or take the file away: then"
            " all captures are made anew."
        ) from error
    if document.version != VERSION:
        raise NeucamError(
            f"{path}: version {document.version} of the file, this program reads {VERSION}. Give another --output-path."
        )
    return document


def _read_journal(path: Path) -> dict[str, Entry]:
    """Entries of a journal; a last line that was cut off is no entry."""
    entries = {}
    with suppress(FileNotFoundError):
        for line in path.read_text(encoding="utf-8").splitlines():
            with suppress(ValueError):
                name, entry = json.loads(line)
                entries[name] = Entry.model_validate(entry)
    return entries


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}, since {now()}"
