"""What a process that runs one of our methods gets: no warnings a user can't act on, plain errors, and an ffmpeg.

Only `prepare_process` changes the process. nerfstudio imports the package early in each of its commands, whatever it is
going to run: so importing changes nothing, and the trainer and the data manager prepare the process they are in.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from neucam_nerfstudio.errors import NeucamError

ExceptHook = Callable[[type[BaseException], BaseException, "TracebackType | None"], object]

WARNINGS_OF_DEPENDENCIES = (
    (FutureWarning, r"`torch\.jit\.script` is deprecated"),
    (FutureWarning, r"`torch\.cuda\.amp\.\w+\(.*\)` is deprecated"),
    (UserWarning, r"torch\.cuda\.amp\.GradScaler is enabled, but CUDA is not available"),
    (UserWarning, r"This DataLoader will create \d+ worker processes"),
    (UserWarning, r"Using a non-tuple sequence for multidimensional indexing"),
    (UserWarning, r"Converting a tensor with requires_grad=True to a scalar"),
    (UserWarning, r"std_mean\(\): degrees of freedom is <= 0"),
)
"""Category and text of warnings about nerfstudio's own code; nothing in a capture or an option brings them about."""


M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_MMAP_MAX, M_ARENA_MAX = -1, -3, -4, -8
"""Of glibc's `mallopt`."""
LARGEST_KEPT_BYTES, MOST_KEPT_BYTES = 32 * 2**20, 512 * 2**20
"""Of freed memory: the largest array that is kept (glibc takes no more), and how much of it in all."""
LARGEST_NUMBER = 2**31 - 1
"""That `mallopt` takes."""


def num_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep_freed_memory(of_any_size: bool = False) -> None:
    """Has the C library keep memory that is freed, for what is allocated next. Other libraries than glibc are left as
    they are.

    Pictures are worked on in strips and tiles, whose arrays glibc would give back and have the system clear anew each
    time: a sixth of the CPU time of a fusion.

    Args:
        of_any_size: Also arrays of more than 32 MB, such as the gradient of a volume: half of the CPU time of a step.
    """
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # no glibc
        libc = ctypes.CDLL("libc.so.6")
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_KEPT_BYTES)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST_NUMBER if of_any_size else MOST_KEPT_BYTES)
        libc.mallopt(M_ARENA_MAX, 1)  # what one thread has freed is for all of them
        if of_any_size:
            libc.mallopt(M_MMAP_MAX, 0)


def prepare_process() -> None:
    """Silences `WARNINGS_OF_DEPENDENCIES`, makes `NeucamError`s plain and an `ffmpeg` command available.

    Once is enough, and more do no harm. `ns-render` looks for `ffmpeg` after it has set up the data manager.
    """
    for category, message in WARNINGS_OF_DEPENDENCIES:
        warnings.filterwarnings("ignore", message=message, category=category)
    if not isinstance(sys.excepthook, PlainErrors):
        sys.excepthook = PlainErrors(sys.excepthook)
    provide_ffmpeg()


class PlainErrors:
    """An exception hook that says only the message of an error that a user can put right: no traceback helps there."""

    def __init__(self, otherwise: ExceptHook) -> None:
        self.otherwise = otherwise

    def __call__(self, kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
        """Says a `NeucamError` in one line; leaves every other error to the hook that was there before."""
        if isinstance(error, NeucamError):
            print(f"Error: {error}", file=sys.stderr)
        else:
            self.otherwise(kind, error, traceback)


def provide_ffmpeg() -> None:
    """Makes an `ffmpeg` command available to this process where the system has none.

    `ns-render` looks for a program of that name on the `PATH`. imageio-ffmpeg brings one under another name, so a link
    to it, in the user's cache folder, is appended to the `PATH`. Where no folder takes a link, nothing changes, and
    `ns-render` says what it misses.
    """
    if shutil.which("ffmpeg") is not None:
        return
    for folder in _link_folders():
        with suppress(OSError, RuntimeError, ImportError):
            _link_ffmpeg(folder / "ffmpeg")
            os.environ["PATH"] = os.pathsep.join(filter(None, [os.environ.get("PATH"), str(folder)]))
            return


def _link_folders() -> Iterator[Path]:
    """Folders to try for the link: one that lasts, else one of this process's own."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    environment = sys.prefix.strip(os.sep).replace(os.sep, "-")
    yield cache / "neucam-nerfstudio" / environment
    with suppress(OSError):
        folder = Path(tempfile.mkdtemp(prefix="neucam-ffmpeg-"))
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        yield folder


def _link_ffmpeg(link: Path) -> None:
    """Points `link` at imageio-ffmpeg's program, if it has one; several processes may do so at once."""
    if os.access(link, os.X_OK):
        return
    from imageio_ffmpeg import get_ffmpeg_exe

    program = get_ffmpeg_exe()
    link.parent.mkdir(parents=True, exist_ok=True)
    unfinished = link.with_name(f"ffmpeg.{os.getpid()}")
    unfinished.symlink_to(program)
    unfinished.replace(link)
