"""The focus and exposure setting of each frame: of a still scene photographed several times, or of one that moves."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import median_low
from typing import Literal, NamedTuple

from neucam_nerfstudio.capture.manifest import Frame, Told, found
from neucam_nerfstudio.capture.settings.evidence import SettingsEvidence
from neucam_nerfstudio.capture.settings.exposures import (
    ExposureSettings,
    LearnChoice,
    assign_exposures,
    exposure_levels,
    resolve_exposure_mode,
)
from neucam_nerfstudio.capture.settings.focus import (
    FocusAssignment,
    FocusSettings,
    assign_focus,
    focus_in_order,
    metres,
)
from neucam_nerfstudio.capture.settings.odd_frames import odd_colours
from neucam_nerfstudio.capture.settings.pictures import StillPictures
from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError

FrameKind = Literal["settings", "focus-stack", "moments"]
"""Whether frames are settings of one still scene - each a focus of its own, in a focus stack, where nothing tells
otherwise - or moments of a scene or camera that moves."""
TOLD_A_FRAME = ("exposure.txt", "list", "EXIF", "file names")
"""Sources that tell each frame's exposure."""


class SettingsChoice(NamedTuple):
    """What the user, or the method, says about settings; see `open_capture`."""

    frames: FrameKind = "settings"
    exposures: LearnChoice = "auto"
    focus: LearnChoice = "auto"
    settings_per_frame: bool = False
    reference: str | None = None


class FrameSettings(NamedTuple):
    """Settings of all frames.

    Attributes:
        frames: The frames with their settings, and what told these.
        exposures: Exposure settings, by exposure index.
        focuses: Focus settings, by focus index.
        reference_index: Of the reference frame.
        reference: Its name, and why that one.
        notes: What was chosen for the user, a sentence each.
        known_focus: Focus setting of each frame by all that is known, also where each frame is given its own.
        known_exposure: Which frames are exposed alike: a number for each frame, rising with the light.
    """

    frames: list[Frame]
    exposures: ExposureSettings
    focuses: FocusSettings
    reference_index: int
    reference: Told[str]
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

    Frames of a still scene share focus and exposure as names, files or order tell; the reference is in the middle of
    both. Each frame of a scene that moves has a focus of its own that starts at 0, as published for videos; the
    reference is the middle one. `train` are the indices of the frames to train on.

    Raises:
        NeucamError: The training frames do not tell enough, or a choice contradicts what is known.
    """
    moves, num_frames = choice.frames == "moments", len(paths)
    evidence = evidence.with_checked_exposures([path.stem for path in paths], pictures, moves)
    brightness = pictures.mean_brightness if moves else pictures.brightness
    levels = exposure_levels(evidence.exposure_numbers, evidence.stops, brightness)
    evidence = evidence.with_equal_exposures(levels, choice.exposures)
    if moves and len(train) < 2:
        raise NeucamError(
            f"{paths[train[0]]}: the only training frame. A scene that moves needs at least two frames to train on."
        )
    source, numbers = evidence.stops_source, evidence.exposure_numbers
    mode = resolve_exposure_mode(choice.exposures, source, levels, evidence.notes)
    exposure_indices, stops = assign_exposures(numbers, evidence.stops, num_frames, choice.settings_per_frame)
    if moves:
        known = focus = FocusAssignment(list(range(num_frames)), (0.0,) * num_frames, "moments", None)
        reference, why = median_low(train), "the middle frame"
        middle_note = f"Reference frame: {paths[reference].stem}, the middle one; --reference names another."
        notes = (middle_note if choice.reference is None else None,)
    else:
        told = (evidence.focus_numbers, evidence.dioptres, levels)
        known = focus = assign_focus(*told, pictures, is_focus_stack=choice.frames == "focus-stack")
        if choice.settings_per_frame:
            focus = focus_in_order(list(range(num_frames)))
        check_settings_differ(focus.indices, levels.numbers, train, paths)
        reference = middle_frame(train, focus.indices, evidence.stops or pictures.brightness)
        why = "middle exposure of the middle focus setting"
        colours = odd_colours([path.stem for path in paths], pictures)
        notes = (focus.note, untrained_focus_note(focus.indices, train, paths), *colours)
    if choice.reference is not None:
        reference, why = named_reference(choice.reference, paths, train), "--reference"
    known_stops = [None if source == "unknown" else stops[index] for index in exposure_indices]
    exposures_told = map(found, known_stops, _exposure_evidence(evidence, num_frames))
    focuses_told = map(found, focus.indices, _focus_evidence(focus, evidence, num_frames))
    focus_mode = "learn" if choice.focus == "auto" else choice.focus  # positions are only start values
    return FrameSettings(
        frames=list(map(Frame, paths, focus.indices, exposure_indices, exposures_told, focuses_told)),
        exposures=ExposureSettings(stops, source, mode, evidence.dealt),
        focuses=FocusSettings(focus.positions, focus.source, focus_mode, focus.positions),
        reference_index=reference,
        reference=found(paths[reference].stem, why),
        notes=(*evidence.notes, *notes),
        known_focus=known.indices,
        known_exposure=levels.numbers,
    )


def _exposure_evidence(evidence: SettingsEvidence, num_frames: int) -> list[str]:
    """What told each frame's exposure."""
    if evidence.stops_told is not None and evidence.stops_source in TOLD_A_FRAME:
        return evidence.stops_told
    if evidence.stops_source == "brightness":
        return ["equal brightness"] * num_frames
    if evidence.exposure_numbers is None:
        return ["nothing tells it"] * num_frames
    known = "as all" if evidence.stops_source == "names" else "in stops nothing tells it"
    return [f"name E{number}, {known}" for number in evidence.exposure_numbers]


