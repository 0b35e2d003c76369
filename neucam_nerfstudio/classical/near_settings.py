"""Which focus settings of a long stack each place of a picture is fused from: those near its focus, which follow it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Int

from neucam_nerfstudio.classical.pixel_values import Image

BLOCK_PX, BLOCK_MARGIN_PX = 64, 32
"""Places are blocks of so many pixels a side; what lies so near to one counts, too."""

OUTLIERS = 0.01
"""Share of a block whose focus, less or greater than that of the rest, is taken for a mistake if it is found nowhere
around it."""


Part = tuple[slice, slice]
"""Rows and columns."""

WHOLE: Part = (slice(None), slice(None))


class NearSettings(NamedTuple):
    """The focus settings that a part of the picture is fused from: as many everywhere, consecutive, from one on that
    follows the focus from place to place.

    Attributes:
        count: How many.
        places: Rows and columns that make up the part, each with the first setting there; one that goes on to the end
            of the picture stands for any part.
    """

    count: int
    places: tuple[tuple[Part, int], ...]

    @classmethod
    def all_of(cls, count: int) -> NearSettings:
        """All settings of a stack, everywhere."""
        return cls(count, ((WHOLE, 0),))

    def first_settings(self, part: Part) -> Image | float:
        """The first setting in each pixel of the part, or in all of them."""
        if len(self.places) == 1:
            return float(self.places[0][1])
        return self.composed(part, lambda own, first: np.full([side.stop - side.start for side in own], first, "f4"))

    def composed(self, part: Part, make: Callable[[Part, int], np.ndarray]) -> np.ndarray:
        """A picture of the part, put together of what is made of each place and its first setting."""
        if len(self.places) == 1:
            return make(part, self.places[0][1])
        whole: np.ndarray | None = None
        for own, first in self.places:
            made = make(own, first)
            if whole is None:
                whole = np.empty((*(side.stop - side.start for side in part), *made.shape[2:]), made.dtype)
            whole[within(own, part)] = made
        assert whole is not None, "a part has places"
        return whole


def within(own: Part, part: Part) -> Part:
    """Rows and columns counted from the corner of a part."""
    rows, columns = (slice(o.start - p.start, o.stop - p.start) for o, p in zip(own, part, strict=True))
    return rows, columns


class NearBlocks(NamedTuple):
    """Which settings may be sharp in each block of a picture.

    Attributes:
        first: The first of them.
        last: The last of them.
        count: Number of settings of the stack.
    """

    first: Int[np.ndarray, "block_rows block_columns"]
    last: Int[np.ndarray, "block_rows block_columns"]
    count: int

    @classmethod
    def of(cls, smooth: Image, sure: Image, beyond: int, size: tuple[int, int], count: int) -> NearBlocks:
        """What the small copies tell.

        Args:
            smooth: Focus of each of their pixels, completed from around.
            sure: As it was found, where detail tells it.
            beyond: How many settings more are taken to both sides.
            size: Of the picture.
            count: Number of settings.
        """
        ranges = [range(0, length, BLOCK_PX) for length in size]
        first, last = np.empty((2, *map(len, ranges)), int)
        for row, top in enumerate(ranges[0]):
            for column, left in enumerate(ranges[1]):
                place = tuple(
                    slice(
                        max(0, math.floor((start - BLOCK_MARGIN_PX) * small / length)),
                        math.ceil((start + BLOCK_PX + BLOCK_MARGIN_PX) * small / length),
                    )
                    for start, small, length in zip((top, left), smooth.shape, size, strict=True)
                )
                found = np.percentile(sure[place], (100 * OUTLIERS, 100 * (1 - OUTLIERS)))
                first[row, column] = math.floor(min(found[0], smooth[place].min())) - beyond
                last[row, column] = math.ceil(max(found[1], smooth[place].max())) + beyond
        return cls(first.clip(0, count - 1), last.clip(0, count - 1), count)

    def num_settings(self, part: Part) -> int:
        """How many settings a part must be fused from."""
        own = self._of_part(part)
        return int((own.last - own.first).max()) + 1

    def near(self, part: Part) -> NearSettings:
        """The settings of a part: as many in each of its blocks, and from block to block the same as far as may be."""
        own, number = self._of_part(part), self.num_settings(part)
        least = np.maximum(own.last - number + 1, 0)
        most = np.maximum(np.minimum(own.first, self.count - number), least)
        starts = np.clip(int(np.median((least + most) / 2)), least, most)
        (top, bottom), (left, right) = ((side.start, side.stop) for side in part)
        parts = []
        for row, of_row in enumerate(starts, top // BLOCK_PX):
            rows = slice(max(top, row * BLOCK_PX), min(bottom, (row + 1) * BLOCK_PX))
            ends = [*(np.flatnonzero(np.diff(of_row)) + 1), len(of_row)]
            for begin, end in zip([0, *ends], ends, strict=False):
                place = left // BLOCK_PX + begin, left // BLOCK_PX + end
                columns = slice(max(left, place[0] * BLOCK_PX), min(right, place[1] * BLOCK_PX))
                parts.append(((rows, columns), int(of_row[begin])))
        if len(np.unique(starts)) == 1:
            parts = [(part, int(starts[0, 0]))]
        return NearSettings(number, tuple(parts))

    def _of_part(self, part: Part) -> NearBlocks:
        place = tuple(slice(side.start // BLOCK_PX, -(-side.stop // BLOCK_PX)) for side in part)
        return self._replace(first=self.first[place], last=self.last[place])
