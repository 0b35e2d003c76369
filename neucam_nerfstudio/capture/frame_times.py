"""When frames were taken: their times, how many there are a second, and whether they are evenly spaced."""

from __future__ import annotations

from collections.abc import Sequence

EVEN_STEPS = 1.1
"""Frames are not called uneven for steps in time that differ by less than this factor: cameras waver."""


def spread_times(moments: Sequence[float]) -> tuple[float, ...]:
    """Times from 0, the first frame's, to 1, the last one's: i / (N - 1) where frames are evenly spaced.

    Args:
        moments: When each of at least two frames was taken, in any unit, rising.
    """
    first, last = moments[0], moments[-1]
    return tuple((moment - first) / (last - first) for moment in moments)


def mean_rate(moments: Sequence[float], source_rate: float | None) -> float | None:
    """Frames a second of some frames of a source; None if its own rate is not known.

    Args:
        moments: When each of at least two frames was taken, counted in frames of the source.
        source_rate: Frames a second of the source.
    """
    if source_rate is None:
        return None
    frames_a_frame = (moments[-1] - moments[0]) / (len(moments) - 1)
    return source_rate / frames_a_frame


def uneven_note(moments: Sequence[float]) -> str | None:
    """A sentence for frames that are not evenly spaced.

    Args:
        moments: When each of at least two frames was taken, in any unit, rising.
    """
    steps = [later - earlier for earlier, later in zip(moments, moments[1:], strict=False)]
    if max(steps) < EVEN_STEPS * min(steps):
        return None
    return (
        "Frames are not evenly spaced in time: each keeps its own time. A camera path or video of them shows one after"
        " the other at their mean rate."
    )
