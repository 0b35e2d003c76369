"""Frames that do not belong to the others: another camera or lens, grey among colour, another white balance."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.exposure_steps import (
    CLIPPED_LDR,
    LEAST_VALUES,
    MARGINS_LDR,
    RankedValues,
    channel_changes,
)
from neucam_nerfstudio.capture.settings.exposures import gap_ranks
from neucam_nerfstudio.capture.settings.pictures import StillPictures
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.imaging.exif import ExifSettings

SAME_FOCAL_LENGTH = 1.02
"""Focal lengths that differ by less than this factor are one: cameras round them."""
GREY_SPREAD_LDR, COLOUR_SPREAD_LDR = 1 / 255, 4 / 255
"""Channels of a grey frame have the same values up to the first; on average those of a colour frame differ by more than
the second."""
EQUAL_EXPOSURE_STOPS = 0.4
"""Frames that differ by less, in green, show how their colours differ whatever the response."""
COLOUR_CHANGES_STOPS = (0.35, 0.75)
"""Red against blue, or both against green, changes by less between frames of one white balance: of equal exposure, and
of others, where the channels' responses differ. On the captures at hand by up to 0.16 and 0.53."""


def odd_cameras(names: Sequence[str], exif: Sequence[ExifSettings]) -> Iterator[str]:
    """A sentence for each of camera, lens and focal length that some frames do not share with most others, by EXIF."""
    meaning = "Frames of another {} do not lie on the others: take them out, unless they are aligned to them."
    kinds: dict[str, Callable[[ExifSettings], str | None]] = {
        "camera": lambda settings: settings.camera,
        "lens": lambda settings: settings.lens,
    }
    for kind, value in kinds.items():
        values = [value(settings) for settings in exif]
        odd, usual = _odd(values)
        if odd:
            said = listed(f"{names[index]} ({values[index]})" for index in odd)
            yield f"Taken with another {kind} than the others ({usual}): {said}. {meaning.format(kind)}"
    told = [index for index, settings in enumerate(exif) if settings.focal_length_mm is not None]
    lengths = [exif[index].focal_length_mm or 0.0 for index in told]
    groups = gap_ranks([math.log(length) for length in lengths], math.log(SAME_FOCAL_LENGTH)) if told else []
    odd, usual = _odd(groups)
    if odd:
        millimetres = lengths[next(place for place, group in enumerate(groups) if group == usual)]
        said = listed(f"{names[told[index]]} ({lengths[index]:g} mm)" for index in odd)
        yield f"Another focal length than of the others ({millimetres:g} mm): {said}. {meaning.format('focal length')}"


def odd_colours(names: Sequence[str], pictures: StillPictures) -> Iterator[str]:
    """A sentence each about grey frames among colour ones, and about frames of another white balance."""
    ranked = [pictures.ranked(frame) for frame in range(len(names))]
    spreads = [_channel_spread(values) for values in ranked]
    grey = [frame for frame, spread in enumerate(spreads) if spread is not None and spread[0] <= GREY_SPREAD_LDR]
    in_colour = [spread for frame, spread in enumerate(spreads) if spread is not None and frame not in grey]
    if grey and any(mean > COLOUR_SPREAD_LDR for _, mean in in_colour):
        said = listed(names[frame] for frame in grey)
        yield f"Grey, where others are in colour: {said}. The result is pale for it: give colour, or take these out."
    odd = odd_white_balances([values for frame, values in enumerate(ranked) if frame not in grey], pictures.floor)
    others = [name for frame, name in enumerate(names) if frame not in grey]
    if odd:
        said = listed(others[frame] for frame in odd)
        yield (
            f"Other colours than the others, as by another white balance: {said}. The result mixes them: develop all"
            " frames with one white balance, or take these out."
        )


def odd_white_balances(frames: Sequence[RankedValues], floor: Float[np.ndarray, " 3"]) -> list[int]:
    """Frames whose colours differ from most others': from each to the next brighter one, channels change unequally."""
    if len(frames) < 2 or floor.any():  # what film scans show without light has a colour of its own
        return []
    order = np.argsort([values.mean(dtype=np.float64) for values in frames], kind="stable")
    tint, tints = np.zeros(2), np.zeros((len(frames), 2))
    for frame, other in pairwise(order):
        red, green, blue = channel_changes(frames[frame], frames[other], floor + MARGINS_LDR[0])
        change = np.array([red - blue, (red + blue) / 2 - green])
        most = COLOUR_CHANGES_STOPS[int(abs(green) > EQUAL_EXPOSURE_STOPS)]
        if np.isfinite(change).all():
            tint = tint + np.where(np.abs(change) > most, change, 0)
        tints[other] = tint
    groups = list(zip(*(gap_ranks(column.tolist(), COLOUR_CHANGES_STOPS[0]) for column in tints.T), strict=True))
    return _odd(groups)[0]


def _channel_spread(values: RankedValues) -> tuple[float, float] | None:
    """How far channels are apart, at most and on average, where they are neither dark nor white; None if nowhere."""
    inside = values[(values.min(-1) > MARGINS_LDR[1]) & (values.max(-1) < CLIPPED_LDR)].astype(np.float32)
    if len(inside) < LEAST_VALUES:
        return None
    spread = np.ptp(inside, axis=-1)
    return float(spread.max()), float(spread.mean())


def _odd(values: Sequence[Hashable | None]) -> tuple[list[int], Hashable | None]:
    """Places of values that are not the most frequent one, and that; None is no value."""
    counts = Counter(value for value in values if value is not None)
    if len(counts) < 2:
        return [], None
    usual = counts.most_common(1)[0][0]
    return [index for index, value in enumerate(values) if value not in (None, usual)], usual
