"""What `neucam-export` says while it works: how long it will take, and which files it has written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from neucam_nerfstudio.scripts.run_command import CONSOLE


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
