"""`neucam-batch`: finds captures, has workers make them, and keeps account of what became of each."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import uuid4

import tyro

from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.file_writing import check_folder_takes_files, written_whole
from neucam_nerfstudio.scripts.batch.batch_manifest import BatchManifest, Entry, now, open_manifest, read_entries
from neucam_nerfstudio.scripts.batch.captures import RULES, FoundCapture, find_captures
from neucam_nerfstudio.scripts.batch.cluster import (
    SHARE_OF_FREE_MEMORY,
    free_memory_bytes,
    import_distributed,
    num_threads,
    number_of_workers,
    outcomes,
    own_cluster,
    running_cluster,
    said_of_death,
)
from neucam_nerfstudio.scripts.batch.report import REPORT_NAME, thumbnail_file, write_report
from neucam_nerfstudio.scripts.batch.result_folders import (
    UNFINISHED,
    check_replaceable,
    put_in_place,
    remove_unfinished,
)
from neucam_nerfstudio.scripts.batch.told_settings import counted, glance_at_settings
from neucam_nerfstudio.scripts.batch.work import CaptureOptions, Job, Outcome, make
from neucam_nerfstudio.scripts.run_command import run_command, say, share_of_work

if TYPE_CHECKING:
    import distributed

FRAMES_OF_METHOD: dict[str, FrameKind] = {
    "neucam": "settings",
    "neucam-multifocus": "focus-stack",
    "neucam-hdr": "moments",
    "neucam-deblur": "moments",
    "neucam-hdr-video": "moments",
}
"""What the methods take frames for, without loading PyTorch."""
SOME_FAILED = 1
"""Exit code when a capture failed."""


@dataclass(kw_only=True)
class Batch(CaptureOptions):
    """Fuses every capture in a tree of folders, several at a time.

    Each result is what neucam-fuse writes, in a folder of its own below --output-path, where the tree is mirrored.
    batch.json there says what became of each capture, and report.html shows all. Run again, it makes what is new,
    changed, failed or was not finished, and leaves what is done.
    """

    folders: tyro.conf.Positional[tuple[Path, ...]]
    """Folders to search for captures."""
    output_path: Path
    """Folder to write to; it is made if missing."""
    dry_run: bool = False
    """List the captures with what names, lists and EXIF tell of their settings, and stop."""
    videos: bool = False
    """Take videos and .npy files that are found for captures, too; think of --frames moments."""
    retry_failed: bool = False
    """Make only what failed before."""
    workers: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """How many captures are made at a time; None takes what this machine has cores and --memory-budget for."""
    memory_budget: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory for all workers together, about; each has its share. None takes three quarters of what is free."""
    scheduler: str | None = None
    """Address of a Dask scheduler that runs already, such as tcp://HOST:8786: its workers do the work."""

    def main(self) -> None:
        """Lists captures, or makes them and exits with 1 if one failed."""
        self._check()
        captures, passed = find_captures(self.folders, self.output_path, self.videos)
        for each in passed:
            say(f"Not taken: {each.path} ({each.reason}).")
        if not captures:
            raise NeucamError(f"{', '.join(map(str, self.folders))}: no captures found.\n{RULES}")
        if self.dry_run:
            self._list(captures)
            return
        import_distributed()
        try:
            check_folder_takes_files(self.output_path)
        except (FileExistsError, NotADirectoryError) as error:
            raise NeucamError(f"--output-path {self.output_path}: is a file, or lies in one. Give a folder.") from error
        with open_manifest(self.output_path) as manifest:
            failed = _Run(self, manifest, captures).make_all()
        if failed:
            raise SystemExit(SOME_FAILED)

    def capture_options(self) -> CaptureOptions:
        """The options that change results."""
        return CaptureOptions(**{field.name: getattr(self, field.name) for field in fields(CaptureOptions)})

    def told_options(self) -> dict[str, object]:
        """The same as the manifest has them."""
        return json.loads(json.dumps(asdict(self.capture_options())))

    def _check(self) -> None:
        if not self.folders:
            raise NeucamError("FOLDER: none is given. Give folders that hold captures.")
        if self.method is not None:
            if self.frames not in ("settings", FRAMES_OF_METHOD[self.method]):
                raise NeucamError(
                    f"--frames {self.frames}: {self.method} takes frames its own way. Give only --method."
                )
            self.frames, self.learn = FRAMES_OF_METHOD[self.method], True
        if self.workers is not None and self.workers < 1:
            raise NeucamError(f"--workers {self.workers}: expected 1 or more.")
        if self.memory_budget is not None and not self.memory_budget > 0:
            raise NeucamError(f"--memory-budget {self.memory_budget:g}: expected more than 0 GB.")
        if self.scheduler is not None and (self.workers is not None or self.memory_budget is not None):
            raise NeucamError("--workers, --memory-budget: the workers of --scheduler have theirs. Leave them out.")

    def _list(self, captures: list[FoundCapture]) -> None:
        entries, options = read_entries(self.output_path), self.told_options()
        for capture in captures:
            try:
                told = str(glance_at_settings(capture.data, self.frames, self.downscale_factor))
            except NeucamError as error:
                told = f"cannot be used: {error}"
            entry = entries.get(capture.name)
            state = "" if entry is None else ", failed before" if entry.status == "failed" else ", made before"
            if entry is not None and entry.status == "done" and _is_done(entry, capture, options, self.output_path):
                state = ", done"
            say(f"{capture.name}: {told}{state}.")
        say(f"{counted(len(captures), 'capture')}. Their pictures have the last word on settings: nothing was made.")


