"""What is written down of exposures, compared with the pictures: what numbers mean, and whether they can be true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.exposure_lists import find_lists, read_exposure_file, read_other_list
from neucam_nerfstudio.capture.settings.exposure_numbers import (
    EXPOSURE_FILE_NAME,
    ExposureList,
    Unit,
    exposures_in_names,
    is_exposure_file,
)
from neucam_nerfstudio.capture.settings.exposures import (
    SMALLEST_BRACKET_STOPS,
    ExposureSource,
    deal_out,
    merge_nearly_equal,
)
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError

LEAST_SPREAD_STOPS = 0.5
"""Pictures that differ by less in brightness tell nothing of what numbers mean."""
CLEARLY_BETTER = 0.1
"""By how much another meaning must fit the pictures better than the usual one; see `misfit`."""
FITS = 0.5
"""Exposures that fit worse are not what pictures show; the right ones are below 0.4 on all captures at hand."""
MOST_CHANGE_AT_ONE_EXPOSURE_STOPS = 1.0
"""Frames of one exposure differ by less, measured with a standard response: lamps flicker, cameras adapt."""
LEAST_CHECKED_STOPS, LEAST_SHARE_SHOWN = 1.0, 0.15
"""Frames that are said to differ by the first or more show at least this share of it."""
CREDIBLE_SCALE = (0.4, 2.5)
"""Measured stops are this many times the true ones, or more or less, only where something is wrong."""
CONTRADICTION_STOPS = 0.5
"""Two sources whose exposures differ by more than this disagree."""


class ExposureClaim(NamedTuple):
    """Exposures of all frames as one source tells them.

    Attributes:
        source: What kind of source.
        said_by: Which, for messages.
        readings: Stops of each frame by what the numbers may mean; the usual meaning first.
        told: What told each: a line of a file, EXIF's settings, words in a name.
        words: The numbers as they are written.
        dealt: How numbers were dealt out to frames, in words.
        file: That holds them.
        needs_proof: Whether they count only where the pictures show them: numbers in names may be anything.
    """

    source: ExposureSource
    said_by: str
    readings: dict[Unit, list[float]]
    told: list[str]
    words: list[str]
    dealt: str | None = None
    file: Path | None = None
    needs_proof: bool = False

    def of_frames(self, indices: Sequence[int]) -> ExposureClaim:
        """The claim for some of the frames."""
        return self._replace(
            readings={unit: [stops[index] for index in indices] for unit, stops in self.readings.items()},
            told=[self.told[index] for index in indices],
            words=[self.words[index] for index in indices],
        )

    def told_as(self, unit: Unit) -> list[str]:
        """What told each frame's exposure, with the number where it is no stops: `list.txt, line 2: 1/30 s`."""
        if self.source == "EXIF" or unit == "stops":
            return self.told
        seconds = self.words
        if unit == "1/seconds":
            seconds = [f"1/{word} s" if float(word) > 1 else f"{1 / float(word):g} s" for word in self.words]
        seconds = [f"{word} s" if word[-1].isdigit() else word for word in seconds]
        return [f"{told}: {word}" for told, word in zip(self.told, seconds, strict=True)]


def written_claims(
    paths: Sequence[Path], folder: Path, exposure_numbers: Sequence[int] | None, has_lists: bool, may_break_off: bool
) -> tuple[list[ExposureClaim], list[str]]:
    """What `exposure.txt`, other lists and file names tell of exposures, in this order; and lists that tell nothing.

    Args:
        paths: The frames.
        folder: Where lists lie.
        exposure_numbers: `E<j>` of each frame, where names have it.
        has_lists: Whether lists other than `exposure.txt` belong to the frames, as beside photographs.
        may_break_off: Whether the values of `exposure.txt` may end within a turn; see `deal_out`.

    Raises:
        NeucamError: `exposure.txt` is unusable.
    """
    claims, notes = [], []
    for path in find_lists(folder):
        if is_exposure_file(path) and not claims:
            numbers = read_exposure_file(path, paths)
            dealt = "one value a frame"
            if not numbers.is_named:
                values = next(iter(numbers.readings.values()))
                places, dealt = deal_out(values, exposure_numbers, len(paths), path, may_break_off)
                numbers = numbers.of_frames(places)
            claims.append(_claim(numbers, "exposure.txt", path.name, dealt))
        elif has_lists:
            other = read_other_list(path, paths)
            if isinstance(other, ExposureList):
                claims.append(_claim(other, "list", path.name, None))
            elif other is not None:
                notes.append(f"{path.name} is not read as a list of exposures: {other}.")
    in_names = exposures_in_names(paths) if has_lists else None
    if in_names is not None:
        claims.append(_claim(in_names, "file names", "file names", None))
    return claims, notes


