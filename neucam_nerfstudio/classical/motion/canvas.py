"""A picture larger than a frame, put together from what several frames see of it."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.motion.optical_flow import pixel_places


def shared_canvas(
    moments: Float[np.ndarray, "frames height width 3"],
    offset_px: Float[np.ndarray, "frames height width 2"],
    anchor: int,
    margin_px: tuple[int, int],
) -> Float[np.ndarray, "canvas_height canvas_width 3"]:
    """The anchor's picture, and around it the mean of what other frames show there; else the anchor's border goes on.

    Args:
        moments: Picture of each frame.
        offset_px: Steps (right, down) from each frame's pixels to their places in the anchor.
        anchor: Which frame it is.
        margin_px: Rows above and below, and columns left and right, around the anchor.
    """
    down, right = margin_px
    canvas = cv2.copyMakeBorder(moments[anchor], down, down, right, right, cv2.BORDER_REPLICATE)
    height, width = moments.shape[1:3]
    light_sum, count = np.zeros_like(canvas), np.zeros((*canvas.shape[:2], 1), np.float32)
    for moment, offset in zip(moments, offset_px, strict=True):
        column, row = np.moveaxis(np.rint(pixel_places(height, width) + offset).astype(int) + (right, down), -1, 0)
        in_frame = (row >= down) & (row < down + height) & (column >= right) & (column < right + width)
        on_canvas = (row >= 0) & (row < canvas.shape[0]) & (column >= 0) & (column < canvas.shape[1])
        shown = on_canvas & ~in_frame
        np.add.at(light_sum, (row[shown], column[shown]), moment[shown])
        np.add.at(count, (row[shown], column[shown]), 1)
    # Places between pixels that moved apart are filled from their neighbours.
    light_sum, count = (cv2.blur(part, (3, 3)).reshape(*canvas.shape[:2], -1) for part in (light_sum, count))
    seen = count[..., 0] > 0
    seen[down : down + height, right : right + width] = False
    canvas[seen] = light_sum[seen] / count[seen]
    return canvas
