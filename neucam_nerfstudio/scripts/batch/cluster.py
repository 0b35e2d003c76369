"""Who works: processes of this machine that live as long as the command, or a Dask cluster that runs already."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.runtime import num_cpus

if TYPE_CHECKING:
    import distributed

BYTES_A_WORKER = 2 * 2**30
"""Memory that a worker is given at least: what fusing nine photographs of 24 megapixels takes."""
SHARE_OF_FREE_MEMORY = 0.75
"""Of the memory that is free, what workers take where nothing else is said."""
MOST_DEATHS = 2
"""So often may workers die over a capture before it is given up: the first time may have been another's fault."""
CONNECT_SECONDS = 20
"""How long a scheduler is waited for."""
POLL_SECONDS = 2.0
"""How often workers that have joined are looked for."""
CLOSE_SECONDS = 60
"""How long workers are waited for that are told to end."""
LOOPBACK = "127.0.0.1"
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""What tells OpenMP (PyTorch, too), BLAS and numba how many threads to start."""

WITHOUT_SERVERS = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    "distributed.scheduler.worker-saturation": 1.0,
    "distributed.scheduler.worker-ttl": None,
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 1.0,
}
"""Configuration of a cluster of our own: no pages are served, nothing is profiled, and a worker that takes more than
its limit is ended at once, for a capture is one task, of which nothing can be put on disk meanwhile. A worker that
is too busy to answer is no dead one."""


def import_distributed() -> Any:
    """Dask's `distributed`.

    Raises:
        NeucamError: It is not installed.
    """
    try:
        import distributed
        import filelock  # noqa: F401 - of the same extra
    except ImportError as error:
        raise NeucamError(
            f"neucam-batch needs {error.name}, which is not installed: pip install 'neucam-nerfstudio[batch]'."
        ) from error
    return distributed


def number_of_workers(asked: int | None, budget_bytes: int, num_captures: int) -> int:
    """How many workers to start: as asked, else as many as there are cores and memory for; not more than captures."""
    most = min(num_cpus(), budget_bytes // BYTES_A_WORKER) if asked is None else asked
    return max(1, min(most, num_captures))


def free_memory_bytes() -> int:
    """Memory of this machine that is free."""
    import psutil

    return psutil.virtual_memory().available


@contextmanager
def own_cluster(num_workers: int, budget_bytes: int) -> Iterator[distributed.Client]:
    """A client of so many processes of this machine, which end with this one, whatever ends it.

    Each has its share of the cores as threads. They talk over loopback, and serve no dashboard.

    Args:
        num_workers: How many.
        budget_bytes: A worker that takes more memory than this is ended.
    """
    dask_distributed = import_distributed()
    import dask.config

    threads = str(max(1, num_cpus() // num_workers))
    with dask.config.set(WITHOUT_SERVERS), _quiet():
        cluster = dask_distributed.LocalCluster(
            n_workers=num_workers,
            threads_per_worker=1,
            processes=True,
            host=LOOPBACK,
            dashboard_address=None,
            scheduler_kwargs={"dashboard_address": f"{LOOPBACK}:0"},
            memory_limit=budget_bytes,
            silence_logs=logging.CRITICAL + 1,
            env=dict.fromkeys(THREAD_VARIABLES, threads),
            preload=[__name__],
        )
        cluster.scheduler.allowed_failures = MOST_DEATHS - 1
        cluster.scheduler.http_server.stop()
        try:
            with dask_distributed.Client(cluster) as client:
                yield client
        except BaseException:
            _end_at_once(cluster)
            raise
        finally:
            with suppress(TimeoutError):  # its processes end with this one
                cluster.close(CLOSE_SECONDS)


def _end_at_once(cluster: distributed.LocalCluster) -> None:
    """Ends the workers of a cluster of ours in the midst of their work, which a plain close would wait for."""
    for nanny in cluster.workers.values():
        pid = nanny.pid
        nanny.close_gracefully("the command has ended")  # so that it starts no other worker
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def running_cluster(address: str) -> Iterator[distributed.Client]:
    """A client of a scheduler that runs already.

    Raises:
        NeucamError: It cannot be reached.
    """
    dask_distributed = import_distributed()
    with _quiet():
        try:
            client = dask_distributed.Client(address, timeout=CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            raise NeucamError(
                f"--scheduler {address}: no Dask scheduler answers there ({error}). Start one (dask scheduler), and"
                " give the address that it prints."
            ) from error
        with client:
            yield client


def dask_setup(worker: distributed.Worker) -> None:
    """Prepares a worker's process of ours; Dask calls it by its name when it loads this module as a preload."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the command, which ends its workers
    worker.http_server.stop()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps what Dask logs about workers that come and go off the terminal: the command says what it means."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def num_threads(client: distributed.Client) -> int:
    """How many jobs the workers of a cluster can do at a time, now."""
    threads: Any = client.nthreads()
    return sum(threads.values())


def outcomes(
    client: distributed.Client,
    work: Callable[[Any], Any],
    jobs: Mapping[str, Any],
) -> Iterator[tuple[str, Any]]:
    """Has workers do jobs, never more at a time than there are workers' threads, and gives what each makes of it.

    So a worker that dies takes one job with it, and workers that join later get some.

    Args:
        client: Of the cluster.
        work: What is done with a job.
        jobs: By name.

    Yields:
        Name of the job and what `work` returned, in the order in which they end; of a job over which workers died the
        exception that says so.

    Raises:
        NeucamError: The scheduler is gone.
    """
    import distributed

    waiting, at_work = iter(jobs.items()), {}
    left = len(jobs)
    while left:
        width = max(1, num_threads(client))
        while len(at_work) < width and (following := next(waiting, None)) is not None:
            name, job = following
            at_work[client.submit(work, job, pure=False, key=f"{name}-{os.getpid()}")] = name
        try:
            ended: Any = distributed.wait(list(at_work), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
        except TimeoutError:
            continue
        for future in ended.done:
            if future.status == "lost":  # its worker died before the outcome was fetched, so it is done again
                time.sleep(POLL_SECONDS / 10)
                continue
            if future.status == "cancelled":
                raise NeucamError(
                    "The Dask scheduler is gone. What is done is kept: start one, and the same command goes on."
                )
            left -= 1
            yield at_work.pop(future), future.exception() if future.status == "error" else future.result()
            future.release()


def said_of_death(error: BaseException) -> str:
    """Why a capture is given up over which workers died; of another error what it says."""
    import distributed

    if not isinstance(error, distributed.KilledWorker):
        return f"The worker could not take it: {type(error).__name__}: {error}"
    times = {1: "once", 2: "twice"}.get(count := error.allowed_failures + 1, f"{count} times")
    return (
        f"The worker died {times} while it made this capture, perhaps of too little memory. Try it alone with"
        " --retry-failed --workers 1, or smaller with --downscale-factor 2."
    )
