"""Pictures that Pillow opens, of any size."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

PILLOW_LIMIT = threading.Lock()
"""Held while Pillow's limit is lifted: it is one for all threads, and photographs are read by several."""


@contextmanager
def pictures_of_any_size() -> Iterator[None]:
    """Lifts Pillow's limit of 179 megapixels.

    It protects servers from files that strangers send; photographs are the user's own, and panoramas and stitched scans
    are larger.
    """
    from PIL import Image

    with PILLOW_LIMIT:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def open_with_pillow(path: Path, formats: tuple[str, ...] | None = None) -> ImageFile:
    """Opens a picture of any size, as `PIL.Image.open` does.

    Args:
        path: The picture.
        formats: Names of the formats that it may have, as Pillow calls them; None is any.
    """
    from PIL import Image

    with pictures_of_any_size():
        return Image.open(path, formats=formats)
