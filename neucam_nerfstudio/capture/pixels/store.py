"""Pixels behind a capture: decoded when they are asked for, kept as far as a budget goes, aligned as they are read."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from jaxtyping import Bool, Shaped

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.source import FrameReader, frame_reader, frozen, in_order, num_readers
from neucam_nerfstudio.capture.pixels.warp import Pixels, aligned, coverage_seen
from neucam_nerfstudio.capture.pixels.white_level import FULL_SCALE
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import orientation_hint
from neucam_nerfstudio.imaging.photographs import downscale
from neucam_nerfstudio.imaging.transparency import filled_outward, read_coverage
from neucam_nerfstudio.photometry import full_scale_table

DEFAULT_BUDGET_BYTES = 1 << 31
"""Nine photographs of 24 megapixels and 16 bits, and some."""


Coverage = Bool[np.ndarray, "height width"]
"""Which pixels of a frame show something."""


class FrameCache:
    """Decoded frames; beyond a budget, those that were not used for longest are let go. Threads may share one."""

    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._frames: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Hashable) -> Pixels | None:
        """The frame of this key, if it is still there."""
        with self._lock:
            if key in self._frames:
                self._frames.move_to_end(key)
            return self._frames.get(key)

    def put(self, key: Hashable, pixels: Pixels) -> None:
        """Keeps a frame, and lets go of others for it."""
        with self._lock:
            self._frames[key] = pixels
            self._frames.move_to_end(key)
            held_bytes = sum(frame.nbytes for frame in self._frames.values())
            while held_bytes > self.budget_bytes:
                held_bytes -= self._frames.popitem(last=False)[1].nbytes

    def pop(self, key: Hashable) -> Pixels | None:
        """Takes a frame out, if it is still there."""
        with self._lock:
            return self._frames.pop(key, None)

    def scale(self, table: Shaped[np.ndarray, " values"]) -> None:
        """Replaces the values of all frames by those of a table."""
        with self._lock:
            for key, pixels in self._frames.items():
                self._frames[key] = frozen(table[pixels])


class FileFrames:
    """Frames as their files have them, downscaled, white at the number type's full scale. All must be alike.

    Where a file is transparent, its nearest opaque pixel goes on.

    Args:
        paths: Of the frames.
        read: Decodes one, told by its path.
        downscale_factor: Size divisor, by area averaging.
        cache: Where they are kept.
        white_level: The value of 16-bit files that is white.
        have_files: Whether each frame is a file of its own, which may be transparent.

    Attributes:
        likeness: Shape and number type of every frame; None until the first is decoded.
        model: The frame that set this; None if a scan did, some time ago.
    """

    likeness: tuple[tuple[int, ...], np.dtype] | None = None
    model: Path | None = None

    def __init__(
        self,
        paths: Sequence[Path],
        read: FrameReader,
        downscale_factor: int,
        cache: FrameCache,
        white_level: int = FULL_SCALE,
        have_files: bool = True,
    ) -> None:
        self.paths, self.cache, self.white_level = paths, cache, white_level
        self._read, self._factor = read, downscale_factor
        self._coverages: dict[int, Coverage | None] = {} if have_files else dict.fromkeys(range(len(paths)))

    def __getitem__(self, index: int) -> Pixels:
        """A frame, kept at hand."""
        pixels = self.cache.get(index)
        if pixels is None:
            pixels = self.taken_in(self.full_size(index), index)
            self.cache.put(index, pixels)
        return pixels

    def take(self, index: int) -> Pixels:
        """A frame that is not needed at hand any more."""
        pixels = self.cache.pop(index)
        return self.taken_in(self.full_size(index), index) if pixels is None else pixels

    def full_size(self, index: int) -> Pixels:
        """Decodes a frame; nothing else is done."""
        return self._read(self.paths[index])

    def coverage(self, index: int) -> Coverage | None:
        """Where a frame's file is opaque, downscaled; None if it is everywhere."""
        if index not in self._coverages:
            covered = read_coverage(self.paths[index])
            if covered is not None and self._factor > 1:
                # What is opaque in part is not covered.
                covered = downscale(covered.astype(np.float32), self._factor, self.paths[index]) > 1 - 1e-3
            self._coverages[index] = covered if covered is not None and covered.any() else None
        return self._coverages[index]

    def taken_in(self, full_size: Pixels, index: int) -> Shaped[np.ndarray, "small_height small_width 3"]:
        """Downscales, checks and scales a decoded frame.

        Raises:
            NeucamError: It is not like the others, or no longer.
        """
        path = self.paths[index]
        pixels = downscale(full_size, self._factor, path)
        if self.likeness is None:
            self.likeness, self.model = (pixels.shape, pixels.dtype), path
        if (pixels.shape, pixels.dtype) != self.likeness:
            raise NeucamError(_unlike_message(path, pixels, *self.likeness, self.model))
        if pixels.dtype == np.uint16 and self.white_level != FULL_SCALE:
            pixels = full_scale_table(self.white_level)[pixels]
        covered = self.coverage(index)
        return frozen(pixels if covered is None else filled_outward(pixels, covered))


def _unlike_message(
    path: Path, pixels: Pixels, shape: tuple[int, ...], number_type: np.dtype, model: Path | None
) -> str:
    size, expected = (f"{width}x{height}" for height, width, _ in (pixels.shape, shape))
    if model is None:
        return (
            f"{path}: has changed since the capture was scanned: {size} pixels, {pixels.dtype}; it had {expected},"
            f" {number_type}. Put the file back as it was, or start anew from the photographs."
        )
    if pixels.shape != shape:
        return (
            f"{path}: the frame is {size} pixels, others are {expected}. All frames of a capture must have one size:"
            " crop or export them alike, or take this one out." + orientation_hint(path, model)
        )
    return (
        f"{path}: pixels are {pixels.dtype}, those of others are {number_type}. Frames that were developed differently"
        " do not share one camera response: export all in one format."
    )


