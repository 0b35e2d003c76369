"""From where things are on average while the shutter is open to where they are at the frame's own moment."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float


def moments_from_means(
    mean_px: Float[np.ndarray, "frames ..."], times: Sequence[float] | Float[np.ndarray, " frames"], open_share: float
) -> Float[np.ndarray, "frames ..."]:
    """Positions at the frames' moments, of which blurred frames only show the means over their open time.

    Motion is even from moment to moment, and none before the first and after the last. Half of the open time lies on
    each side of the frame's moment, so its mean has a share s of each neighbour's position and the rest of its own. At
    the shortest time between frames s = open_share / 8; at k times that, it is a k-th.

    Args:
        mean_px: Mean positions, any number of them a frame.
        times: Of the frames, rising.
        open_share: Share of the shortest time between frames that the shutter is open, [0, 2].
    """
    steps = np.diff(times)
    neighbour_shares = open_share / 8 * steps.min(initial=np.inf) / steps
    mixing = np.diag(neighbour_shares, k=1) + np.diag(neighbour_shares, k=-1)
    mixing += np.diag(1 - mixing.sum(axis=1))
    return np.linalg.solve(mixing, mean_px.reshape(len(mean_px), -1)).reshape(mean_px.shape).astype(mean_px.dtype)
