"""Decoded frames that are kept: in memory as far as a budget goes, and in a file without a name beyond it."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
from collections import OrderedDict
from collections.abc import Hashable
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.pixels.source import frozen
from neucam_nerfstudio.capture.pixels.warp import Pixels
from neucam_nerfstudio.errors import NeucamError

DISK_FOR_TEMPORARY_FILES = Path("/var/tmp")
"""Where large temporary files go by the Filesystem Hierarchy Standard; `/tmp` may lie in memory."""
FOLDER_VARIABLES = ("TMPDIR", "TEMP", "TMP")
"""Environment variables by which users say where temporary files go."""


class FrameCache:
    """Decoded frames, all of one size, within a budget. Beyond it, those that were not used for longest are let go; or,
    if there is a scratch file, frames go there and none is let go. Threads may share one.

    Args:
        budget_bytes: The most bytes to hold in memory.
        num_frames: How many frames there may be: then a scratch file takes those beyond the budget.
    """

    def __init__(self, budget_bytes: int, num_frames: int | None = None) -> None:
        self.budget_bytes, self.num_frames = budget_bytes, num_frames
        self.scratch: ScratchFrames | None = None
        self._frames: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._slots: dict[Hashable, int] = {}
        self._lock = Lock()

    @property
    def num_in_scratch(self) -> int:
        """How many frames are in the scratch file."""
        return len(self._slots)

    def get(self, key: Hashable, place: Any = ...) -> np.ndarray | None:
        """The frame of this key, or a place in it as numpy names it, read only; None if it is not there."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
                return self._frames[key][place]
            slot = self._slots.get(key)
        return None if slot is None or self.scratch is None else frozen(self.scratch.read(slot, place))

    def __contains__(self, key: Hashable) -> bool:
        return key in self._frames or key in self._slots

    def put(self, key: Hashable, pixels: Pixels) -> None:
        """Keeps a frame, and lets go of others for it if there is no scratch file."""
        with self._lock:
            self._frames.pop(key, None)
            held_bytes = sum(frame.nbytes for frame in self._frames.values())
            if self.num_frames is None or held_bytes + pixels.nbytes <= self.budget_bytes:
                self._frames[key] = pixels
                held_bytes += pixels.nbytes
                while held_bytes > self.budget_bytes:
                    held_bytes -= self._frames.popitem(last=False)[1].nbytes
                return
            if self.scratch is None:
                num_beyond = self.num_frames - len(self._frames)
                self.scratch = ScratchFrames(pixels.shape, pixels.dtype, num_beyond)
            self._slots[key] = self.scratch.write(pixels)

    def pop(self, key: Hashable) -> Pixels | None:
        """Takes a frame out, if it is still there."""
        pixels = self.get(key)
        with self._lock:
            self._frames.pop(key, None)
            if key in self._slots and self.scratch is not None:
                self.scratch.free(self._slots.pop(key))
        return pixels

    def scale(self, table: Shaped[np.ndarray, " values"]) -> None:
        """Replaces the values of all frames by those of a table."""
        for key in [*self._frames, *self._slots]:
            pixels = self.pop(key)
            if pixels is not None:
                self.put(key, frozen(table[pixels]))


class ScratchFrames:
    """Frames of one size and number type in a temporary file that no folder lists: whatever ends the process, a crash
    and a kill too, the disk has its space back. Threads may share it.

    Args:
        shape: Of each frame.
        number_type: Of each frame.
        num_frames: How many it must have room for.

    Raises:
        NeucamError: The disk has no room for them, or takes no file.
    """

    def __init__(self, shape: tuple[int, ...], number_type: np.dtype, num_frames: int) -> None:
        self.shape, self.number_type = shape, number_type
        self._frame_bytes = int(np.prod(shape)) * number_type.itemsize
        self._slot_bytes = -(-self._frame_bytes // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        self._free_slots, self._num_slots, self._lock = list[int](), 0, Lock()
        self.folder, self.num_bytes = scratch_folder(), num_frames * self._slot_bytes
        free_bytes = shutil.disk_usage(self.folder).free
        if free_bytes < self.num_bytes:
            raise self._no_room(f"{free_bytes / 1e9:.1f} GB are free")
        try:
            self._file = tempfile.TemporaryFile(dir=self.folder)
        except OSError as error:
            raise self._no_room(str(error.strerror)) from error

    def write(self, pixels: Shaped[np.ndarray, "height width channels"]) -> int:
        """Keeps a frame; gives the number of its place.

        Raises:
            NeucamError: The disk is full.
        """
        with self._lock:
            if not self._free_slots:
                self._free_slots, self._num_slots = [self._num_slots], self._num_slots + 1
            slot = self._free_slots.pop()
            try:
                self._file.seek(slot * self._slot_bytes)
                self._file.write(np.ascontiguousarray(pixels).data.cast("B"))
                self._file.flush()
            except OSError as error:
                raise self._no_room(f"{error.strerror} after {slot} frames") from error
        return slot

    def read(self, slot: int, place: Any = ...) -> np.ndarray:
        """A copy of a frame, or of a place in it as numpy names it. What is not asked for costs no memory."""
        mapped = mmap.mmap(
            self._file.fileno(), self._frame_bytes, access=mmap.ACCESS_READ, offset=slot * self._slot_bytes
        )
        return np.frombuffer(mapped, self.number_type).reshape(self.shape)[place].copy()

    def free(self, slot: int) -> None:
        """Gives a frame's place to the next one that is written."""
        with self._lock:
            self._free_slots.append(slot)

    def _no_room(self, found: str) -> NeucamError:
        return NeucamError(
            f"{self.folder}: photographs beyond the memory budget are kept here while they are fused, and need"
            f" {self.num_bytes / 1e9:.1f} GB; {found}. Free the disk, set {FOLDER_VARIABLES[0]} to a folder on a larger"
            " one, give a larger --memory-budget, or make photographs smaller (--downscale-factor)."
        )


def scratch_folder() -> Path:
    """Where large temporary files go: as the user says by `TMPDIR`, else a folder of the system that is on a disk."""
    told = any(os.environ.get(name) for name in FOLDER_VARIABLES)
    if not told and DISK_FOR_TEMPORARY_FILES.is_dir() and os.access(DISK_FOR_TEMPORARY_FILES, os.W_OK):
        return DISK_FOR_TEMPORARY_FILES
    return Path(tempfile.gettempdir())