class _Workers(NamedTuple):
    """How many workers there are, and the memory that they may take together."""

    count: int
    budget_bytes: int


class _Run:
    """One run of the command over captures that were found."""

    def __init__(self, batch: Batch, manifest: BatchManifest, captures: list[FoundCapture]) -> None:
        self.batch, self.manifest, self.captures = batch, manifest, captures
        self.output, self.options = manifest.folder, batch.capture_options()
        self.inputs = {capture.name: capture.inputs() for capture in captures}

    def make_all(self) -> int:
        """Makes what is to be made, writes the report, and returns how many captures failed, now or before."""
        to_make = self._to_make()
        names = {capture.name for capture in self.captures}
        start = time.perf_counter()
        try:
            if to_make:
                self._make(to_make)
        finally:
            write_report(self.output, self.manifest.entries)
        failed = [name for name in names if (entry := self.manifest.entries.get(name)) and entry.status == "failed"]
        seconds = time.perf_counter() - start
        num_done = len(names) - len(failed)
        say(f"{counted(len(to_make), 'capture')} in {said_of_time(seconds)}; {num_done} of {len(names)} are done.")
        if failed:
            say(f"{len(failed)} failed: --retry-failed tries them again. Reasons are in the report.")
        say(f"Report: {self.output / REPORT_NAME}")
        return len(failed)

    def _to_make(self) -> dict[str, FoundCapture]:
        entries, options = self.manifest.entries, self.batch.told_options()
        known = {capture.name: entries.get(capture.name) for capture in self.captures}
        if self.batch.retry_failed:
            chosen = [each for each in self.captures if (e := known[each.name]) is not None and e.status == "failed"]
            say(f"{counted(len(chosen), 'capture')} to try again.")
        else:
            done = {
                each.name
                for each in self.captures
                if (entry := known[each.name]) is not None and _is_done(entry, each, options, self.output, self.inputs)
            }
            chosen = [each for each in self.captures if each.name not in done]
            if done:
                say(
                    f"{counted(len(done), 'capture')} done already, with these options, of unchanged files: left alone."
                )
        for capture in self.captures:
            check_replaceable(self.output / capture.name, capture.folder, known[capture.name] is not None)
        return {capture.name: capture for capture in chosen}

    def _make(self, to_make: Mapping[str, FoundCapture]) -> None:
        jobs, workers = {}, self._workers(len(to_make))
        for name, capture in to_make.items():
            final = (self.output / name).resolve()
            remove_unfinished(final)
            unfinished = final.with_name(f".{final.name}.{uuid4().hex[:8]}{UNFINISHED}")
            budget_bytes = None if workers is None else workers.budget_bytes // workers.count
            jobs[name] = Job(capture.data, unfinished, self.options, budget_bytes)
        done_bytes, all_bytes = 0, sum(self.inputs[name][1] for name in jobs) or 1
        start, verb = time.perf_counter(), "Learning" if self.options.learn else "Fusing"
        try:
            with share_of_work(f"{verb} {counted(len(jobs), 'capture')}") as report, self._client(workers) as client:
                for number, (name, outcome) in enumerate(outcomes(client, make, jobs), 1):
                    if isinstance(outcome, BaseException):
                        outcome = Outcome(reason=said_of_death(outcome))
                    self._keep(name, jobs[name], outcome)
                    done_bytes += self.inputs[name][1]
                    report(done_bytes / all_bytes)
                    left = (time.perf_counter() - start) * (all_bytes / max(done_bytes, 1) - 1)
                    what = f"failed: {outcome.reason}" if outcome.reason else f"done in {outcome.seconds:.1f} s"
                    more = f" About {said_of_time(left)} left." if number < len(jobs) else ""
                    say(f"{number} of {len(jobs)}, {name}: {what.rstrip('.')}.{more}")
        finally:
            for job in jobs.values():
                shutil.rmtree(job.unfinished, ignore_errors=True)

    @contextmanager
    def _client(self, workers: _Workers | None) -> Iterator[distributed.Client]:
        if self.batch.scheduler is not None:
            with running_cluster(self.batch.scheduler) as client:
                count = num_threads(client)
                say(f"{counted(count, 'worker')} of {self.batch.scheduler}{'' if count else ': waiting for some'}.")
                yield client
            return
        assert workers is not None
        say(f"{counted(workers.count, 'worker')}, {workers.budget_bytes / 1e9:.1f} GB of memory for all.")
        with own_cluster(workers.count, workers.budget_bytes) as client:
            yield client

    def _workers(self, num_captures: int) -> _Workers | None:
        """The workers to start; None where a cluster runs."""
        if self.batch.scheduler is not None:
            return None
        budget_gb = self.batch.memory_budget
        budget_bytes = int(free_memory_bytes() * SHARE_OF_FREE_MEMORY if budget_gb is None else budget_gb * 1e9)
        return _Workers(number_of_workers(self.batch.workers, budget_bytes, num_captures), budget_bytes)

    def _keep(self, name: str, job: Job, outcome: Outcome) -> None:
        """Puts a result in place, and notes what became of the capture."""
        if outcome.reason is None:
            put_in_place(job.unfinished, self.output / name)
            with written_whole(thumbnail_file(self.output, name)) as temporary:
                temporary.write_bytes(outcome.thumbnail)
        else:
            shutil.rmtree(job.unfinished, ignore_errors=True)
        entry = Entry(
            status="done" if outcome.reason is None else "failed",
            reason=outcome.reason,
            traceback=outcome.traceback,
            data=str(job.data),
            finished=now(),
            seconds=round(outcome.seconds, 2),
            cpu_seconds=round(outcome.cpu_seconds, 2),
            scores={score: round(value, 4) for score, value in outcome.scores.items()},
            settings=None if outcome.settings is None else asdict(outcome.settings) | {"said": str(outcome.settings)},
            notes=outcome.notes,
            files=outcome.files,
            picture=outcome.picture,
            options=self.batch.told_options(),
            inputs=self.inputs[name][0],
        )
        self.manifest.record(name, entry)


def _is_done(
    entry: Entry,
    capture: FoundCapture,
    options: Mapping[str, object],
    output: Path,
    inputs: Mapping[str, tuple[str, int]] | None = None,
) -> bool:
    """Whether the result that is there is the one that would be made."""
    found = capture.inputs() if inputs is None else inputs[capture.name]
    folder = output / capture.name
    is_same = (entry.status, entry.data, entry.options, entry.inputs) == ("done", str(capture.data), options, found[0])
    return is_same and all((folder / file).is_file() for file in entry.files)


def said_of_time(seconds: float) -> str:
    """A time in words: `12 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def entrypoint() -> None:
    """Runs `neucam-batch`."""
    run_command(Batch, f"{Batch.__doc__}\n\n{RULES}")


if __name__ == "__main__":
    entrypoint()
