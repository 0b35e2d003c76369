"""Which sizes of pictures each file format holds."""

from __future__ import annotations

from typing import NamedTuple


class SizeLimits(NamedTuple):
    """Sizes that a format holds, in pixels.

    Attributes:
        least: Least width and height.
        most_width: Greatest width.
        most_height: Greatest height.
        even: Whether colour is at half resolution, so that an odd last row or column is cut.
    """

    least: int
    most_width: int
    most_height: int
    even: bool = False

    def size_in_file(self, height: int, width: int) -> tuple[int, int] | None:
        """Height and width that a picture has in the file; None if there is no such file."""
        in_file = even_size(height, width) if self.even else (height, width)
        holds = self.least <= min(in_file) and in_file[0] <= self.most_height and in_file[1] <= self.most_width
        return in_file if holds else None


SIZE_LIMITS = {
    "mp4": SizeLimits(2, 16384, 16384, even=True),
    "webm": SizeLimits(2, 65536, 65536, even=True),
    "gif": SizeLimits(1, 65535, 65535),
    "avif": SizeLimits(4, 16384, 8704, even=True),
    "ultrahdr": SizeLimits(8, 65500, 65500),
    "jpeg": SizeLimits(1, 65500, 65500),
}
"""Those of what writes the formats here: libx264, libvpx, FFmpeg's GIF, SVT-AV1, libultrahdr and libjpeg. Other formats
hold every photograph."""


def even_size(height: int, width: int) -> tuple[int, int]:
    """The size that is left when an odd last row and column are cut, which colour at half resolution cannot hold."""
    return height - height % 2, width - width % 2
