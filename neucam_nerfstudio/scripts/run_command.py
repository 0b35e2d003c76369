"""How our commands begin, what they say while they work, and how they end.

What a user can put right is said in one line, and nothing is left unfinished.
"""

from __future__ import annotations

import ctypes
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from neucam_nerfstudio.errors import NeucamError

CONSOLE = Console(width=120)
"""What our commands print to: as wide as nerfstudio's, which would load PyTorch."""

INTERRUPTED = 130
"""Exit code of a command that Ctrl+C ends."""

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
"""Of glibc's `mallopt`."""
LARGEST_KEPT_BYTES, MOST_KEPT_BYTES = 32 * 2**20, 512 * 2**20
"""Of freed memory: the largest array that is kept (glibc takes no more), and how much of it in all."""

WHAT_IS_LEFT = "What is written is whole; what was being written is not there."


def run_command(kinds: Any, description: str | None = None) -> None:
    """Runs what the command line asks for. What a user can put right is said in one line, exit code 1.

    Args:
        kinds: The command, or several of them, as `tyro.cli` takes them; each has a `main`.
        description: What the help says of the command; default: its docstring.
    """
    tyro.extras.set_accent_color("bright_yellow")
    _unwind_when_ended()
    _keep_freed_memory()
    command = tyro.cli(kinds, description=description)
    try:
        command.main()
    except NeucamError as error:
        _fail(str(error))
    except OSError as error:
        reason = str(error) if error.filename is None else f"{error.filename}: {error.strerror}."
        _fail(f"{reason} {WHAT_IS_LEFT}")
    except KeyboardInterrupt:
        CONSOLE.print(f"Interrupted. {WHAT_IS_LEFT}")
        sys.exit(INTERRUPTED)


@contextmanager
def progress(description: str, num_steps: int) -> Iterator[Callable[[], None]]:
    """A bar with the time that is left; it goes when the work is done, and is not shown but on a terminal.

    Args:
        description: What is being done.
        num_steps: How often the function that this yields will be called.
    """
    with share_of_work(description) as report:
        done = count(1)
        yield lambda: report(next(done) / num_steps)


@contextmanager
def share_of_work(description: str) -> Iterator[Callable[[float], None]]:
    """The same bar; the function that this yields is called with the share that is done, from 0 to 1."""
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn(compact=True)
    with Progress(*columns, console=CONSOLE, transient=True, disable=not CONSOLE.is_terminal) as bar:
        task = bar.add_task(description, total=1.0)
        yield lambda share: bar.update(task, completed=share)


@contextmanager
def announced(path: Path) -> Iterator[Path]:
    """Gives the name of a file or folder to write, and says afterwards that it is there, and whether one was before."""
    replaces = path.exists()
    yield path
    say(f"{'Replaced' if replaces else 'Wrote'} {path}")


def say(line: str) -> None:
    """Prints a line as it is."""
    CONSOLE.print(line, markup=False, highlight=False, soft_wrap=True)


def _keep_freed_memory() -> None:
    """Has the C library keep some of the memory that is freed, for what is allocated next.

    Pictures are worked on in strips and tiles, whose arrays glibc would give back and have the system clear anew each
    time: a sixth of the CPU time of a fusion. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # no glibc
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, MOST_KEPT_BYTES)
        libc.mallopt(M_ARENA_MAX, 1)  # what one thread has freed is for all of them


def _unwind_when_ended() -> None:
    """Lets this process unwind, and so remove unfinished files, when the system ends it or its terminal is closed.

    What the caller has this process ignore, as `nohup` does, it still ignores.
    """
    ending = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]  # no SIGHUP on Windows

    def unwind(number: int, frame: FrameType | None) -> None:
        for further in ending:  # a closed terminal sends more than one
            signal.signal(further, signal.SIG_IGN)
        sys.exit(128 + number)

    for number in ending:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, unwind)


def _fail(line: str) -> None:
    CONSOLE.print(line, style="bold red", markup=False)
    sys.exit(1)
