"""How much memory the fusion of photographs takes: a value that the user gives, or a share of what is free."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

SHARE_OF_FREE = 0.5
"""Of the free memory, by default; other programs need some, too."""
MOST_BY_DEFAULT_BYTES = int(2.4e9)
"""More makes nothing faster: frames that are read from disk again lie in the system's own cache as far as it has room.
"""
PROCESS_BYTES = int(0.2e9)
"""Of Python and its libraries; measured."""
PICTURE_PIXEL_BYTES = 36
"""Of the picture that is made and what is told of each of its pixels: float32 radiance of three channels, focus,
precision, evidence, confidence, and what is known of the focus from afar."""
SHARE_OF_FRAMES = 0.3
"""Of what the picture leaves: the rest is for the tiles that are worked on, of which two at a time keep two CPUs busy
while 24 megapixels are made; frames that are not held lie in a file, and mostly in the system's cache of it."""
CGROUP_FILES = (
    ("sys/fs/cgroup{path}", "memory.max", "memory.current", "inactive_file"),
    ("sys/fs/cgroup/memory{path}", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""What a container or batch job may take and takes, and the line of `memory.stat` with what the system's cache of files
would give back: of version 2 and version 1 of Linux's control groups."""


class MemoryBudget(NamedTuple):
    """What may be held in memory, which changes no picture: what does not fit waits on disk.

    Attributes:
        total_bytes: Of the whole process.
    """

    total_bytes: int

    def of_frames(self, height: int, width: int) -> int:
        """The most bytes of decoded frames that are held in memory while a picture of this size is made."""
        return int(SHARE_OF_FRAMES * self._beside_picture(height, width))

    def of_tiles(self, height: int, width: int) -> int:
        """Bytes for the work on tiles while a picture of this size is made, frames and the picture aside."""
        return self._beside_picture(height, width) - self.of_frames(height, width)

    def of_reading(self, height: int, width: int) -> int:
        """Bytes for decoding and aligning frames, beside those that are held: there is no picture yet."""
        return max(0, self.total_bytes - PROCESS_BYTES - self.of_frames(height, width))

    def note(self, height: int, width: int) -> str | None:
        """What is done about a budget that is too small for the picture alone, in a sentence; None if it is not."""
        if self._beside_picture(height, width) > 0:
            return None
        least_gb = (PROCESS_BYTES + height * width * PICTURE_PIXEL_BYTES) / 1e9
        return (
            f"A picture of {width}x{height} pixels takes {least_gb:.1f} GB, more than the memory budget of"
            f" {self.total_bytes / 1e9:.1f} GB: no photograph is held in memory, and the picture takes what it needs."
        )

    def _beside_picture(self, height: int, width: int) -> int:
        return max(0, self.total_bytes - PROCESS_BYTES - height * width * PICTURE_PIXEL_BYTES)


def default_budget() -> MemoryBudget:
    """A share of what is free now, and no more than makes sense."""
    return MemoryBudget(min(int(SHARE_OF_FREE * free_bytes()), MOST_BY_DEFAULT_BYTES))


def free_bytes() -> int:
    """Memory that this process can still have: of the machine, and of its container or batch job."""
    import psutil

    return min([psutil.virtual_memory().available, *cgroup_free_bytes(Path("/"))])


def cgroup_free_bytes(root: Path) -> list[int]:
    """What the control groups of this process leave it; nothing where none limits it. Files lie under `root`."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return []
    paths = {""} | {parent.as_posix().rstrip("/") for line in lines for parent in _with_parents(line.split(":")[-1])}
    free = []
    for place, limit_file, usage_file, cached in CGROUP_FILES:
        for folder in (root / place.format(path=path) for path in sorted(paths)):
            try:
                limit = (folder / limit_file).read_text().strip()
                usage = int((folder / usage_file).read_text())
                stat = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if limit.isdecimal():
                free.append(max(0, int(limit) - usage + int(stat.get(cached, 0))))
    return free


def _with_parents(group: str) -> list[Path]:
    return [Path(group), *Path(group).parents]
