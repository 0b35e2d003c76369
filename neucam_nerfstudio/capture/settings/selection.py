"""Which frames are used at all, when they were taken, which of them train and which are held out for evaluation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neucam_nerfstudio.errors import NeucamError

MAX_LISTED_NAMES = 12
EVEN_STEPS = 1.1
"""Frames are not called uneven for steps in time that differ by less than this factor: cameras waver."""


class FrameChoice(NamedTuple):
    """What the user says about which frames to use; see `open_capture`."""

    train_frames: tuple[str, ...] = ()
    eval_frames: tuple[str, ...] = ()
    eval_every: int | None = None
    frame_range: tuple[int, int] | None = None
    frame_stride: int = 1


class FrameSplit(NamedTuple):
    """Indices into a sequence of frames; `held_out` is empty when every frame trains."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]


def select_frames(paths: Sequence[Path], choice: FrameChoice) -> tuple[tuple[int, ...], FrameSplit, str | None]:
    """Takes the frames of the range, and splits them by name or by counting.

    Returns:
        Indices into all frames of those that are used, rising; which of these train and which are held out, as indices
        into the used ones; and those that no name pattern chose, in a sentence.

    Raises:
        NeucamError: The choice contradicts itself or the frames there are.
    """
    in_range = frames_in_range(len(paths), choice.frame_range, choice.frame_stride)
    candidates = [paths[index] for index in in_range]
    split = split_frames(candidates, choice.train_frames, choice.eval_frames, choice.eval_every)
    used = sorted({*split.train, *split.held_out})
    place = {index: position for position, index in enumerate(used)}
    left_out = [path for index, path in enumerate(candidates) if index not in place]
    note = f"Neither trained on nor held out: {listed(path.stem for path in left_out)}." if left_out else None
    used_split = FrameSplit(*(tuple(place[index] for index in indices) for indices in split))
    return tuple(in_range[index] for index in used), used_split, note


def frames_in_range(num_frames: int, frame_range: tuple[int, int] | None, stride: int) -> range:
    """Indices from the first of the range, every `stride`-th, up to the last of the range, exclusive.

    Raises:
        NeucamError: The range is empty or beyond the frames there are, or the stride is below 1.
    """
    if stride < 1:
        raise NeucamError(f"--frame-stride {stride}: expected a whole number from 1 (every frame).")
    first, end = (0, num_frames) if frame_range is None else frame_range
    if not 0 <= first < end <= num_frames:
        raise NeucamError(
            f"--frame-range {first} {end}: there are {num_frames} frames, so expected a first frame from 0 and after it"
            f" an end up to {num_frames} (the end itself is not used)."
        )
    return range(first, end, stride)


def split_frames(
    paths: Sequence[Path],
    train_patterns: Sequence[str] = (),
    eval_patterns: Sequence[str] = (),
    eval_every: int | None = None,
) -> FrameSplit:
    """Splits frames by counting, or by name patterns (`F0*`, `IMG_0012.jpg`), with and without suffix.

    One kind of pattern alone leaves all other frames to the other side; both kinds select exactly what they match.
    Counting holds out frames k, 2k, ... from 0, so never the first.

    Raises:
        NeucamError: Patterns and counting are mixed, a pattern matches nothing, or no frame is left to train on.
    """
    everything = range(len(paths))
    if eval_every is not None:
        if train_patterns or eval_patterns:
            raise NeucamError(
                f"--eval-every {eval_every}: --train-frames or --eval-frames already choose the frames. Give one or the"
                " other."
            )
        if not 2 <= eval_every < len(paths):
            raise NeucamError(
                f"--eval-every {eval_every}: expected a whole number from 2 to {len(paths) - 1}, for {len(paths)}"
                " frames: every how many frames one is held out."
            )
        held_out = everything[eval_every::eval_every]
        return FrameSplit(tuple(index for index in everything if index not in held_out), tuple(held_out))
    train = _matching(paths, train_patterns, "--train-frames")
    held_out = _matching(paths, eval_patterns, "--eval-frames")
    if not eval_patterns:
        held_out = [index for index in everything if train_patterns and index not in train]
    if not train_patterns:
        train = [index for index in everything if index not in held_out]
    if not train:
        raise NeucamError(
            f"--eval-frames {' '.join(eval_patterns)}: holds out all {len(paths)} frames, none is left to train on."
        )
    return FrameSplit(tuple(train), tuple(held_out))


def frames_named(paths: Sequence[Path], name: str) -> set[int]:
    """Indices of the frames of this name, with or without suffix; if none has it, of those that the pattern fits."""
    exact = {index for index, path in enumerate(paths) if name in (path.stem, path.name)}
    pattern = (i for i, path in enumerate(paths) if fnmatchcase(path.stem, name) or fnmatchcase(path.name, name))
    return exact or set(pattern)


def listed(names: Iterable[str]) -> str:
    """Names, the first dozen of them, for messages."""
    names = list(names)
    num_more = len(names) - MAX_LISTED_NAMES
    return ", ".join(names[:MAX_LISTED_NAMES]) + (f" and {num_more} more" if num_more > 0 else "")


def _matching(paths: Sequence[Path], patterns: Sequence[str], option: str) -> list[int]:
    indices = set()
    for pattern in patterns:
        matches = frames_named(paths, pattern)
        if not matches:
            raise NeucamError(
                f"{option} {pattern}: no frame of {paths[0].parent} has such a name."
                f" Frames: {listed(path.stem for path in paths)}."
            )
        indices |= matches
    return sorted(indices)


def frame_times(
    moments: Sequence[float], source_rate: float | None
) -> tuple[tuple[float, ...], float | None, str | None]:
    """When the frames of a scene that moves were taken.

    Args:
        moments: Of at least two frames, counted in frames of the source, rising.
        source_rate: Frames a second of the source; None if not known.

    Returns:
        Times from 0, the first frame's, to 1, the last one's: i / (N - 1) where they are evenly spaced; frames a second
        on average; and a sentence if they are not evenly spaced.
    """
    span, steps = moments[-1] - moments[0], np.diff(moments)
    times = tuple((moment - moments[0]) / span for moment in moments)
    rate = None if source_rate is None else source_rate / (span / (len(moments) - 1))
    is_even = steps.max() < EVEN_STEPS * steps.min()
    note = (
        "Frames are not evenly spaced in time: each keeps its own time. A camera path or video of them shows one after"
        " the other at their mean rate."
    )
    return times, rate, None if is_even else note
