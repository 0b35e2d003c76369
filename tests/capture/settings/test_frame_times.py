"""Times of frames, and how many there are a second."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.capture.settings.selection import frame_times


@pytest.mark.parametrize(("first", "step", "num_frames"), [(0, 1, 12), (3, 1, 7), (2, 5, 80), (0, 3, 2)])
def test_evenly_spaced_frames_have_exactly_even_times(first, step, num_frames):
    moments = [float(moment) for moment in range(first, first + step * num_frames, step)]
    assert frame_times(moments, None)[0] == tuple(index / (num_frames - 1) for index in range(num_frames))


def test_uneven_frames_keep_their_times():
    assert frame_times([2.0, 3.0, 8.0, 12.0], None)[0] == (0.0, 0.1, 0.6, 1.0)


@pytest.mark.parametrize(
    ("moments", "source_rate", "rate"),
    [
        (np.arange(12.0).tolist(), 29.97, 29.97),
        (np.arange(2.0, 12.0, 3.0).tolist(), 30.0, 10.0),
        ([0.0, 1.0, 8.0], 24.0, 6.0),
        ([0.0, 1.0, 2.0], None, None),
    ],
)
def test_skipped_frames_make_the_rate_lower(moments, source_rate, rate):
    assert frame_times(moments, source_rate)[1] == rate


@pytest.mark.parametrize("moments", [[0.0, 1.0, 2.0, 3.0], [4.0, 6.0, 8.0], [0.0, 1.03, 2.01, 3.0]])
def test_even_frames_are_not_worth_a_note(moments):
    assert frame_times(moments, None)[2] is None


def test_uneven_frames_are_noted():
    *_, note = frame_times([0.0, 1.0, 3.0], None)
    assert note.startswith("Frames are not evenly spaced in time: each keeps its own time.")
