"""One run over captures that were found: workers make them, and what comes of each is put in place and noted."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple
from uuid import uuid4

import tyro

from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.scripts.batch.batch_manifest import BatchManifest, Entry, now
from neucam_nerfstudio.scripts.batch.captures import FoundCapture
from neucam_nerfstudio.scripts.batch.cluster import (
    SHARE_OF_FREE_MEMORY,
    free_memory_bytes,
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
from neucam_nerfstudio.scripts.batch.stands import StandJob
from neucam_nerfstudio.scripts.batch.told_settings import counted
from neucam_nerfstudio.scripts.batch.work import CaptureOptions, Job, Outcome, make
from neucam_nerfstudio.scripts.run_command import say, share_of_work

if TYPE_CHECKING:
    import distributed

STANDS = ".stands."
"""How the name of the folder begins in which stands are kept while a batch runs."""


@dataclass(kw_only=True)
class RunOptions(CaptureOptions):
    """What is done with captures, and who does it."""

    retry_failed: bool = False
    """Make only what failed before."""
    workers: Annotated[int | None, tyro.conf.arg(metavar="INT")] = None
    """How many captures are made at a time; None takes what this machine has cores and --memory-budget for."""
    memory_budget: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory for all workers together, about; each has its share. None takes three quarters of what is free."""
    scheduler: str | None = None
    """Address of a Dask scheduler that runs already, such as tcp://HOST:8786: its workers do the work."""

    def capture_options(self) -> CaptureOptions:
        """The options that change results."""
        return CaptureOptions(**{field.name: getattr(self, field.name) for field in fields(CaptureOptions)})

    def told_options(self) -> dict[str, object]:
        """The same as the manifest has them."""
        return json.loads(json.dumps(asdict(self.capture_options())))


Inputs = tuple[str, int]
"""Fingerprint and number of bytes of the files that a result is made from, see `FoundCapture.inputs`."""


def inputs_of(captures: Sequence[FoundCapture], stands: Mapping[str, Sequence[FoundCapture]]) -> dict[str, Inputs]:
    """What each result is made from, by its name; one that shares a stand depends on all captures of that."""
    inputs = {capture.name: capture.inputs() for capture in captures}
    for lights in stands.values():
        of_all = sha256("".join(inputs[light.name][0] for light in lights).encode()).hexdigest()
        inputs |= {light.name: (of_all, inputs[light.name][1]) for light in lights}
    return inputs


class _Workers(NamedTuple):
    """How many workers there are, and the memory that they may take together."""

    count: int
    budget_bytes: int


