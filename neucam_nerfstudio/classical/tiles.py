"""Cuts pictures: into overlapping tiles that fit a memory budget, and into blocks of rows that fit a CPU's cache."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

CACHED_PIXELS = 1 << 16
"""Pixels of a block: a dozen float32 planes of it stay in a core's second-level cache (1 MiB on today's machines)."""


class Tile(NamedTuple):
    """A part of a picture, and the same part with the margin that is needed to compute it.

    Attributes:
        part: Rows and columns of the part.
        with_margin: Rows and columns of the part and its margin.
    """

    part: tuple[slice, slice]
    with_margin: tuple[slice, slice]

    @property
    def inner(self) -> tuple[slice, ...]:
        """The part, counted from the corner of what has the margin."""
        sides = zip(self.part, self.with_margin, strict=True)
        return tuple(slice(own.start - whole.start, own.stop - whole.start) for own, whole in sides)


def overlapping_tiles(
    height: int, width: int, most_pixels: int, margin_px: int, alignment_px: int = 1
) -> Iterator[Tile]:
    """Cuts a picture into tiles of about `most_pixels`, margins included; one tile if the picture is no larger.

    Args:
        height: Of the picture in pixels.
        width: Of the picture in pixels.
        most_pixels: Of a tile with its margin; exceeded where the margins alone would take most of it.
        margin_px: Rows and columns around a tile, as far as the picture goes.
        alignment_px: Tiles and margins begin at multiples of this.
    """
    if height * width <= most_pixels:
        inner_rows, inner_columns = height, width
    else:
        side = math.isqrt(most_pixels)
        inner_columns = width if width <= side else _even_share(width, side - 2 * margin_px, margin_px, alignment_px)
        columns = min(width, inner_columns + 2 * margin_px)
        inner_rows = _even_share(height, most_pixels // columns - 2 * margin_px, margin_px, alignment_px)
    margin_px = math.ceil(margin_px / alignment_px) * alignment_px
    for rows, rows_with_margin in _cuts(height, inner_rows, margin_px):
        for columns, columns_with_margin in _cuts(width, inner_columns, margin_px):
            yield Tile((rows, columns), (rows_with_margin, columns_with_margin))


def _even_share(length: int, longest: int, margin_px: int, alignment_px: int) -> int:
    """Length of the equal parts of a side: at most `longest`, at least a margin, a multiple of the alignment."""
    count = math.ceil(length / max(longest, margin_px, alignment_px))
    return math.ceil(length / count / alignment_px) * alignment_px


def _cuts(length: int, part: int, margin_px: int) -> Iterator[tuple[slice, slice]]:
    for start in range(0, length, part):
        end = min(start + part, length)
        yield slice(start, end), slice(max(0, start - margin_px), min(length, end + margin_px))


def row_blocks(height: int, width: int) -> Iterator[slice]:
    """The rows of each block of `CACHED_PIXELS`: for arithmetic on pixels one by one, several times faster so."""
    rows = max(1, CACHED_PIXELS // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))
