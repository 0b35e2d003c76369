"""How each of many views was taken: by the file of poses, `exposure.txt` and EXIF, in this order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.pixels.source import in_order
from neucam_nerfstudio.capture.settings.evidence import parse_settings, said_by_exif
from neucam_nerfstudio.capture.settings.exposure_claims import written_claims
from neucam_nerfstudio.capture.settings.exposure_numbers import EXPOSURE_FILE_NAME
from neucam_nerfstudio.capture.settings.exposure_steps import RankedValues, black_floor, measured_stops
from neucam_nerfstudio.capture.settings.exposures import (
    ExposureSettings,
    ExposureSource,
    LearnChoice,
    merge_nearly_equal,
    ranks,
)
from neucam_nerfstudio.capture.settings.focus import FocusSettings, FocusSource
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.capture.views.description import DescribedView, LensSettings
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings, exposure_stops, read_exif

LENS_KEYS = ("focus_distance_m", "f_number", "focal_length_mm")
LEAST_SPREAD_STOPS = 1.0
"""Views of one exposure differ in brightness by less than this, as they show different things."""


class FrameExposures(NamedTuple):
    """Exposures of all frames: the setting of each, what told it in words, the settings, and what was chosen."""

    indices: list[int]
    evidence: list[str]
    settings: ExposureSettings
    notes: tuple[str, ...]


class FrameFocus(NamedTuple):
    """Focus of all frames: the setting of each, what told it in words, the settings, and what was chosen."""

    indices: list[int]
    evidence: list[str]
    settings: FocusSettings
    notes: tuple[str, ...]


def with_exif(views: Sequence[DescribedView]) -> tuple[list[LensSettings], list[ExifSettings]]:
    """Settings of each view, those that its file of poses does not tell from EXIF; and all that EXIF tells.

    EXIF is read only where something is not told; of views without a photograph it tells nothing.
    """

    def exif_of(view: DescribedView) -> ExifSettings:
        told = view.settings
        known = _tells_exposure(told) and all(getattr(told, key) is not None for key in LENS_KEYS)
        return ExifSettings() if known or view.truth == view.path or not view.path.is_file() else read_exif(view.path)

    exif = list(in_order(exif_of, views))
    settings = []
    for view, frame in zip(views, exif, strict=True):
        told, by_exif = view.settings, {key: getattr(frame, key) for key in LENS_KEYS}
        added = {key: value for key, value in by_exif.items() if value is not None and getattr(told, key) is None}
        settings.append(replace(told, **added, from_exif=frozenset(added)))
    return settings, exif


def assign_exposures(
    views: Sequence[DescribedView],
    exif: Sequence[ExifSettings],
    train: Sequence[int],
    folder: Path,
    choice: LearnChoice,
    white_radiance: float | None = None,
) -> FrameExposures:
    """Exposure setting of each frame: by the file of poses, else `exposure.txt`, else EXIF, else one each.

    Held-out frames without a photograph show light itself: 0 stops. Files of radiance of which nothing is told do so,
    too; what is white in them, `white_radiance`, counts as an exposure, so that the scene keeps their scale.

    Raises:
        NeucamError: Some training frames' exposures are told by the file of poses and others' are not; `exposure.txt`
            is unusable; or exposures that nothing tells are to be refined.
    """
    photographs = [index for index, view in enumerate(views) if view.truth != view.path]
    stops, source, told, notes = _told_exposures(views, exif, photographs, train, folder)
    if stops is None and white_radiance is not None and choice != "learn":
        stops, source, told = dict.fromkeys(photographs, 0.0), "radiance", dict.fromkeys(photographs, "radiance itself")
        notes = []
    if stops is None and choice == "refine":
        raise NeucamError(
            "--exposures refine: nothing tells the exposures, there is nothing to refine. Write exposure.txt or the"
            " frames' exposure_stops, or choose learn."
        )
    if stops is None and choice == "fix":
        stops, source = dict.fromkeys(photographs, 0.0), "argument"
        told = dict.fromkeys(photographs, "--exposures fix")
        notes.append("Nothing tells the exposures, and --exposures is fix: all frames are taken to have one.")
    mode = choice if choice != "auto" else "learn" if stops is None else "fix"
    if stops is None:
        notes.append("Nothing tells the exposures: they are learned, one a frame, and are 0 stops on average.")
        count = len(views)
        return FrameExposures(
            list(range(count)), [""] * count, ExposureSettings((0.0,) * count, source, mode), tuple(notes)
        )
    shift = 0.0 if white_radiance is None else math.log2(white_radiance)
    of_frames = [stops[index] - shift if index in stops else 0.0 for index in range(len(views))]
    values = merge_nearly_equal(of_frames) if source == "EXIF" else of_frames
    indices = ranks(values)
    evidence = [told.get(index, "radiance itself") for index in range(len(views))]
    settings = ExposureSettings(tuple(sorted(set(values))), source, mode)
    return FrameExposures(indices, evidence, settings, tuple(notes))


def stops_by_brightness(ranked: Sequence[RankedValues], is_linear: bool) -> Float[np.ndarray, " frames"]:
    """Exposures of views of one scene by their brightness, with a mean of 0: where learning them begins.

    Views differ in what they show, so this is right to some third of a stop; all 0 where they hardly differ.

    Args:
        ranked: Pixel values of each, see `ranked_values`.
        is_linear: Whether they are linear light.
    """
    stops = measured_stops(ranked, black_floor(ranked), is_linear)
    if not np.isfinite(stops).any() or np.nanmax(stops) - np.nanmin(stops) < LEAST_SPREAD_STOPS:
        return np.zeros(len(ranked))
    stops = np.where(np.isfinite(stops), stops, np.nanmean(stops))
    return stops - stops.mean()


def _told_exposures(
    views: Sequence[DescribedView],
    exif: Sequence[ExifSettings],
    photographs: Sequence[int],
    train: Sequence[int],
    folder: Path,
) -> tuple[dict[int, float] | None, ExposureSource, dict[int, str], list[str]]:
    """Stops of frames with a photograph, what told them in all and each, and what was chosen; None where untold."""
    settings = {index: views[index].settings for index in photographs}
    said = [index for index, each in settings.items() if _tells_exposure(each)]
    untold = [views[index].path.name for index in train if index not in said]
    if said and untold and set(said) & set(train):
        raise NeucamError(
            f"{settings[said[0]].evidence}: tells the exposure of {len(said)} frames, but not of {listed(untold)}."
            " Write exposure_stops (or exposure_time) for all training frames, or for none: then exposures are learned."
        )
    if said:
        stops = _by_file(settings, said)
        notes = []
        if without := [views[index].path.name for index in photographs if index not in said]:
            notes.append(f"Held-out frames whose exposure nothing tells are taken to have 0 stops: {listed(without)}.")
        words = {index: settings[index].evidence for index in said}
        kind: ExposureSource = "transforms.json" if settings[said[0]].evidence == "transforms.json" else "list"
        return stops, kind, words, notes
    paths = [views[index].path for index in photographs]
    for place in dict.fromkeys((folder, *(path.parent for path in paths))):
        if place.is_dir() and any(file.name.lower() == EXPOSURE_FILE_NAME for file in place.iterdir()):
            claims, _ = written_claims(paths, place, _exposure_numbers(paths), has_lists=False, may_break_off=False)
            claim = claims[0]
            unit, values = next(iter(claim.readings.items()))
            notes = [] if unit == "stops" else [f"{claim.said_by}: its numbers are taken for {unit}."]
            words = dict(zip(photographs, claim.told_as(unit), strict=True))
            return dict(zip(photographs, values, strict=True)), "exposure.txt", words, notes
    by_exif = exposure_stops([exif[index] for index in photographs])
    if by_exif is not None:
        words = {index: f"EXIF {said_by_exif(exif[index])}" for index in photographs}
        return dict(zip(photographs, by_exif, strict=True)), "EXIF", words, []
    partly = any(exif[index].exposure_time_s is not None for index in photographs)
    return None, "unknown", {}, ["EXIF tells the exposure of some frames only, so it is not used."] if partly else []


def _by_file(settings: dict[int, LensSettings], said: Sequence[int]) -> dict[int, float]:
    """Stops that a file of poses tells: as they are, or from times relative to the middle one, as EXIF's."""
    timed = [index for index in said if settings[index].exposure_stops is None]
    stops = {index: float(settings[index].exposure_stops or 0.0) for index in said}
    if timed:
        # Aperture and sensitivity count as far as all of these frames tell them.
        has_iso, has_f_number = (
            all(getattr(settings[index], key) is not None for index in timed) for key in ("iso", "f_number")
        )
        lights = [
            ExifSettings(
                exposure_time_s=settings[index].exposure_time_s,
                iso=settings[index].iso if has_iso else None,
                f_number=settings[index].f_number if has_f_number else None,
            )
            for index in timed
        ]
        stops |= dict(zip(timed, exposure_stops(lights) or (), strict=True))
    return stops


