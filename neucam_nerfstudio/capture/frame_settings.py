"""The focus and exposure setting of each frame: of a still scene photographed several times, or of one that moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from neucam_nerfstudio.capture.evidence import SettingsEvidence
from neucam_nerfstudio.capture.focus_assignment import assign_focus
from neucam_nerfstudio.capture.frame_selection import listed_names
from neucam_nerfstudio.capture.settings import (
    ExposureLevels,
    ExposureSettings,
    FocusSettings,
    LearnChoice,
    assign_exposures,
    check_settings_differ,
    exposure_levels,
    middle_frame,
    resolve_exposure_mode,
    resolve_focus_mode,
    separate_exposures,
    separate_focus,
    untrained_focus_note,
)
from neucam_nerfstudio.capture.still_pictures import StillPictures
from neucam_nerfstudio.errors import NeucamError

FrameKind = Literal["settings", "focus-stack", "moments"]
"""Whether frames are settings of one still scene - each a focus of its own, in a focus stack, where nothing tells
otherwise - or moments of a scene or camera that moves."""


class SettingsChoice(NamedTuple):
    """What the user, or the method, says about settings; see `load_capture`."""

    frames: FrameKind = "settings"
    exposures: LearnChoice = "auto"
    focus: LearnChoice = "auto"
    settings_per_frame: bool = False
    reference: str | None = None


class FrameSettings(NamedTuple):
    """Settings of all frames.

    Attributes:
        focus_indices: Focus setting of each frame.
        exposure_indices: Exposure setting of each frame.
        exposures: Exposure settings, by exposure index.
        focuses: Focus settings, by focus index.
        reference_index: Of the reference frame.
        notes: What was chosen for the user, a sentence each.
        known_focus: Focus setting of each frame by all that is known, also where each frame is given its own.
        known_exposure: Which frames are exposed alike: a number for each frame, rising with the light.
    """

    focus_indices: list[int]
    exposure_indices: list[int]
    exposures: ExposureSettings
    focuses: FocusSettings
    reference_index: int
    notes: tuple[str | None, ...]
    known_focus: list[int]
    known_exposure: list[int]


def assign_settings(
    paths: Sequence[Path],
    train: Sequence[int],
    evidence: SettingsEvidence,
    pictures: StillPictures,
    choice: SettingsChoice,
) -> FrameSettings:
    """Finds the settings of each frame.

    Args:
        paths: All frames.
        train: Indices of those trained on.
        evidence: What is known of each frame.
        pictures: Of the frames.
        choice: What the user says.

    Raises:
        NeucamError: The training frames do not tell enough, or a choice contradicts what is known.
    """
    moves = choice.frames == "moments"
    evidence = evidence.with_checked_exif([path.stem for path in paths], None if moves else pictures)
    brightness = pictures.mean_brightness if moves else pictures.brightness
    levels = exposure_levels(evidence.exposure_numbers, evidence.stops, brightness)
    evidence = evidence.with_equal_exposures(levels, choice.exposures)
    if moves:
        return _settings_of_moments(paths, train, evidence, levels, choice)
    return _settings_of_a_still(paths, train, evidence, levels, pictures, choice)


def _settings_of_a_still(
    paths: Sequence[Path],
    train: Sequence[int],
    evidence: SettingsEvidence,
    levels: ExposureLevels,
    pictures: StillPictures,
    choice: SettingsChoice,
) -> FrameSettings:
    """Frames share focus and exposure as names, files or order tell; the reference is in the middle of both."""
    exposure_indices, exposures = _exposures_of_frames(evidence, levels, len(paths), choice)
    known = (evidence.focus_numbers, evidence.dioptres, levels)
    assigned_focus = assign_focus(*known, pictures, is_focus_stack=choice.frames == "focus-stack")
    known_focus = assigned_focus.indices
    if choice.settings_per_frame:
        assigned_focus = separate_focus(len(paths))
    focus_indices, positions, focus_source, focus_note = assigned_focus
    check_settings_differ(*([values[index] for index in train] for values in (focus_indices, levels.numbers, paths)))
    middle = middle_frame(train, focus_indices, evidence.stops or pictures.brightness)
    return FrameSettings(
        focus_indices,
        exposure_indices,
        exposures,
        FocusSettings(positions, focus_source, resolve_focus_mode(choice.focus)),
        middle if choice.reference is None else named_reference(choice.reference, paths, train),
        (*evidence.notes, focus_note, untrained_focus_note(focus_indices, train, paths)),
        known_focus,
        levels.numbers,
    )


def _settings_of_moments(
    paths: Sequence[Path],
    train: Sequence[int],
    evidence: SettingsEvidence,
    levels: ExposureLevels,
    choice: SettingsChoice,
) -> FrameSettings:
    """Each frame has a focus of its own that starts at 0, as published for videos; the reference is the middle one."""
    if len(train) < 2:
        raise NeucamError(
            f"{paths[train[0]]}: the only training frame. A scene that moves needs at least two frames to train on."
        )
    exposure_indices, exposures = _exposures_of_frames(evidence, levels, len(paths), choice)
    reference, reference_note = train[(len(train) - 1) // 2], None
    if choice.reference is not None:
        reference = named_reference(choice.reference, paths, train)
    else:
        reference_note = f"Reference frame: {paths[reference].stem}, the middle one; --reference names another."
    return FrameSettings(
        list(range(len(paths))),
        exposure_indices,
        exposures,
        FocusSettings((0.0,) * len(paths), "moments", resolve_focus_mode(choice.focus)),
        reference,
        (*evidence.notes, reference_note),
        list(range(len(paths))),
        levels.numbers,
    )


def _exposures_of_frames(
    evidence: SettingsEvidence, levels: ExposureLevels, num_frames: int, choice: SettingsChoice
) -> tuple[list[int], ExposureSettings]:
    """Exposure index of each frame, and the exposure settings."""
    mode = resolve_exposure_mode(choice.exposures, evidence.stops_source, levels, evidence.notes)
    indices, stops = assign_exposures(evidence.exposure_numbers, evidence.stops, num_frames)
    if choice.settings_per_frame:
        indices, stops = separate_exposures(evidence.stops, num_frames)
    return indices, ExposureSettings(stops, evidence.stops_source, mode, evidence.dealt)


def named_reference(name: str, paths: Sequence[Path], train: Sequence[int]) -> int:
    """Index of the training frame of this name, with or without suffix.

    Raises:
        NeucamError: No training frame has it.
    """
    for index in train:
        if name in (paths[index].stem, paths[index].name):
            return index
    raise NeucamError(
        f"--reference {name}: no training frame has this name. Training frames:"
        f" {listed_names([paths[index] for index in train])}."
    )
