"""Which frames share a focus setting: by their names, by EXIF focus distances, or by their exposures and pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from neucam_nerfstudio.capture.settings.exposures import ExposureLevels, LearnMode, ranks, span_ranks
from neucam_nerfstudio.capture.settings.pictures import StillPictures

FocusSource = Literal[
    "names", "EXIF", "order", "single", "moments", "argument", "edited", "transforms.json", "list", "unknown"
]

SAME_FOCUS_DIOPTRES = 0.02
"""Focus distances within this of each other (1/m) count as one: a lens of 50 mm at f/8 blurs by a pixel for it."""
EQUAL_DIOPTRES = 1e-6
ORDER_WEIGHT = 1e-3
"""Disagreement that each frame farther away in name order counts: where pictures tell nothing, neighbours go together.
"""
RENAME = "Name the files F<i>E<j> if that is wrong"


@dataclass(frozen=True)
class FocusSettings:
    """Focus settings that occur in a capture, by focus index.

    Attributes:
        positions: Start value of each, unitless in [-1, 1], ascending; 0 if there is one. Dioptres (1/m) of many views.
        source: What told which frames share a setting.
        mode: Whether they are held fixed, refined from these values, or learned from them.
        found: The positions that the scan of the photographs gave.
    """

    positions: tuple[float, ...]
    source: FocusSource
    mode: LearnMode
    found: tuple[float, ...] | None = field(default=None, compare=False)


class FocusAssignment(NamedTuple):
    """Focus index of each frame, the settings' start positions, what told them, and what was chosen for the user."""

    indices: list[int]
    positions: tuple[float, ...]
    source: FocusSource
    note: str | None


def spread_evenly(count: int) -> tuple[float, ...]:
    """`count` positions evenly over [-1, 1]; 0 for one."""
    return tuple(2 * index / (count - 1) - 1 for index in range(count)) if count > 1 else (0.0,)


def focus_in_order(indices: list[int], note: str | None = None) -> FocusAssignment:
    """Focus settings that nothing but the order of the frames tells."""
    num_settings = max(indices) + 1
    return FocusAssignment(indices, spread_evenly(num_settings), "order" if num_settings > 1 else "single", note)


def assign_focus(
    focus_numbers: Sequence[int] | None,
    dioptres: Sequence[float] | None,
    levels: ExposureLevels,
    pictures: StillPictures,
    is_focus_stack: bool = False,
) -> FocusAssignment:
    """Focus setting of each frame: by `F<i>` names, by EXIF focus distances if they tell settings apart, or by order.

    In a focus stack each frame has a focus of its own where neither names nor distances (1/m) tell otherwise.
    """
    if focus_numbers is not None:
        indices = ranks(focus_numbers)
        return FocusAssignment(indices, spread_evenly(max(indices) + 1), "names", None)
    unused = None
    if dioptres is not None and len(set(dioptres)) > 1:
        tolerances = (EQUAL_DIOPTRES,) if is_focus_stack else (SAME_FOCUS_DIOPTRES, EQUAL_DIOPTRES)
        by_distance, unused = focus_by_distance(dioptres, levels, pictures, tolerances)
        if by_distance is not None:
            return by_distance
    if is_focus_stack:
        indices = list(range(len(levels.numbers)))
        finding = f"Each frame is taken as a focus setting, as this method is for focus stacks. {RENAME}."
    else:
        indices, finding = focus_by_order(levels, pictures)
    return focus_in_order(indices, " ".join(filter(None, (unused, finding))))


def focus_by_distance(
    dioptres: Sequence[float],
    levels: ExposureLevels,
    pictures: StillPictures,
    tolerances: Sequence[float] = (SAME_FOCUS_DIOPTRES, EQUAL_DIOPTRES),
) -> tuple[FocusAssignment | None, str | None]:
    """Focus settings from EXIF focus distances, numbered from near to far; or None, and why they tell none apart.

    Distances within a tolerance (1/m) count as one; the first tolerance with which pictures agree is taken.
    """
    for tolerance in tolerances:
        indices = span_ranks([-dioptre for dioptre in dioptres], tolerance)
        if not _mixes_focuses(indices, levels, pictures):
            break
    else:
        return None, "EXIF focus distances are not used: frames of one distance and exposure are focused differently."
    num_settings = max(indices) + 1
    if num_settings == 1:
        return None, f"EXIF focus distances hardly differ (by less than {SAME_FOCUS_DIOPTRES:g}/m): not used."
    means = (np.bincount(indices, dioptres) / np.bincount(indices)).tolist()
    span = f"{metres(means[0])} to {metres(means[-1])}"
    note = f"{num_settings} focus settings by EXIF focus distance, {span}. {RENAME}."
    return FocusAssignment(indices, positions_by_dioptre(means), "EXIF", note), None