def _claim(numbers: ExposureList, source: ExposureSource, said_by: str, dealt: str | None) -> ExposureClaim:
    """A claim from numbers of all frames; shutter times count from the middle one, as EXIF's."""
    told = [
        "its name" if numbers.file is None else f"{said_by}, line {line}"
        for word, line in zip(numbers.words, numbers.lines, strict=True)
    ]
    readings: dict[Unit, list[float]] = {}
    for unit, stops in numbers.readings.items():
        readings[unit] = stops if unit == "stops" else _from_middle(stops)
    needs_proof = numbers.file is None and len(readings) > 1
    return ExposureClaim(source, said_by, readings, told, numbers.words, dealt, numbers.file, needs_proof)


def _from_middle(stops: Sequence[float]) -> list[float]:
    middle = median_low(stops)
    return merge_nearly_equal([round(value - middle, 3) for value in stops])


class Judgement(NamedTuple):
    """Stops that count, if a claim can be true; what is wrong, if it cannot; and what to say of it."""

    stops: list[float] | None
    unit: Unit
    wrong: str | None = None
    note: str | None = None


def judge(claim: ExposureClaim, measured: Float[np.ndarray, " frames"], names: Sequence[str], moves: bool) -> Judgement:
    """What the numbers of a claim mean, and whether they can be true, by the exposures that pictures show.

    Args:
        claim: Of the frames.
        measured: Exposures of the frames by `measured_stops`; nan where they tell nothing.
        names: Of the frames.
        moves: Whether the scene moves: then brightness changes with the view, and only all frames together tell.
    """
    fits: dict[Unit, float] = {unit: misfit(stops, measured) for unit, stops in claim.readings.items()}
    usual, best = next(iter(fits)), min(fits.items(), key=lambda fit: fit[1])[0]
    unit = best if fits[best] < min(FITS, fits[usual] - CLEARLY_BETTER) else usual
    stops, note = claim.readings[unit], None
    if claim.needs_proof and not (fits[unit] < FITS and spread(measured) > LEAST_SPREAD_STOPS):
        return Judgement(None, unit)
    wrong = reversal(stops, measured) if moves else contradiction(stops, measured, names)
    if wrong is None and len(fits) > 1:
        proof = f": the pictures' brightness follows {unit}" if spread(measured) > LEAST_SPREAD_STOPS else ""
        if unit != "stops":
            no_stops = ", not stops" if usual == "stops" else ""
            note = f"{claim.said_by}: its numbers look like {unit}{no_stops}, and are taken for those{proof}."
    scale = _scale(stops, measured)
    if wrong is None and not moves and not CREDIBLE_SCALE[0] < scale < CREDIBLE_SCALE[1]:
        note = (
            f"{claim.said_by} tells {np.ptp(np.asarray(stops)):.1f} stops from the darkest to the brightest frame, but"
            f" their pixel values are as of about {spread(measured):.1f}: see whether they are right."
        )
    return Judgement(None if wrong else stops, unit, wrong, note)


def spread(measured: Float[np.ndarray, " frames"]) -> float:
    """Stops from the darkest to the brightest frame, of those that tell."""
    known = measured[np.isfinite(measured)]
    return float(np.ptp(known)) if known.size else 0.0


def misfit(stops: Sequence[float], measured: Float[np.ndarray, " frames"]) -> float:
    """How badly exposures fit what pictures show: 0 exactly, infinite if they fall where those rise.

    The share of what is measured that no multiple of the exposures explains, and half of how many times that multiple
    is twice or half of 1, as two legs of a triangle. Pictures that hardly differ tell nothing: 0.
    """
    if spread(measured) < LEAST_SPREAD_STOPS:
        return 0.0
    scale = _scale(stops, measured)
    if scale <= 0:
        return math.inf
    claimed, shown = _centred(stops, measured)
    residual = np.sqrt(np.mean((shown - scale * claimed) ** 2) / np.mean(shown**2))
    return math.hypot(residual, math.log2(scale) / 2)


