"""Which frames are used, train, or are held out."""

from __future__ import annotations

from pathlib import Path

import pytest

from neucam_nerfstudio.capture.settings.selection import (
    FrameChoice,
    frames_in_range,
    frames_named,
    select_frames,
    split_frames,
)
from neucam_nerfstudio.errors import NeucamError

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
    assert split_frames(PATHS, train_patterns, eval_patterns) == (train, held_out)


@pytest.mark.parametrize("option", ["--train-frames", "--eval-frames"])
def test_pattern_that_matches_nothing_is_named(option):
    patterns = {"--train-frames": (("F0E0", "F7"), ()), "--eval-frames": ((), ("F7",))}[option]
    with pytest.raises(NeucamError, match=f"{option} F7: no frame of desk has such a name. Frames: F0E0, F0E1"):
        split_frames(PATHS, *patterns)


def test_holding_out_all_frames_is_refused():
    with pytest.raises(NeucamError, match=r"--eval-frames F\*: holds out all 4 frames"):
        split_frames(PATHS, (), ("F*",))


def test_every_kth_frame_is_held_out_but_not_the_first():
    paths = [Path(f"{index}.png") for index in range(9)]
    assert split_frames(paths, eval_every=4) == ((0, 1, 2, 3, 5, 6, 7), (4, 8))


@pytest.mark.parametrize("every", [-1, 0, 1, 4])
def test_counting_that_holds_out_all_or_none_is_refused(every):
    with pytest.raises(NeucamError, match=f"--eval-every {every}: expected a whole number from 2 to 3, for 4 frames"):
        split_frames(PATHS, eval_every=every)


@pytest.mark.parametrize("patterns", [{"train_patterns": ("F0*",)}, {"eval_patterns": ("F0*",)}])
def test_counting_and_naming_clash(patterns):
    with pytest.raises(NeucamError, match="--eval-every 2: --train-frames or --eval-frames already choose the frames"):
        split_frames(PATHS, eval_every=2, **patterns)


@pytest.mark.parametrize(
    ("frame_range", "stride", "frames"),
    [
        (None, 1, range(10)),
        (None, 3, (0, 3, 6, 9)),
        ((2, 7), 1, range(2, 7)),
        ((2, 7), 2, (2, 4, 6)),
        ((9, 10), 5, (9,)),
    ],
)
def test_range_and_stride(frame_range, stride, frames):
    assert list(frames_in_range(10, frame_range, stride)) == list(frames)


@pytest.mark.parametrize("frame_range", [(-1, 4), (4, 4), (5, 4), (0, 11), (10, 12)])
def test_range_outside_the_clip_is_refused(frame_range):
    first, end = frame_range
    message = f"--frame-range {first} {end}: there are 10 frames, so expected .* an end up to 10"
    with pytest.raises(NeucamError, match=message):
        frames_in_range(10, frame_range, 1)


@pytest.mark.parametrize("stride", [0, -2])
def test_stride_below_one_is_refused(stride):
    with pytest.raises(NeucamError, match=f"--frame-stride {stride}: expected a whole number from 1"):
        frames_in_range(10, None, stride)


def test_patterns_choose_among_the_frames_of_the_range():
    paths = [Path("clip") / f"{index:05d}.png" for index in range(10)]
    choice = FrameChoice(train_frames=("*",), eval_frames=("00004",), frame_range=(2, 9), frame_stride=2)
    assert select_frames(paths, choice) == ((2, 4, 6, 8), ((0, 1, 2, 3), (1,)), None)
    choice = FrameChoice(train_frames=("00002", "00008"), eval_frames=("00004",), frame_range=(2, 9), frame_stride=2)
    assert select_frames(paths, choice) == ((2, 4, 8), ((0, 2), (1,)), "Neither trained on nor held out: 00006.")
    with pytest.raises(
        NeucamError, match="--train-frames 00003: no frame of clip has such a name. Frames: 00002, 00004"
    ):
        select_frames(paths, FrameChoice(train_frames=("00003",), frame_range=(2, 9), frame_stride=2))


def test_long_lists_of_names_are_cut():
    paths = [Path(f"{index:05d}.png") for index in range(40)]
    *_, note = select_frames(paths, FrameChoice(train_frames=("00000", "00001"), eval_frames=("00002",)))
    assert note == f"Neither trained on nor held out: {', '.join(f'{i:05d}' for i in range(3, 15))} and 25 more."


@pytest.mark.parametrize("option", ["train_frames", "eval_frames"])
@pytest.mark.parametrize("name", ["IMG[1]", "IMG[1].png"])
def test_an_exact_name_wins_before_patterns(option, name):
    paths = [Path(f"desk/{stem}.png") for stem in ("IMG1", "IMG[1]", "IMG2")]
    _, split, _ = select_frames(paths, FrameChoice(**{option: (name,)}))
    assert split == {"train_frames": ((1,), (0, 2)), "eval_frames": ((0, 2), (1,))}[option]


def test_frames_are_named_exactly_or_by_pattern():
    paths = [Path(f"{stem}.png") for stem in ("a*", "ab", "a[b]")]
    assert (
        frames_named(paths, "a*") == {0} and frames_named(paths, "a?") == {0, 1} and frames_named(paths, "a[b]") == {2}
    )
    assert frames_named(paths, "b") == set()
