"""Results as folders that are there whole or not at all."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from glob import escape
from pathlib import Path

from neucam_nerfstudio.capture.manifest import MANIFEST_NAME
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.scripts.batch.captures import photographs_of

UNFINISHED, REPLACED = ".unfinished", ".replaced"
"""How names end of what a process that was killed has left."""


def check_replaceable(folder: Path, data: Path, is_known: bool) -> None:
    """Checks that a result may take the place of what a folder holds.

    Args:
        folder: Of the result; it may be missing.
        data: Folder of the photographs.
        is_known: Whether the batch's manifest says that a result is there.

    Raises:
        NeucamError: It would replace photographs, or what is no result of a batch.
    """
    folder, data = (Path(os.path.realpath(place)) for place in (folder, data))
    if data.is_relative_to(folder):
        raise NeucamError(f"{folder}: holds photographs, which results would replace. Give another --output-path.")
    if folder.exists() and not is_known and any(folder.iterdir()) and not _is_result(folder):
        raise NeucamError(
            f"{folder}: is there already and holds no result. Give another --output-path, or move it elsewhere."
        )


def _is_result(folder: Path) -> bool:
    return photographs_of(folder / MANIFEST_NAME) not in (None, folder)


def put_in_place(unfinished: Path, folder: Path) -> None:
    """Renames a finished result to its place; an older one there goes as a whole."""
    replaced = unfinished.with_suffix(REPLACED)
    if folder.exists():
        os.rename(folder, replaced)
    os.rename(unfinished, folder)
    shutil.rmtree(replaced, ignore_errors=True)


def remove_unfinished(folder: Path) -> None:
    """Removes what a process that was killed has left beside a result, and brings back the result that it was about to
    replace."""
    for ending in (REPLACED, UNFINISHED):
        for left in folder.parent.glob(f".{escape(folder.name)}.????????{ending}"):
            if ending == REPLACED and not folder.exists():
                with suppress(OSError):
                    os.rename(left, folder)
                    continue
            shutil.rmtree(left, ignore_errors=True)