def _scale(stops: Sequence[float], measured: Float[np.ndarray, " frames"]) -> float:
    """By how much exposures must be multiplied to fit what pictures show; 1 if one of both does not differ."""
    claimed, shown = _centred(stops, measured)
    if spread(measured) < LEAST_SPREAD_STOPS or np.sum(claimed**2) == 0:
        return 1.0 if spread(measured) < LEAST_SPREAD_STOPS else 1e-9
    return float(np.sum(claimed * shown) / np.sum(claimed**2))


def _centred(
    stops: Sequence[float], measured: Float[np.ndarray, " frames"]
) -> tuple[Float[np.ndarray, " known"], Float[np.ndarray, " known"]]:
    known = np.isfinite(measured)
    claimed, shown = np.asarray(stops, np.float64)[known], measured[known]
    return (claimed - claimed.mean(), shown - shown.mean()) if known.any() else (claimed, shown)


def contradiction(stops: Sequence[float], measured: Float[np.ndarray, " frames"], names: Sequence[str]) -> str | None:
    """What is wrong if frames of one exposure are not equally bright, or such of different ones are."""
    claimed = np.subtract.outer(np.asarray(stops, np.float64), np.asarray(stops, np.float64))
    shown = np.nan_to_num(np.subtract.outer(measured, measured), nan=0)
    told = np.isfinite(np.subtract.outer(measured, measured))
    alike = np.where(told & (np.abs(claimed) < SMALLEST_BRACKET_STOPS), shown, 0)
    upper, lower = map(int, np.unravel_index(alike.argmax(), alike.shape))
    if alike.max() > MOST_CHANGE_AT_ONE_EXPOSURE_STOPS:
        return (
            f"it tells nearly the same for {names[lower]} and {names[upper]}, but {names[upper]} is as bright as"
            f" about {alike.max():.1f} stops more"
        )
    missing = np.where(told & (claimed >= LEAST_CHECKED_STOPS), LEAST_SHARE_SHOWN * claimed - shown, 0)
    upper, lower = map(int, np.unravel_index(missing.argmax(), missing.shape))
    if missing.max() > 0:
        seen = "darker" if shown[upper, lower] < -LEAST_SPREAD_STOPS else "not brighter"
        apart = f"{claimed[upper, lower]:.1f} stops more"
        return f"it tells {apart} for {names[upper]} than for {names[lower]}, but {names[upper]} is {seen}"
    return None


def reversal(stops: Sequence[float], measured: Float[np.ndarray, " frames"]) -> str | None:
    """What is wrong if pictures of a scene that moves get darker, all in all, where they are said to get brighter."""
    claimed, shown = _centred(stops, measured)
    if min(spread(measured), float(np.ptp(claimed)) if claimed.size else 0) < LEAST_CHECKED_STOPS:
        return None
    return "what it tells to be brighter is darker" if np.corrcoef(claimed, shown)[0, 1] < -FITS else None


def refusal(claim: ExposureClaim, judgement: Judgement, measured: Float[np.ndarray, " frames"]) -> NeucamError:
    """The error for an `exposure.txt` that cannot be true: what was found, and what to write."""
    stops = np.asarray(claim.readings[judgement.unit])
    advice = "Correct it (+1 is twice the light), or delete it."
    if spread(measured) < LEAST_SPREAD_STOPS:
        advice = f"The pictures are equally bright. {advice}"
    elif misfit((-stops).tolist(), measured) < FITS:
        values = ", ".join(f"{0 - value:+g}" for value in dict.fromkeys(stops.tolist()))
        advice = f"The sign looks reversed: +1 is twice the light. Write {values}."
    elif np.isfinite(measured).all():
        by_light = np.empty(len(stops))
        by_light[np.argsort(measured, kind="stable")] = np.sort(stops)
        if misfit(by_light.tolist(), measured) < FITS and not np.array_equal(by_light, stops):
            advice = "Values look swapped: in order of the frames the pictures say "
            advice += f"{listed(f'{value:+g}' for value in by_light)}. Write those, if they are right."
        else:
            about = listed(f"{value:+.1f}" for value in measured - np.median(measured))
            advice = f"The pictures show about {about} stops in order of the frames. {advice}"
    return NeucamError(f"{claim.file or EXPOSURE_FILE_NAME}: the pictures contradict it: {judgement.wrong}. {advice}")
