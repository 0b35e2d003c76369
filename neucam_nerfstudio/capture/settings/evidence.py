"""What file names, `exposure.txt` and EXIF tell about the settings of each frame, and whether EXIF can be true.

Names carry settings as `F<i>` (focus) and `E<j>` (exposure). EXIF exposures are not true behind a filter that was
changed, with flash, or of exposures developed from one RAW file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

import numpy as np

from neucam_nerfstudio.capture.pixels.source import FrameSource
from neucam_nerfstudio.capture.settings.exposure_claims import (
    CONTRADICTION_STOPS,
    ExposureClaim,
    Judgement,
    judge,
    refusal,
    written_claims,
)
from neucam_nerfstudio.capture.settings.exposures import (
    BRIGHTNESS_STEP,
    SMALLEST_BRACKET_STOPS,
    ExposureLevels,
    ExposureSource,
    LearnChoice,
    gap_ranks,
    merge_nearly_equal,
)
from neucam_nerfstudio.capture.settings.odd_frames import odd_cameras
from neucam_nerfstudio.capture.settings.pictures import StillPictures
from neucam_nerfstudio.capture.settings.selection import listed
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
        stops_told: What told each exposure: a line of a list, EXIF's settings, or a word in its name.
        claims: What each source tells of exposures, the first that can be true counts.
    """

    focus_numbers: list[int] | None
    exposure_numbers: list[int] | None
    stops: list[float] | None
    stops_source: ExposureSource
    dioptres: list[float] | None
    notes: tuple[str, ...] = ()
    dealt: str | None = None
    stops_told: list[str] | None = None
    claims: tuple[ExposureClaim, ...] = ()

    def of_frames(self, indices: Sequence[int]) -> SettingsEvidence:
        """The evidence for some of the frames."""
        of_all = {name: values for name, values in self._asdict().items() if isinstance(values, list)}
        chosen = self._replace(**{name: [values[index] for index in indices] for name, values in of_all.items()})
        return chosen._replace(claims=tuple(claim.of_frames(indices) for claim in self.claims))

    def with_checked_exposures(self, names: Sequence[str], pictures: StillPictures, moves: bool) -> SettingsEvidence:
        """With the exposures of the first source that neither names nor pictures contradict.

        Of a scene that moves, brightness changes with the view: EXIF is believed, and of what is written only that it
        rises with the light.

        Raises:
            NeucamError: Pictures contradict `exposure.txt`.
        """
        used, checked, notes, passed_over = None, self, list(self.notes), []
        for claim in self.claims:
            if used is not None:
                passed_over.append(claim)
                continue
            if claim.source == "EXIF":
                judgement = self._judged_exif(claim, names, None if moves else pictures)
            else:
                judgement = judge(claim, pictures.measured_stops, names, moves)
            if judgement.wrong is not None:
                if claim.source == "exposure.txt":
                    raise refusal(claim, judgement, pictures.measured_stops)
                said_by = "EXIF exposures" if claim.source == "EXIF" else f"Exposures in {claim.said_by}"
                advice = "Write exposure.txt if you know the exposures."
                notes.append(f"{said_by} are not used: {judgement.wrong}. {advice}")
            elif judgement.stops is not None:
                used, told = claim, claim.told_as(judgement.unit)
                checked = checked._replace(
                    stops=judgement.stops, stops_source=claim.source, dealt=claim.dealt, stops_told=told
                )
                notes += filter(None, (judgement.note,))
        return checked._replace(notes=(*notes, *_passed_over_notes(used, checked.stops, passed_over)))

    def _judged_exif(self, claim: ExposureClaim, names: Sequence[str], pictures: StillPictures | None) -> Judgement:
        stops, numbers = claim.readings["stops"], self.exposure_numbers
        wrong = None if numbers is None else contradiction_by_names(stops, numbers, names)
        if wrong is None and pictures is not None:
            wrong = contradiction_by_pictures(stops, pictures, names)
        return Judgement(None if wrong else stops, "stops", wrong)

    def with_equal_exposures(self, levels: ExposureLevels, choice: LearnChoice) -> SettingsEvidence:
        """Unknown exposures that do not differ as one of 0 stops, unless they are to be learned or refined a frame."""
        if self.stops is not None or choice in ("learn", "refine") or max(levels.numbers) > 0:
            return self
        stops = [0.0] * len(levels.numbers)
        if levels.told_by == "names":
            return self._replace(stops=stops, stops_source="names")
        note = "Frames are equally bright: taken as one exposure. Give --exposures learn if they are not."
        return self._replace(stops=stops, stops_source="brightness", notes=(*self.notes, note))


def _passed_over_notes(
    used: ExposureClaim | None, stops: Sequence[float] | None, passed_over: Sequence[ExposureClaim]
) -> Iterator[str]:
    """What is said of sources that were not needed: which lists, and whether they tell otherwise."""
    if used is None or stops is None:
        return
    lists = [claim.said_by for claim in passed_over if claim.file is not None]
    if lists:
        yield f"Not read, for {used.said_by} tells the exposures: {listed(lists)}."
    for claim in passed_over:
        others = (np.subtract(reading, stops) for reading in claim.readings.values())
        apart = min(float(np.ptp(difference)) for difference in others)
        if apart > CONTRADICTION_STOPS and not claim.needs_proof:
            yield (
                f"{used.said_by} and {claim.said_by} disagree on the exposures by up to {apart:.1f} stops:"
                f" {used.said_by} counts."
            )


def gather_evidence(frames: FrameSource, moves: bool) -> SettingsEvidence:
    """Reads names, lists of exposures and EXIF of all frames, used or not.

    Raises:
        NeucamError: Names are inconsistent, or `exposure.txt` is unusable.
    """
    focus_numbers, exposure_numbers, names_note = settings_from_names(frames.paths)
    is_folder = frames.data == frames.folder
    may_break_off = moves or not is_folder
    claims, notes = written_claims(frames.paths, frames.folder, exposure_numbers, is_folder, may_break_off)
    exif = frames.exif()
    by_exif = exposure_stops(exif)
    if by_exif is not None:
        told = [f"EXIF {said_by_exif(settings)}" for settings in exif]
        claim = ExposureClaim("EXIF", "EXIF", {"stops": merge_nearly_equal(by_exif)}, told, told)
        place = next((index for index, other in enumerate(claims) if other.source == "file names"), len(claims))
        claims.insert(place, claim)
    elif not claims:
        some_told = any(settings.exposure_time_s is not None for settings in exif)
        partly = "EXIF tells the exposure of some frames only, so it is not used."
        notes.append(partly if some_told else unread_note(frames.paths, exif) or "")
    dioptres = focus_dioptres(exif) if exif and focus_numbers is None else None
    notes += odd_cameras([path.stem for path in frames.paths], exif)
    all_notes = tuple(filter(None, (names_note, *notes)))
    return SettingsEvidence(focus_numbers, exposure_numbers, None, "unknown", dioptres, all_notes, claims=tuple(claims))


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
