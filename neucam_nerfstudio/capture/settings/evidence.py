"""What file names, `exposure.txt` and EXIF tell about the settings of each frame, and whether EXIF can be true.

Names carry settings as `F<i>` (focus) and `E<j>` (exposure). EXIF exposures are not true behind a filter that was
changed, with flash, or of exposures developed from one RAW file.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from neucam_nerfstudio.capture.pixels.source import FrameSource
from neucam_nerfstudio.capture.settings.exposures import (
    BRIGHTNESS_STEP,
    EXPOSURE_FILE_NAME,
    SMALLEST_BRACKET_STOPS,
    ExposureLevels,
    ExposureSource,
    LearnChoice,
    deal_out,
    gap_ranks,
    merge_nearly_equal,
    read_exposure_values,
)
from neucam_nerfstudio.capture.settings.pictures import StillPictures
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings, exposure_stops, focus_dioptres, unread_note

# A token stands alone between separators, so the F of DSCF0001 and the E of IMG_E1234 (four digits: a camera's counter)
# are letters of a word, and f2.8 is an f-number.
_TOKEN = re.compile(
    r"""(?<![A-Za-z0-9])
    (?: F(?P<focus>\d{1,3}) (?: E(?P<exposure>\d{1,3}) )? | E(?P<lone_exposure>\d{1,3}) )
    (?![A-Za-z0-9]|\.\d)""",
    re.IGNORECASE | re.VERBOSE,
)

MAX_CHANGE_AT_ONE_EXPOSURE = 0.25
"""Pixel values at one exposure differ by less than this factor of two (log2), about half a stop: lamps flicker, and
lenses lose light where they focus near. Errors are of whole stops."""
LEAST_CHECKED_STOPS = 1.0
"""Frames that are exposed this differently cannot be equally bright; of smaller steps tone mapping may leave little."""


class SettingsEvidence(NamedTuple):
    """One value a frame, in name order; None where nothing tells.

    Attributes:
        focus_numbers: The i of `F<i>` in the names.
        exposure_numbers: The j of `E<j>` in the names.
        stops: Exposures, +1 is twice the light.
        stops_source: What told the exposures.
        dioptres: Focus distances in 1/m.
        notes: What was found and not used, a sentence each.
        dealt: How the values of `exposure.txt` were dealt out, in words.
        stops_told: What told each exposure: a line of `exposure.txt`, or EXIF's settings.
    """

    focus_numbers: list[int] | None
    exposure_numbers: list[int] | None
    stops: list[float] | None
    stops_source: ExposureSource
    dioptres: list[float] | None
    notes: tuple[str, ...] = ()
    dealt: str | None = None
    stops_told: list[str] | None = None

    def of_frames(self, indices: Sequence[int]) -> SettingsEvidence:
        """The evidence for some of the frames."""
        of_all = {name: values for name, values in self._asdict().items() if isinstance(values, list)}
        return self._replace(**{name: [values[index] for index in indices] for name, values in of_all.items()})

    def with_checked_exif(self, names: Sequence[str], pictures: StillPictures | None) -> SettingsEvidence:
        """Without EXIF exposures that cannot be true.

        There are no `pictures` of a scene that moves: its brightness changes with the view.
        """
        if self.stops is None or self.stops_source != "EXIF":
            return self
        numbers = self.exposure_numbers
        wrong = None if numbers is None else contradiction_by_names(self.stops, numbers, names)
        if wrong is None and pictures is not None:
            wrong = contradiction_by_pictures(self.stops, pictures, names)
        if wrong is None:
            return self
        note = f"EXIF exposures are not used: {wrong}. Write exposure.txt if you know the exposures."
        return self._replace(stops=None, stops_source="unknown", notes=(*self.notes, note))

    def with_equal_exposures(self, levels: ExposureLevels, choice: LearnChoice) -> SettingsEvidence:
        """Unknown exposures that do not differ as one of 0 stops, unless they are to be learned or refined a frame."""
        if self.stops is not None or choice in ("learn", "refine") or max(levels.numbers) > 0:
            return self
        stops = [0.0] * len(levels.numbers)
        if levels.told_by == "names":
            return self._replace(stops=stops, stops_source="names")
        note = "Frames are equally bright: taken as one exposure. Give --exposures learn if they are not."
        return self._replace(stops=stops, stops_source="brightness", notes=(*self.notes, note))


def gather_evidence(frames: FrameSource, moves: bool) -> SettingsEvidence:
    """Reads names, `exposure.txt` and, for what these leave open, EXIF of all frames, used or not.

    Raises:
        NeucamError: Names are inconsistent, or `exposure.txt` is unusable.
    """
    focus_numbers, exposure_numbers, names_note = settings_from_names(frames.paths)
    exposure_file = frames.folder / EXPOSURE_FILE_NAME
    dealt = told = exif_note = None
    source: ExposureSource
    if exposure_file.exists():
        (values, lines), source = read_exposure_values(exposure_file), "exposure.txt"
        break_off = moves or frames.data != frames.folder
        places, dealt = deal_out(values, exposure_numbers, len(frames.paths), exposure_file, break_off)
        stops = [values[place] for place in places]
        told = [f"{EXPOSURE_FILE_NAME}, line {lines[place]}" for place in places]
        exif = frames.exif() if focus_numbers is None else []
    else:
        exif = frames.exif()
        stops, source = exposure_stops(exif), "EXIF"
        if stops is not None:
            stops, told = merge_nearly_equal(stops), [f"EXIF {said_by_exif(settings)}" for settings in exif]
    dioptres = focus_dioptres(exif) if exif and focus_numbers is None else None
    if stops is None:
        source = "unknown"
        some_told = any(settings.exposure_time_s is not None for settings in exif)
        partly = "EXIF tells the exposure of some frames only, so it is not used."
        exif_note = partly if some_told else unread_note(frames.paths, exif)
    notes = tuple(filter(None, (names_note, exif_note)))
    return SettingsEvidence(focus_numbers, exposure_numbers, stops, source, dioptres, notes, dealt, told)


def said_by_exif(settings: ExifSettings) -> str:
    """Exposure settings as photographers write them: `1/8 s f/8 ISO 100`."""
    time_s = settings.exposure_time_s
    words = [] if time_s is None else [f"1/{1 / time_s:.4g} s" if time_s < 0.3 else f"{time_s:.3g} s"]
    words += [] if settings.f_number is None else [f"f/{settings.f_number:g}"]
    words += [] if settings.iso is None else [f"ISO {settings.iso:g}"]
    return " ".join(words)


def parse_settings(stem: str) -> tuple[int | None, int | None]:
    """The first `F<i>` and `E<j>` in a file name without suffix: `F0E1`, `F0_a`, `IMG_F2_E1`, `desk-e1`."""
    tokens = list(_TOKEN.finditer(stem))
    focuses = (token["focus"] for token in tokens)
    exposures = (token["exposure"] or token["lone_exposure"] for token in tokens)
    focus, exposure = (next((int(digits) for digits in found if digits), None) for found in (focuses, exposures))
    return focus, exposure


def settings_from_names(paths: Sequence[Path]) -> tuple[list[int] | None, list[int] | None, str | None]:
    """Focus and exposure numbers of all files, None where names tell none; and what was found and not used.

    One number that all files share, alone in their names, tells no frame from another: it is taken for no setting, as
    the aperture in `macro_f8_001`.

    Raises:
        NeucamError: Some names carry a number and others don't.
    """
    named = [parse_settings(path.stem) for path in paths]
    focuses = _all_or_none([focus for focus, _ in named], paths, "F")
    exposures = _all_or_none([exposure for _, exposure in named], paths, "E")
    for letter, numbers, others in (("F", focuses, exposures), ("E", exposures, focuses)):
        if numbers is not None and others is None and len(set(numbers)) == 1:
            return None, None, f"All names say {letter}{numbers[0]}, which is taken for no setting."
    return focuses, exposures, None


def _all_or_none(numbers: Sequence[int | None], paths: Sequence[Path], letter: str) -> list[int] | None:
    missing = [path.name for path, number in zip(paths, numbers, strict=True) if number is None]
    if len(missing) == len(paths):
        return None
    if missing:
        carrying = next(path.name for path, number in zip(paths, numbers, strict=True) if number is not None)
        raise NeucamError(
            f"{missing[0]}: its name carries no {letter}<number>, but {carrying} does. Name all frames alike, or none."
        )
    return [number for number in numbers if number is not None]


def contradiction_by_names(stops: Sequence[float], exposure_numbers: Sequence[int], names: Sequence[str]) -> str | None:
    """What is wrong if EXIF tells one exposure, in stops, for two `E<j>`; None if it does not."""
    first: dict[int, int] = {}
    for frame, level in enumerate(gap_ranks(stops, SMALLEST_BRACKET_STOPS)):
        other = first.setdefault(level, frame)
        if exposure_numbers[other] != exposure_numbers[frame]:
            return f"they are the same for {names[other]} and {names[frame]}, whose E<j> differ"
    return None


def contradiction_by_pictures(stops: Sequence[float], pictures: StillPictures, names: Sequence[str]) -> str | None:
    """What is wrong if frames of one EXIF exposure are not equally bright, or such of different ones are."""
    levels = gap_ranks(stops, SMALLEST_BRACKET_STOPS)
    by_brightness: list[list[int]] = [[] for _ in range(max(levels) + 1)]
    for frame in sorted(range(len(stops)), key=lambda frame: pictures.brightness[frame]):
        by_brightness[levels[frame]].append(frame)
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
