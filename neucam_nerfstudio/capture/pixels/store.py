"""Pixels behind a capture: decoded when they are asked for, kept as far as a budget goes, aligned as they are read."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np
from jaxtyping import Bool, Shaped

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.file_frames import Coverage, FileFrames
from neucam_nerfstudio.capture.pixels.frame_cache import FrameCache
from neucam_nerfstudio.capture.pixels.source import SourceKind, frame_reader, frozen, in_order, num_readers
from neucam_nerfstudio.capture.pixels.warp import Pixels, aligned, coverage_seen
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.imaging.large_pictures import strips_of_rows

DEFAULT_BUDGET_BYTES = 1 << 31
"""Nine photographs of 24 megapixels and 16 bits, and some."""


DECODING_FRAMES = 4
"""How many times its own size a photograph takes while it is decoded or aligned; measured on JPEG."""


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
        return self._store.part(self._index, place)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        pixels = self._store.whole(self._index)
        return pixels.astype(dtype or pixels.dtype) if copy or dtype not in (None, pixels.dtype) else pixels


class StoredCoverage:
    """Which pixels of a frame show something, found out when it is asked for: masks of many frames are large."""

    def __init__(self, store: PixelStore, index: int) -> None:
        self.shape, self.dtype = (store.capture.height, store.capture.width), np.dtype(bool)
        self._store, self._index = store, index

    def __getitem__(self, place: tuple[slice, slice]) -> Coverage:
        """The coverage of some rows and columns."""
        return self._store.coverage_of_part(self._index, *place)

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        return self[:, :].astype(dtype or bool)


class PixelStore:
    """Pixels of a capture: RGB in the files' own number type, white at its full scale, downscaled and aligned.

    Everything that it gives out is read only, and threads may share it.

    Args:
        capture: Whose pixels they are.
        budget_bytes: The most bytes of decoded frames to keep, besides those of stacks that somebody holds.
        decoded: Frames that a scan has decoded already, with a budget of their own.
        uses_scratch: Whether frames beyond the budget go to a file, instead of being decoded again when they are used.
    """

    def __init__(
        self,
        capture: Capture,
        budget_bytes: int = DEFAULT_BUDGET_BYTES,
        decoded: FileFrames | None = None,
        uses_scratch: bool = False,
    ) -> None:
        self.capture = capture
        if decoded is None:
            read = frame_reader(capture.kind, capture.data, capture.white_balance, manifest_file=capture.manifest_file)
            paths = [frame.path for frame in capture.frames]
            cache = FrameCache(budget_bytes, len(paths) if uses_scratch else None)
            have_files = capture.kind == "photographs"
            decoded = FileFrames(paths, read, capture.downscale_factor, cache, capture.white_level, have_files)
        decoded.likeness, decoded.model = ((capture.height, capture.width, 3), capture.number_type), None
        self._decoded, self._cache = decoded, decoded.cache
        self._locks = tuple(Lock() for _ in capture.frames)
        self._covers_all: dict[int, bool] = {}
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
        return self.part(index, ...)

    def part(self, index: int, place: Any) -> np.ndarray:
        """Pixels of a place in a frame, as numpy names it. Of a frame that is in the scratch file, only they are read.

        Raises:
            NeucamError: As of `whole`.
        """
        for indices, stack in list(self._stacks.items()):
            if index in indices:
                return stack[indices.index(index)][place]
        with self._locks[index]:
            pixels = self._cache.get(self._key(index), place)
            return self._made(index)[place] if pixels is None else pixels

    def make_ready(self, indices: Sequence[int], report: Callable[[float], None], budget_bytes: int) -> None:
        """Decodes and aligns frames, several at a time as far as a budget goes, and keeps them for who reads parts.

        Args:
            indices: Of the frames in the capture.
            budget_bytes: For the work, beside frames that are kept.
            report: Called with the share that is done, (0, 1].
        """
        height, width, _ = self[0].shape
        frame_bytes = height * width * 3 * self.capture.number_type.itemsize
        num_at_once = num_within(budget_bytes, frame_bytes, self.capture.kind)

        def make(index: int) -> None:
            with self._locks[index]:
                if self._key(index) not in self._cache:
                    self._made(index)

        for done, _ in enumerate(in_order(make, indices, num_at_once), 1):
            report(done / len(indices))

    def scratch_note(self) -> str | None:
        """How many frames are kept on disk, where, and how much of it they take, in a sentence; None if none is."""
        scratch = self._cache.scratch
        if scratch is None or not self._cache.num_in_scratch:
            return None
        return (
            f"{self._cache.num_in_scratch} of {len(self)} photographs were kept in a temporary file in {scratch.folder}"
            f" ({scratch.num_bytes / 1e9:.1f} GB), beyond the memory budget; TMPDIR names another place."
        )

    def _key(self, index: int) -> Hashable:
        return index if self.capture.view_map(index) is None else ("aligned", index)

    def _made(self, index: int) -> Pixels:
        """A frame that is not at hand, decoded and aligned, and kept as far as the budget goes."""
        view_map = self.capture.view_map(index)
        if view_map is None:
            return self._decoded[index]
        pixels = frozen(aligned(self._decoded.take(index), view_map, self.capture.linear_light))
        self._cache.put(self._key(index), pixels)
        return pixels

    def coverage(self, index: int) -> Coverage | None:
        """Which pixels of a frame show something: those that its file has, and its alignment does not bring in from
        beyond its border. No light is to be taken from the others. None if all of them do."""
        covered = self.stored_coverage(index)
        return None if covered is None else np.asarray(covered)

    def stored_coverage(self, index: int) -> StoredCoverage | None:
        """The same as `coverage`, found out by parts when they are asked for."""
        if index not in self._covers_all:
            height, width = self.capture.height, self.capture.width
            parts = (self.coverage_of_part(index, rows, slice(None)) for rows in strips_of_rows(height, width))
            self._covers_all[index] = all(part.all() for part in parts)
        return None if self._covers_all[index] else StoredCoverage(self, index)

    def coverage_of_part(self, index: int, rows: slice, columns: slice) -> Coverage:
        """The coverage of some rows and columns of a frame."""
        view_map, of_file = self.capture.view_map(index), self._decoded.coverage(index)
        height, width = self.capture.height, self.capture.width
        if view_map is None:
            covered = np.broadcast_to(np.True_, (height, width)) if of_file is None else of_file
            return covered[rows, columns]
        return coverage_seen(of_file, view_map, height, width, rows, columns)

    def coverages(self, indices: Sequence[int]) -> Bool[np.ndarray, "frames height width"] | None:
        """The coverage of several frames; None if all of them are covered everywhere."""
        found = [self.stored_coverage(index) for index in indices]
        if all(covered is None for covered in found):
            return None
        whole = np.ones((len(found), self.capture.height, self.capture.width), bool)
        for place, covered in zip(whole, found, strict=True):
            if covered is not None:
                place[:] = covered
        return whole

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


def num_within(budget_bytes: int, frame_bytes: int, kind: SourceKind) -> int:
    """How many frames are decoded or aligned at a time, so that they stay within a budget; at least one."""
    return max(1, min(num_readers(kind), budget_bytes // (DECODING_FRAMES * frame_bytes)))
