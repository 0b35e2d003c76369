"""What a folder of fused pictures was made from, kept beside them, so that nothing is made twice."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import neucam_nerfstudio
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.imaging.file_writing import written_whole

RECORD_NAME = ".neucam-fuse.json"
SIDE_FOLDERS = ("gt", "mask", "depth", "flow")
"""Beside photographs, what else tells of them."""


def recorded_files(folder: Path, data: Path, options: Mapping[str, Any]) -> list[Path]:
    """The files of a folder, if they are what these photographs and options give: nothing of them, nor of this
    package, has changed since, by names, sizes and times; else none."""
    try:
        recorded = json.loads((folder / RECORD_NAME).read_text(encoding="utf-8"))
        files = [folder / name for name in recorded["files"]]
        now = {**_made_from(data, options, folder), "files": states_of_files(files, folder)}
    except (OSError, ValueError, TypeError, KeyError):
        return []
    return files if files and recorded == json.loads(json.dumps(now)) else []


def write_record(folder: Path, data: Path, options: Mapping[str, Any], files: Iterable[Path]) -> None:
    """Records which photographs and options the files of a folder were made from."""
    record = {**_made_from(data, options, folder), "files": states_of_files(files, folder)}
    with written_whole(folder / RECORD_NAME) as temporary:
        temporary.write_text(json.dumps(record), encoding="utf-8")


def _made_from(data: Path, options: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Photographs and options, as a record has them; what lies in the folder of the pictures is no photograph."""
    places = [data if data.is_dir() else data.parent]
    if data.suffix.lower() == ".json":
        capture = Capture.load(data)
        places += [capture.folder, capture.frames[0].path.parent]
    places += [place / name for place in places for name in SIDE_FOLDERS]
    of_folder = folder.resolve()
    files = {
        path
        for place in places
        if place.is_dir() and place.resolve() != of_folder
        for path in place.iterdir()
        if path.is_file() and not path.name.startswith(".")
    }
    if data.is_file():
        files.add(data)
    return {
        "version": version_of_package(),
        "data": str(data.resolve()),
        "options": {name: str(value) for name, value in options.items()},
        "photographs": states_of_files(files, data),
    }


def version_of_package() -> list[str | int]:
    """The version of this package, and when it was changed last."""
    package = Path(neucam_nerfstudio.__file__).parent
    newest = max(path.stat().st_mtime_ns for path in package.rglob("*.py"))
    return [neucam_nerfstudio.__version__, newest]


def states_of_files(files: Iterable[Path], home: Path) -> dict[str, list[int]]:
    """Size and time of change of each file, by its name, seen from `home` where it is below it."""
    states = {}
    for path in sorted(files):
        state = path.stat()
        states[path.relative_to(home).as_posix() if path.is_relative_to(home) else str(path)] = [
            state.st_size,
            state.st_mtime_ns,
        ]
    return states
