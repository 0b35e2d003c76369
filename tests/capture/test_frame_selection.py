"""Name patterns that choose training and evaluation frames."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.frame_selection import select_frames

PATHS = [Path("desk") / f"F{focus}E{exposure}.png" for focus in range(2) for exposure in range(2)]


@pytest.mark.parametrize(
    ("train_patterns", "eval_patterns", "train", "held_out"),
    [
        ((), (), (0, 1, 2, 3), ()),
        (("F1E1", "F0E0"), (), (0, 3), (1, 2)),
        (("F0*",), (), (0, 1), (2, 3)),
        (("F0E0.png",), (), (0,), (1, 2, 3)),
        ((), ("*E1",), (0, 2), (1, 3)),
        (("F0E0", "F0E1"), ("F1E1",), (0, 1), (3,)),
        (("*",), (), (0, 1, 2, 3), ()),
    ],
)
def test_patterns_split_the_frames(train_patterns, eval_patterns, train, held_out):
    assert select_frames(PATHS, train_patterns, eval_patterns) == (train, held_out)


@pytest.mark.parametrize("option", ["--train-frames", "--eval-frames"])
def test_pattern_that_matches_nothing_is_named(option):
    patterns = {"--train-frames": (("F0E0", "F7"), ()), "--eval-frames": ((), ("F7",))}[option]
    with pytest.raises(CaptureError, match=f"{option} F7: no frame of desk has such a name. Frames: F0E0, F0E1"):
        select_frames(PATHS, *patterns)


def test_holding_out_all_frames_is_refused():
    with pytest.raises(CaptureError, match=r"--eval-frames F\*: holds out all 4 frames"):
        select_frames(PATHS, (), ("F*",))