def _exposure_numbers(paths: Sequence[Path]) -> list[int] | None:
    """The j of `E<j>` in the names, where all have one."""
    numbers = [parse_settings(path.stem)[1] for path in paths]
    return None if None in numbers else [int(number) for number in numbers if number is not None]


def _tells_exposure(settings: LensSettings) -> bool:
    return settings.exposure_stops is not None or settings.exposure_time_s is not None


def assign_focus(
    settings: Sequence[LensSettings],
    train: Sequence[int],
    sharp: Sequence[int],
    middle_dioptres: Sequence[float],
    choice: LearnChoice,
    names: Sequence[str],
) -> FrameFocus:
    """Focus setting of each frame: frames of one focus distance, f-number and focal length share one.

    Args:
        settings: Of each frame.
        train: The training frames.
        sharp: Frames without a photograph, and so without a focus: they share the first training frame's.
        middle_dioptres: 1/m, of the middle of the scene as each frame sees it: where untold focus starts.
        choice: Whether distances are fixed, refined or learned; auto fixes told ones.
        names: Of the frames, for messages.

    Raises:
        NeucamError: Distances that nothing tells are to be fixed or refined.
    """
    untold = [index for index in train if settings[index].focus_distance_m is None]
    if untold and choice in ("fix", "refine"):
        raise NeucamError(
            f"--focus {choice}: nothing tells the focus distance of {listed(names[index] for index in untold)}. Write"
            " focus_distance_m for each frame, or choose learn."
        )
    mode = choice if choice != "auto" else "learn" if untold else "fix"
    keys: list[tuple[float, float, float, int]] = []
    dioptres_of: dict[tuple[float, float, float, int], float] = {}
    for index, each in enumerate(settings):
        distance = each.focus_distance_m
        dioptres = middle_dioptres[index] if distance is None else 1.0 / distance
        lens = (round(each.f_number or 0.0, 4), round(each.focal_length_mm or 0.0, 4))
        keys.append((round(dioptres, 6), *lens, -1 if distance is not None else index))
        dioptres_of.setdefault(keys[-1], dioptres)
    for index in sharp:
        keys[index] = keys[train[0]]
    distinct = sorted(set(keys))
    indices = [distinct.index(key) for key in keys]
    evidence = ["radiance itself" if index in sharp else said_of_lens(each) for index, each in enumerate(settings)]
    told = [each for index, each in enumerate(settings) if index in set(train) and each.focus_distance_m is not None]
    sources = {each.told_by("focus_distance_m") for each in told}
    by_file: FocusSource = "transforms.json" if "transforms.json" in sources else "list"
    source: FocusSource = "unknown" if not told else "EXIF" if sources == {"EXIF"} else by_file
    notes = []
    if untold:
        which = "all frames" if len(untold) == len(train) else listed(names[index] for index in untold)
        start = (
            "from the middle of the scene, and told ones from what is told" if told else "from the middle of the scene"
        )
        notes.append(f"Nothing tells the focus distance of {which}: focus is learned, {start}.")
    focuses = FocusSettings(tuple(dioptres_of[key] for key in distinct), source, mode)
    return FrameFocus(indices, evidence, focuses, tuple(notes))


def said_of_lens(settings: LensSettings) -> str:
    """Lens settings as photographers write them, and what told them: `1.9 m f/2.8 by transforms.json`."""
    distance = settings.focus_distance_m
    words = [] if distance is None else ["infinity" if math.isinf(distance) else f"{distance:.3g} m"]
    words += [] if settings.f_number is None else [f"f/{settings.f_number:g}"]
    return " ".join([*words, f"by {settings.told_by('focus_distance_m', 'f_number')}"]) if words else "untold"


def column(values: Sequence[float | None]) -> np.ndarray:
    """Numbers by frame, NaN for None."""
    return np.array([np.nan if value is None else value for value in values], np.float64)
