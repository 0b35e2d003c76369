"""Numbered pieces of work done in several threads, as many as there are CPUs for this process."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from threading import Event

import cv2

from neucam_nerfstudio.runtime import num_cpus


class Stopped(Exception):
    """Work in another thread has failed or was interrupted, and nobody waits for this."""


def num_cores() -> int:
    """How many threads to work in: one of several workers has told OpenCV its share of the CPUs."""
    return max(1, min(num_cpus(), cv2.getNumThreads()))


def in_threads(
    work: Callable[[int], None],
    count: int,
    num_at_once: int,
    report: Callable[[float], None] = lambda share_done: None,
    stop: Event | None = None,
) -> None:
    """Does numbered work, several at a time; OpenCV's own threads would only get in their way.

    Args:
        work: Called with each number, from 0 on.
        count: How many there are.
        num_at_once: In so many threads; one at least.
        report: Called with the share that is done, (0, 1], in this thread.
        stop: Set as soon as the work is over, done or not: whoever works may look at it, and raise `Stopped`.
    """
    if count == 1 or num_at_once <= 1:
        for number in range(count):
            work(number)
            report((number + 1) / count)
        return
    own_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(num_at_once, "work")
    try:
        waiting: set[Future] = {pool.submit(work, number) for number in range(count)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: isinstance(future.exception(), Stopped)):
                future.result()
            report(1 - len(waiting) / count)
    finally:
        if stop is not None:
            stop.set()
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(own_threads)
