"""Files written whole or not at all, and the errors that all writers share."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile

from neucam_nerfstudio.errors import NeucamError

UNFINISHED_NAME = re.compile(r"\.(\d+)-(.+)")
"""The temporary name of a file: the process that writes it, and the file's own name."""
ABANDONED_AFTER_S = 600
"""Seconds; no file of ours takes so long between two parts of it."""


@contextmanager
def written_whole(path: Path, *library_errors: type[Exception]) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to, and renames it to `path` only if the writing succeeds.

    So nobody ever reads half a file, and a failure leaves an older file unchanged.

    Args:
        path: File to write; missing folders are made.
        library_errors: Errors of the library that writes, for a full disk and the like.

    Raises:
        OSError: The file cannot be written; names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = unfinished_name(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except library_errors as error:
        raise OSError(f"{path}: {' '.join(str(error).split()).rstrip('.')}.") from error
    except OSError as error:
        if error.errno is None or error.filename not in (None, str(temporary)):
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def unfinished_name(path: Path) -> Path:
    """The temporary name beside `path` under which this process writes the file."""
    return path.with_name(f".{os.getpid()}-{path.name}")


def remove_abandoned(path: Path) -> None:
    """Removes what processes have left of a file that were killed while they wrote it, and could not clean up.

    What has changed in the last `ABANDONED_AFTER_S` seconds is left: another machine may be writing it.
    """
    import psutil

    if not path.parent.is_dir():
        return
    for unfinished in path.parent.iterdir():
        named = UNFINISHED_NAME.fullmatch(unfinished.name)
        if named is None or named[2] != path.name or psutil.pid_exists(int(named[1])):
            continue
        with suppress(OSError):  # another process was quicker, or may and this one may not
            if time.time() - unfinished.stat().st_mtime > ABANDONED_AFTER_S:
                unfinished.unlink()


def check_folder_takes_files(folder: Path) -> None:
    """Checks that files can be written to a folder, which may be missing, and changes nothing.

    Raises:
        OSError: They cannot; says why.
    """
    missing: list[Path] = []
    try:
        missing += [place for place in (folder, *folder.parents) if not place.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder) as probe:
            probe.write(bytes(1))
    finally:
        for made in missing:
            with suppress(OSError):  # another process's files are in it, or it could not be made
                made.rmdir()


def unsupported(path: Path, what: str, supported: tuple[str, ...]) -> NeucamError:
    """The error for a file name with another suffix than the supported ones."""
    found = path.suffix or "no suffix"
    return NeucamError(f"{path}: {found} is not a file type for {what}; supported: {', '.join(supported)}.")
