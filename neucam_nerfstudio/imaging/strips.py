"""Pictures worked on strip by strip, so that what lies between two of them never has a picture's size."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from jaxtyping import Shaped

PIXELS_PER_STRIP = 1 << 17

Picture = Shaped[np.ndarray, "height width *channels"]


def strips_of_rows(height: int, width: int) -> Iterator[slice]:
    """The rows of each strip of a picture."""
    rows = max(1, PIXELS_PER_STRIP // width)
    return (slice(top, min(top + rows, height)) for top in range(0, height, rows))


def in_strips(picture: Picture, encode: Callable[[Picture], Picture]) -> Picture:
    """What a function that looks at each row for itself makes of a picture.

    Args:
        picture: At least one row.
        encode: Gives as many rows as it takes.
    """
    encoded: Picture | None = None
    for rows in strips_of_rows(*picture.shape[:2]):
        strip = encode(picture[rows])
        if encoded is None:
            encoded = np.empty((len(picture), *strip.shape[1:]), strip.dtype)
        encoded[rows] = strip
    return encoded