class StoredFrame:
    """One frame of a store: a picture that is decoded when its pixels are asked for."""

    def __init__(self, store: PixelStore, index: int) -> None:
        capture = store.capture
        self.shape, self.dtype = (capture.height, capture.width, 3), capture.number_type
        self._store, self._index = store, index

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, place: Any) -> np.ndarray:
        """Pixels of a place as numpy names it: `[rows]`, `[rows, columns]`, `[...]`; read only."""
        return self._store.whole(self._index)[place]

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        pixels = self._store.whole(self._index)
        return pixels.astype(dtype or pixels.dtype) if copy or dtype not in (None, pixels.dtype) else pixels


class PixelStore:
    """Pixels of a capture: RGB in the files' own number type, white at its full scale, downscaled and aligned.

    Everything that it gives out is read only, and threads may share it.

    Args:
        capture: Whose pixels they are.
        budget_bytes: The most bytes of decoded frames to keep, besides those of stacks that somebody holds.
        decoded: Frames that a scan has decoded already, with a budget of their own.
    """

    def __init__(
        self, capture: Capture, budget_bytes: int = DEFAULT_BUDGET_BYTES, decoded: FileFrames | None = None
    ) -> None:
        self.capture = capture
        if decoded is None:
            read = frame_reader(capture.kind, capture.data, capture.white_balance, manifest_file=capture.manifest_file)
            paths, cache = [frame.path for frame in capture.frames], FrameCache(budget_bytes)
            have_files = capture.kind == "photographs"
            decoded = FileFrames(paths, read, capture.downscale_factor, cache, capture.white_level, have_files)
        decoded.likeness, decoded.model = ((capture.height, capture.width, 3), capture.number_type), None
        self._decoded, self._cache = decoded, decoded.cache
        self._locks = tuple(Lock() for _ in capture.frames)
        self._stacks: WeakValueDictionary[tuple[int, ...], np.ndarray] = WeakValueDictionary()

    def __deepcopy__(self, memo: dict) -> PixelStore:
        """nerfstudio deep-copies what a dataset is given; pixels must not be held twice."""
        return self

    def __len__(self) -> int:
        return len(self.capture.frames)

    def __getitem__(self, index: int) -> StoredFrame:
        """A frame, by its index in the capture."""
        return StoredFrame(self, range(len(self))[index])

    def whole(self, index: int) -> Pixels:
        """All pixels of a frame.

        Raises:
            NeucamError: Its file is not there, broken, or no longer what it was.
        """
        for indices, stack in list(self._stacks.items()):
            if index in indices:
                return stack[indices.index(index)]
        view_map, aligned_key = self.capture.view_map(index), ("aligned", index)
        with self._locks[index]:
            if view_map is None:
                return self._decoded[index]
            pixels = self._cache.get(aligned_key)
            if pixels is None:
                pixels = frozen(aligned(self._decoded.take(index), view_map, self.capture.linear_light))
                self._cache.put(aligned_key, pixels)
            return pixels

    def coverage(self, index: int) -> Coverage | None:
        """Which pixels of a frame show something: those that its file has, and its alignment does not bring in from
        beyond its border. No light is to be taken from the others. None if all of them do."""
        view_map, of_file = self.capture.view_map(index), self._decoded.coverage(index)
        if view_map is None:
            return of_file
        return coverage_seen(of_file, view_map, self.capture.height, self.capture.width)

    def coverages(self, indices: Sequence[int]) -> Bool[np.ndarray, "frames height width"] | None:
        """The coverage of several frames; None if all of them are covered everywhere."""
        found = [self.coverage(index) for index in indices]
        if all(covered is None for covered in found):
            return None
        everywhere = np.ones((self.capture.height, self.capture.width), bool)
        return np.stack([everywhere if covered is None else covered for covered in found])

    def coverage_note(self, indices: Sequence[int]) -> str | None:
        """Which of these frames do not show all of the picture, and what fills that, in a sentence; None if all do."""
        missing = {}
        shown = np.zeros((self.capture.height, self.capture.width), bool)
        for index in indices:
            covered = self.coverage(index)
            shown |= True if covered is None else covered
            if covered is not None:
                missing[self.capture.frames[index].name] = 1 - covered.mean()
        if not missing:
            return None
        names = listed(f"{name} ({100 * share:.1f} % missing)" for name, share in missing.items())
        note = f"Do not show all of the picture: {names}. No light is taken from where a frame shows nothing."
        if not shown.all():
            nowhere = 100 * (1 - shown.mean())
            note += f" No frame shows {nowhere:.2g} % of the picture: filled smoothly from around."
        return note

    def stack(self, indices: Sequence[int]) -> Shaped[np.ndarray, "frames height width 3"]:
        """Frames as one array, which is shared while anybody holds it. What it holds is not kept at hand besides."""
        key = tuple(indices)
        held = self._stacks.get(key)
        if held is None:
            capture = self.capture
            pixels = np.empty((len(key), capture.height, capture.width, 3), capture.number_type)
            for place, frame in enumerate(in_order(self._taken, key, num_readers(capture.kind))):
                pixels[place] = frame
            for index in key:
                self._cache.pop(index)
                self._cache.pop(("aligned", index))
            held = self._stacks[key] = frozen(pixels)
        return held

    def _taken(self, index: int) -> Pixels:
        """A frame for a stack: out of the cache."""
        return self._decoded.take(index) if self.capture.view_map(index) is None else self.whole(index)
