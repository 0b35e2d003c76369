"""Which frames train and which are held out for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

from neucam_nerfstudio.capture.errors import CaptureError


class FrameSplit(NamedTuple):
    """Indices into the frames in name order; `held_out` is empty when every frame trains."""

    train: tuple[int, ...]
    held_out: tuple[int, ...]


def select_frames(paths: Sequence[Path], train_patterns: Sequence[str], eval_patterns: Sequence[str]) -> FrameSplit:
    """Splits frames by name patterns (`F0*`, `IMG_0012.jpg`), matched against the name with and without suffix.

    One kind of pattern alone leaves all other frames to the other side; both kinds select exactly what they match.

    Raises:
        CaptureError: A pattern matches nothing, or no frame is left to train on.
    """
    train = _matching(paths, train_patterns, "--train-frames")
    held_out = _matching(paths, eval_patterns, "--eval-frames")
    everything = range(len(paths))
    if not eval_patterns:
        held_out = [index for index in everything if train_patterns and index not in train]
    if not train_patterns:
        train = [index for index in everything if index not in held_out]
    if not train:
        raise CaptureError(
            f"--eval-frames {' '.join(eval_patterns)}: holds out all {len(paths)} frames, none is left to train on."
        )
    return FrameSplit(tuple(train), tuple(held_out))


def _matching(paths: Sequence[Path], patterns: Sequence[str], option: str) -> list[int]:
    indices = set()
    for pattern in patterns:
        matches = {i for i, p in enumerate(paths) if fnmatchcase(p.stem, pattern) or fnmatchcase(p.name, pattern)}
        if not matches:
            names = ", ".join(path.stem for path in paths[:12]) + (", ..." if len(paths) > 12 else "")
            raise CaptureError(f"{option} {pattern}: no frame of {paths[0].parent} has such a name. Frames: {names}.")
        indices |= matches
    return sorted(indices)
