"""Pictures of any size: work in strips of rows, the size that each file format can hold, and Pillow without a limit."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Shaped

if TYPE_CHECKING:
    import PIL.ImageFile

PIXELS_PER_STRIP = 1 << 17
"""Pixels worked on at a time: 1.5 MB of float32 RGB, which fits a processor's cache."""

PILLOW_LIMIT = threading.Lock()
"""Held while Pillow's limit is lifted: the limit is global, and several threads read photographs."""

Picture = Shaped[np.ndarray, "rows columns *channels"]


def strips_of_rows(height: int, width: int) -> Iterator[slice]:
    """Row ranges that cut a picture into strips of about `PIXELS_PER_STRIP` pixels, from the top."""
    rows = max(1, PIXELS_PER_STRIP // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def in_strips(picture: Picture, encode: Callable[[Picture], np.ndarray]) -> np.ndarray:
    """Applies `encode`, for which each row must stand for itself, in strips: its intermediate arrays stay small."""
    first, *others = strips_of_rows(*picture.shape[:2])
    strip = encode(picture[first])
    encoded = np.empty((len(picture), *strip.shape[1:]), strip.dtype)
    encoded[first] = strip
    for rows in others:
        encoded[rows] = encode(picture[rows])
    return encoded


class SizeLimits(NamedTuple):
    """Sizes that a file format holds, in pixels: the least width and height, and the greatest.

    Where they are `even`, colour has half the resolution, so that an odd last row or column is cut off.
    """

    least: int
    most_width: int
    most_height: int
    even: bool = False

    def size_in_file(self, height: int, width: int) -> tuple[int, int] | None:
        """Height and width that a picture has in the file; None if the format cannot hold it."""
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
"""Limits of the encoders used here: libx264, libvpx, FFmpeg's GIF, SVT-AV1, libultrahdr and libjpeg. The other formats
hold every photograph."""


def even_size(height: int, width: int) -> tuple[int, int]:
    """The size after an odd last row and column are cut off, which colour at half resolution cannot hold."""
    return height - height % 2, width - width % 2


@contextmanager
def pictures_of_any_size() -> Iterator[None]:
    """Lifts Pillow's limit of 179 megapixels.

    The limit protects servers from strangers' files. Photographs are the user's own, and panoramas are larger.
    """
    from PIL import Image

    with PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def open_with_pillow(path: Path, formats: tuple[str, ...] | None = None) -> "PIL.ImageFile.ImageFile":
    """Opens a picture of any size as `PIL.Image.open` does, which may have any of the `formats` that Pillow names."""
    from PIL import Image

    with pictures_of_any_size():
        return Image.open(path, formats=formats)
