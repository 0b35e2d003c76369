"""From where things are on average while the shutter is open to where they are at the frame's own moment."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def moments_from_means(mean_px: Float[np.ndarray, "frames ..."], open_share: float) -> Float[np.ndarray, "frames ..."]:
    """Positions at the frames' moments, of which blurred frames only show the means over their open time.

    Motion is even from moment to moment, and none before the first and after the last. Half of the open time lies on
    each side of the frame's moment, so its mean is (1 - 2 s) of its own position and s of each neighbour's, with
    s = open_share / 8.

    Args:
        mean_px: Mean positions, any number of them a frame.
        open_share: Share of a frame's interval that the shutter is open, [0, 2].
    """
    frames = len(mean_px)
    neighbour_share = open_share / 8
    neighbours = np.eye(frames, k=1) + np.eye(frames, k=-1)
    mixing = neighbour_share * neighbours
    mixing += np.diag(1 - mixing.sum(axis=1))
    return np.linalg.solve(mixing, mean_px.reshape(frames, -1)).reshape(mean_px.shape).astype(mean_px.dtype)
