"""What all writers of files share: whole files or none, and one kind of error."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class PictureFileError(ValueError):
    """A picture that its file cannot hold. The message names the file, what was found and what the file can hold."""


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Gives a temporary name beside `path` to write to, and renames it to `path` only if the writing succeeds.

    So nobody ever reads half a file, and a failure leaves an older file as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}-{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def unsupported(path: Path, what: str, supported: tuple[str, ...]) -> PictureFileError:
    """The error for a file name whose suffix is none of the supported ones."""
    found = path.suffix or "no suffix"
    return PictureFileError(f"{path}: {found} is not a file type for {what}; supported: {', '.join(supported)}.")