def _focus_evidence(focus: FocusAssignment, evidence: SettingsEvidence, num_frames: int) -> list[str]:
    """What told each frame's focus setting."""
    if focus.source == "names" and evidence.focus_numbers is not None:
        return [f"name F{number}" for number in evidence.focus_numbers]
    if focus.source == "EXIF" and evidence.dioptres is not None:
        return [f"EXIF focus distance {metres(dioptre)}" for dioptre in evidence.dioptres]
    words = {"single": "one for all", "moments": "its own, as of each moment"}
    return [words.get(focus.source, "order of files")] * num_frames


def check_settings_differ(
    focus_indices: Sequence[int], level_numbers: Sequence[int], train: Sequence[int], paths: Sequence[Path]
) -> None:
    """Raises `NeucamError` if the training frames differ in neither focus nor exposure, or there is only one."""
    first, last = paths[train[0]], paths[train[-1]]
    if len(train) < 2:
        raise NeucamError(
            f"{first}: the only training frame. At least two that differ in focus or exposure are needed."
        )
    if all(len({numbers[index] for index in train}) < 2 for numbers in (focus_indices, level_numbers)):
        raise NeucamError(
            f"{first.parent}: neither focus nor exposure differs between the {len(train)} training frames {first.name}"
            f" .. {last.name}. Give photographs taken at different settings; if these are, say so"
            " in their names (F<i>E<j>) or in exposure.txt."
        )


def untrained_focus_note(
    focus_indices: Sequence[int], train_indices: Sequence[int], paths: Sequence[Path]
) -> str | None:
    """A sentence about held-out frames at a focus that no training frame has, so that it cannot be learned."""
    trained = {focus_indices[index] for index in train_indices}
    names = [path.stem for path, focus_index in zip(paths, focus_indices, strict=True) if focus_index not in trained]
    return f"No training frame has the focus of {', '.join(names)}: it cannot be learned." if names else None


def middle_frame(candidates: Sequence[int], focus_indices: Sequence[int], brightness_order: Sequence[float]) -> int:
    """The candidate frame with the middle exposure of the middle focus setting (the lower one of an even number).

    `brightness_order` is any measure of every frame's exposure that rises with the light.
    """
    middle_focus = median_low({focus_indices[index] for index in candidates})
    in_focus = sorted((i for i in candidates if focus_indices[i] == middle_focus), key=lambda i: brightness_order[i])
    return in_focus[(len(in_focus) - 1) // 2]


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
        f" {listed(paths[index].stem for index in train)}."
    )
