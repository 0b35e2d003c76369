"""How our commands begin, what they say while they work, and how they end.

What a user can put right is said in one line, and nothing is left unfinished.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import FrameType
from typing import Any

import tyro
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.runtime import keep_freed_memory

CONSOLE = Console(width=120)
"""What our commands print to: as wide as nerfstudio's, which would load PyTorch."""

INTERRUPTED = 130
"""Exit code of a command that Ctrl+C ends."""

WHAT_IS_LEFT = "What is written is whole; what was being written is not there."


def run_command(kinds: Any, description: str | None = None) -> None:
    """Runs what the command line asks for. What a user can put right is said in one line, exit code 1.

    Args:
        kinds: The command, or several of them, as `tyro.cli` takes them; each has a `main`.
        description: What the help says of the command; default: its docstring.
    """
    tyro.extras.set_accent_color("bright_yellow")
    _unwind_when_ended()
    keep_freed_memory()
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
