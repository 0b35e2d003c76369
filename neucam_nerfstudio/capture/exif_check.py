"""Whether exposures that EXIF tells can be true: against names, and against pictures of a still scene.

They are not behind a filter that was changed, with flash, or of exposures developed from one RAW file.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from neucam_nerfstudio.capture.settings import BRIGHTNESS_STEP, SMALLEST_BRACKET_STOPS, gap_ranks
from neucam_nerfstudio.capture.still_pictures import StillPictures

MAX_CHANGE_AT_ONE_EXPOSURE = 0.25
"""Pixel values at one exposure differ by less than this factor of two (log2), about half a stop: lamps flicker, and
lenses lose light where they focus near. Errors are of whole stops."""
LEAST_CHECKED_STOPS = 1.0
"""Frames that are exposed this differently cannot be equally bright; of smaller steps tone mapping may leave little."""


def contradiction_by_names(stops: Sequence[float], exposure_numbers: Sequence[int], names: Sequence[str]) -> str | None:
    """What is wrong if EXIF tells one exposure for two `E<j>`; None if it does not.

    Args:
        stops: EXIF exposure of each frame.
        exposure_numbers: `E<j>` of each frame.
        names: Of the frames.
    """
    first: dict[int, int] = {}
    for frame, level in enumerate(gap_ranks(stops, SMALLEST_BRACKET_STOPS)):
        other = first.setdefault(level, frame)
        if exposure_numbers[other] != exposure_numbers[frame]:
            return f"they are the same for {names[other]} and {names[frame]}, whose E<j> differ"
    return None


def contradiction_by_pictures(stops: Sequence[float], pictures: StillPictures, names: Sequence[str]) -> str | None:
    """What is wrong if frames of one EXIF exposure are not equally bright, or such of different ones are.

    Args:
        stops: EXIF exposure of each frame.
        pictures: Of the frames.
        names: Of the frames.
    """
    frames_of_level: dict[int, list[int]] = {}
    for frame, level in enumerate(gap_ranks(stops, SMALLEST_BRACKET_STOPS)):
        frames_of_level.setdefault(level, []).append(frame)
    by_brightness = [
        sorted(frames, key=lambda frame: pictures.brightness[frame]) for _, frames in sorted(frames_of_level.items())
    ]
    for darkest, *_, brightest in (frames for frames in by_brightness if len(frames) > 1):
        change = pictures.brightness_change(darkest, brightest)
        if change is not None and change > MAX_CHANGE_AT_ONE_EXPOSURE:
            said = f"pixel values of {names[brightest]} are {2**change:.1f} times those of {names[darkest]}"
            return f"they are the same for {names[darkest]} and {names[brightest]}, but {said}"
    for lower, upper in combinations(by_brightness, 2):
        darkest, brightest = lower[0], upper[-1]
        change, stops_apart = pictures.brightness_change(darkest, brightest), stops[brightest] - stops[darkest]
        if stops_apart >= LEAST_CHECKED_STOPS and change is not None and change < BRIGHTNESS_STEP:
            return f"{names[brightest]} has {stops_apart:.1f} stops more than {names[darkest]}, but is not brighter"
    return None