def _mixes_focuses(indices: Sequence[int], levels: ExposureLevels, pictures: StillPictures) -> bool:
    """Whether frames of one focus setting and one exposure differ."""
    first: dict[tuple[int, int], int] = {}
    for frame, setting in enumerate(zip(indices, levels.numbers, strict=True)):
        if first.setdefault(setting, frame) != frame and pictures.differ(first[setting], frame):
            return True
    return False


def metres(dioptre: float) -> str:
    """A focus distance in words, from its inverse in 1/m."""
    return f"{1 / dioptre:.3g} m" if dioptre > 0 else "infinity"


def positions_by_dioptre(dioptres: Sequence[float]) -> tuple[float, ...]:
    """Positions of the distinct focus distances, linear in dioptres, from -1 (nearest) to 1 (farthest)."""
    distinct = sorted(set(dioptres), reverse=True)
    nearest, farthest = distinct[0], distinct[-1]
    return tuple(2 * (nearest - dioptre) / (nearest - farthest) - 1 for dioptre in distinct)


def focus_by_order(levels: ExposureLevels, pictures: StillPictures) -> tuple[list[int], str]:
    """Focus setting of each frame from its exposure and its place in name order, and that choice in words.

    The k-th frame of an exposure belongs to the k-th pass through the exposures, and so to the k-th focus setting:
    frames exposed alike are a focus stack, exposures that occur once are a bracket. Where exposures occur unequally
    often, some pass lacks some, and pictures tell which frames belong together; unless none of those exposed alike
    differ: a bracket with repeated frames.
    """
    occurs, indices = Counter(levels.numbers), [0] * len(levels.numbers)
    equally_often = len(set(occurs.values())) == 1
    if equally_often:
        indices = [levels.numbers[:frame].count(number) for frame, number in enumerate(levels.numbers)]
    elif _mixes_focuses(indices, levels, pictures):
        indices = focus_by_shared_detail(levels.numbers, pictures)
    if len(occurs) == 1:
        finding = "Equal exposures: taken as a focus stack in name order."
    elif max(indices) == 0:
        finding = "Different exposures: taken as a bracket with one focus setting."
    elif equally_often:
        finding = f"Each exposure occurs {max(indices) + 1} times: each time is taken as a focus setting."
    else:
        finding = f"Some exposures are missing: frames that share most detail make {max(indices) + 1} focus settings."
    if levels.told_by == "brightness":
        otherwise = "; neucam-multifocus takes each frame as a focus setting" if max(indices) == 0 else ""
        finding += f" Judged by brightness alone{otherwise}."
    return indices, f"{finding} {RENAME}."


def focus_by_shared_detail(numbers: Sequence[int], pictures: StillPictures) -> list[int]:
    """Focus setting of each frame: one for each frame of the most frequent exposure, in name order.

    The frames of each other exposure go one each to those with which they share most detail (least disagreement in
    all, Kuhn 1955): of one exposure against one other, focus alone makes the difference. `numbers` are exposures that
    rise with the light.
    """
    from scipy.optimize import linear_sum_assignment

    occurs, middle = Counter(numbers), max(numbers) / 2
    most_frequent = max(occurs, key=lambda number: (occurs[number], -abs(number - middle)))
    frames_of = {number: [frame for frame, n in enumerate(numbers) if n == number] for number in occurs}
    anchors = frames_of.pop(most_frequent)
    setting_of = {frame: setting for setting, frame in enumerate(anchors)}
    for frames in frames_of.values():
        costs = [[pictures.disagreement(f, a) + ORDER_WEIGHT * abs(f - a) for a in anchors] for f in frames]
        rows, settings = linear_sum_assignment(np.array(costs))
        setting_of.update((frames[row], int(setting)) for row, setting in zip(rows, settings, strict=True))
    return [setting_of[frame] for frame in range(len(numbers))]