class BatchRun:
    """One run of the command over captures that were found."""

    def __init__(
        self,
        asked: RunOptions,
        manifest: BatchManifest,
        captures: list[FoundCapture],
        stands: dict[str, list[FoundCapture]],
    ) -> None:
        self.asked, self.manifest, self.captures, self.stands = asked, manifest, captures, stands
        self.output, self.options = manifest.folder, asked.capture_options()
        self.inputs = inputs_of(captures, stands)

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
        entries, options = self.manifest.entries, self.asked.told_options()
        known = {capture.name: entries.get(capture.name) for capture in self.captures}
        if self.asked.retry_failed:
            chosen = [each for each in self.captures if (e := known[each.name]) is not None and e.status == "failed"]
            say(f"{counted(len(chosen), 'capture')} to try again.")
        else:
            done = {
                each.name
                for each in self.captures
                if (entry := known[each.name]) is not None and is_done(entry, each, options, self.output, self.inputs)
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
        workers = self._workers(len(to_make))
        budget_bytes = None if workers is None else workers.budget_bytes // workers.count
        stands = self.output / f"{STANDS}{uuid4().hex[:8]}"
        for left in self.output.glob(f"{STANDS}*"):
            shutil.rmtree(left, ignore_errors=True)
        jobs, stand_jobs = {}, {}
        for number, (stand, lights) in enumerate(self.stands.items()):
            if any(light.name in to_make for light in lights):
                folders = tuple(light.data for light in lights)
                stand_jobs[stand] = StandJob(folders, (stands / str(number)).resolve(), self.options, budget_bytes)
        stand_of = {light.name: stand for stand, lights in self.stands.items() for light in lights}
        for name, capture in to_make.items():
            final = (self.output / name).resolve()
            remove_unfinished(final)
            unfinished = final.with_name(f".{final.name}.{uuid4().hex[:8]}{UNFINISHED}")
            stand = None if name not in stand_of else stand_jobs[stand_of[name]].unfinished
            jobs[name] = Job(capture.data, unfinished, self.options, budget_bytes, stand)
        doing = f"{'Learning' if self.options.learn else 'Fusing'} {counted(len(jobs), 'capture')}"
        try:
            with share_of_work(doing) as report, self._client(workers) as client:
                failed = dict(self._find_stands(client, stand_jobs))
                lost = {name: failed[stand_of[name]] for name in jobs if stand_of.get(name) in failed}
                for name, reason in lost.items():
                    self._keep(name, jobs[name], Outcome(reason=reason))
                    say(f"{name}: failed: {reason}")
                self._make_jobs(client, {name: job for name, job in jobs.items() if name not in lost}, report)
        finally:
            for job in jobs.values():
                shutil.rmtree(job.unfinished, ignore_errors=True)
            shutil.rmtree(stands, ignore_errors=True)

    def _find_stands(self, client: distributed.Client, jobs: Mapping[str, StandJob]) -> Iterator[tuple[str, str]]:
        """Has stands found out, and gives name and reason of those that fail."""
        for stand, outcome in _finished(client, jobs):
            if outcome.reason is not None:
                yield stand, f"Its stand, {stand}, could not be found out. {outcome.reason}"
            else:
                say(f"Stand {stand}: alignment and focus found in {outcome.seconds:.1f} s.")

    def _make_jobs(self, client: distributed.Client, jobs: Mapping[str, Job], report: Callable[[float], None]) -> None:
        """Has captures made, keeps what comes, and says how long the others will take."""
        done_bytes, all_bytes = 0, sum(self.inputs[name][1] for name in jobs) or 1
        start = time.perf_counter()
        for number, (name, outcome) in enumerate(_finished(client, jobs), 1):
            self._keep(name, jobs[name], outcome)
            done_bytes += self.inputs[name][1]
            report(done_bytes / all_bytes)
            left = (time.perf_counter() - start) * (all_bytes / max(done_bytes, 1) - 1)
            what = f"failed: {outcome.reason}" if outcome.reason else f"done in {outcome.seconds:.1f} s"
            more = f" About {said_of_time(left)} left." if number < len(jobs) else ""
            say(f"{number} of {len(jobs)}, {name}: {what.rstrip('.')}.{more}")

    @contextmanager
    def _client(self, workers: _Workers | None) -> Iterator[distributed.Client]:
        if self.asked.scheduler is not None:
            with running_cluster(self.asked.scheduler) as client:
                count = num_threads(client)
                say(f"{counted(count, 'worker')} of {self.asked.scheduler}{'' if count else ': waiting for some'}.")
                yield client
            return
        assert workers is not None
        say(f"{counted(workers.count, 'worker')}, {workers.budget_bytes / 1e9:.1f} GB of memory for all.")
        with own_cluster(workers.count, workers.budget_bytes) as client:
            yield client

    def _workers(self, num_captures: int) -> _Workers | None:
        """The workers to start; None where a cluster runs."""
        if self.asked.scheduler is not None:
            return None
        budget_gb = self.asked.memory_budget
        budget_bytes = int(free_memory_bytes() * SHARE_OF_FREE_MEMORY if budget_gb is None else budget_gb * 1e9)
        return _Workers(number_of_workers(self.asked.workers, budget_bytes, num_captures), budget_bytes)

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
            options=self.asked.told_options(),
            inputs=self.inputs[name][0],
        )
        self.manifest.record(name, entry)


def _finished(
    client: distributed.Client, jobs: Mapping[str, Job] | Mapping[str, StandJob]
) -> Iterator[tuple[str, Outcome]]:
    """What becomes of jobs, by name, in the order in which they end."""
    for name, outcome in outcomes(client, make, jobs):
        yield name, Outcome(reason=said_of_death(outcome)) if isinstance(outcome, BaseException) else outcome


def is_done(
    entry: Entry,
    capture: FoundCapture,
    options: Mapping[str, object],
    output: Path,
    inputs: Mapping[str, Inputs],
) -> bool:
    """Whether the result that is there is the one that would be made."""
    folder, wanted = output / capture.name, ("done", str(capture.data), options, inputs[capture.name][0])
    is_same = (entry.status, entry.data, entry.options, entry.inputs) == wanted
    return is_same and all((folder / file).is_file() for file in entry.files)


def said_of_time(seconds: float) -> str:
    """A time in words: `12 s`, `3 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
