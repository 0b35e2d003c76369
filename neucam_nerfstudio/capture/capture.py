"""A capture: photographs of one view with the focus and exposure settings they were taken at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.evidence import gather_evidence
from neucam_nerfstudio.capture.frame_pixels import (
    check_not_identical,
    held_bit_depth,
    mean_brightness,
    read_frames,
    scale_to_16_bits,
)
from neucam_nerfstudio.capture.frame_selection import FrameSplit, select_frames
from neucam_nerfstudio.capture.ground_truth import find_ground_truth, read_radiance
from neucam_nerfstudio.capture.photographs import RAW_SUFFIXES, find_photographs, one_file_per_frame
from neucam_nerfstudio.capture.settings import (
    ExposureSettings,
    FocusSettings,
    LearnChoice,
    assign_exposures,
    assign_focus,
    check_settings_differ,
    exposure_levels,
    middle_frame,
    resolve_exposure_mode,
    resolve_focus_mode,
    separate_settings,
    untrained_focus_note,
)


@dataclass(frozen=True)
class Frame:
    """One photograph and the settings it was taken at (indices into the capture's settings)."""

    path: Path
    focus_index: int
    exposure_index: int

    @property
    def name(self) -> str:
        """File name without suffix."""
        return self.path.stem


@dataclass(frozen=True)
class Capture:
    """Photographs of one view, and what is known of their settings. Never changed, so copies of it are itself.

    Attributes:
        folder: Where it lies.
        frames: All frames in name order.
        train_indices: Frames to train on.
        eval_indices: Frames held out for evaluation; all frames when none is held out.
        exposures: Exposure settings, by `Frame.exposure_index`.
        focuses: Focus settings, by `Frame.focus_index`.
        height: Of every frame in pixels, after downscaling.
        width: Of every frame in pixels, after downscaling.
        downscale_factor: Size divisor that was applied.
        reference_index: The training frame with the middle exposure of the middle focus.
        ground_truth: Radiance file to score against, if the capture has one.
        notes: Choices made for the user, a sentence each.
        train_pixels: RGB of the training frames, in the files' own number type, white at its full scale.
        eval_pixels: RGB of the evaluation frames; the very same array when they are the training frames.
    """

    folder: Path
    frames: tuple[Frame, ...]
    train_indices: tuple[int, ...]
    eval_indices: tuple[int, ...]
    exposures: ExposureSettings
    focuses: FocusSettings
    height: int
    width: int
    downscale_factor: int
    reference_index: int
    ground_truth: Path | None
    notes: tuple[str, ...]
    train_pixels: Shaped[np.ndarray, "train height width 3"] = field(repr=False, compare=False)
    eval_pixels: Shaped[np.ndarray, "eval height width 3"] = field(repr=False, compare=False)

    def __deepcopy__(self, memo: dict) -> Capture:
        """nerfstudio deep-copies what a dataset is given; the pixels must not be held twice."""
        return self

    @property
    def held_out(self) -> bool:
        """Whether evaluation frames are other frames than those trained on."""
        return self.eval_indices != self.train_indices

    def exposure_stops(self, frame_index: int) -> float:
        """Start value of a frame's exposure, +1 is twice the light."""
        return self.exposures.stops[self.frames[frame_index].exposure_index]

    def focus_position(self, frame_index: int) -> float:
        """Start value of a frame's focus position, unitless in [-1, 1]."""
        return self.focuses.positions[self.frames[frame_index].focus_index]


def load_capture(
    folder: Path,
    *,
    train_frames: tuple[str, ...] = (),
    eval_frames: tuple[str, ...] = (),
    downscale_factor: int | None = None,
    exposures: LearnChoice = "auto",
    focus: LearnChoice = "auto",
    settings_per_frame: bool = False,
) -> Capture:
    """Reads the photographs of a folder and finds out their settings.

    Exposure comes from `exposure.txt`, else from EXIF; else it is one for all frames of one `E<j>` or, without such
    names, one brightness; else it is unknown. Focus settings come from `F<i>` in the names, else from EXIF focus
    distances, else from the order of the files.

    Args:
        folder: Photographs of one view; optionally `exposure.txt`, and ground truth in `gt/` or as `*.hdr`.
        train_frames: Name patterns of the frames to train on; the others are held out.
        eval_frames: Name patterns of the frames to hold out; the others train. With both, exactly those are used.
        downscale_factor: Size divisor, by area averaging; None keeps the size.
        exposures: Whether exposures are fixed, refined or learned; auto learns unknown ones.
        focus: Whether focus positions are fixed, refined or learned; auto learns.
        settings_per_frame: Each frame has settings of its own, even where it shares them by all that is known.

    Raises:
        CaptureError: The capture cannot be used; the message says why and what to do.
    """
    factor = 1 if downscale_factor is None else downscale_factor
    paths, pair_note = one_file_per_frame(find_photographs(folder))
    if len(paths) < 2:
        raise CaptureError(f"{paths[0]}: the only photograph in its folder. Add others, at other focus or exposure.")
    evidence = gather_evidence(folder, paths)
    kept, split, left_out_note = _keep_selected(paths, select_frames(paths, train_frames, eval_frames))
    paths, evidence = [paths[index] for index in kept], evidence.of_frames(kept)
    train_pixels, eval_pixels = _read_split(paths, split, factor)
    scale_note = _scale_to_white(paths, train_pixels, eval_pixels)
    truth, truth_note = _check_ground_truth(folder, factor, train_pixels.shape[1:3])

    brightness = _brightness(split, train_pixels, eval_pixels)
    levels = exposure_levels(evidence.exposure_numbers, evidence.stops, brightness)
    evidence = evidence.with_equal_exposures(levels, exposures)
    exposure_indices, stops = assign_exposures(evidence.exposure_numbers, evidence.stops, len(paths))
    assigned_focus = assign_focus(evidence.focus_numbers, evidence.dioptres, levels)
    if settings_per_frame:
        exposure_indices, stops, assigned_focus = separate_settings(evidence.stops, len(paths))
    focus_indices, positions, focus_source, focus_note = assigned_focus
    check_settings_differ(*(_pick(values, split.train) for values in (focus_indices, levels.numbers, paths)))
    check_not_identical(train_pixels, folder)
    untrained_note = untrained_focus_note(focus_indices, split.train, paths)
    exposure_mode = resolve_exposure_mode(exposures, evidence.stops_source, levels)
    notes = (pair_note, left_out_note, scale_note, evidence.note, focus_note, untrained_note, truth_note)
    return Capture(
        folder=folder,
        frames=tuple(map(Frame, paths, focus_indices, exposure_indices)),
        train_indices=split.train,
        eval_indices=split.held_out or split.train,
        exposures=ExposureSettings(stops, evidence.stops_source, exposure_mode),
        focuses=FocusSettings(positions, focus_source, resolve_focus_mode(focus)),
        height=train_pixels.shape[1],
        width=train_pixels.shape[2],
        downscale_factor=factor,
        reference_index=middle_frame(split.train, focus_indices, evidence.stops or brightness),
        ground_truth=truth,
        notes=tuple(filter(None, notes)),
        train_pixels=train_pixels,
        eval_pixels=eval_pixels,
    )


def _pick(values: Sequence, indices: Sequence[int]) -> list:
    return [values[index] for index in indices]


def _keep_selected(paths: Sequence[Path], split: FrameSplit) -> tuple[list[int], FrameSplit, str | None]:
    """Indices of the frames that are trained on or held out, the split in terms of those, and a note on the others."""
    kept = sorted({*split.train, *split.held_out})
    place = {index: position for position, index in enumerate(kept)}
    left_out = [path.stem for index, path in enumerate(paths) if index not in place]
    note = f"Neither trained on nor held out: {', '.join(left_out)}." if left_out else None
    return kept, FrameSplit(*(tuple(place[index] for index in indices) for indices in split)), note


def _read_split(paths: Sequence[Path], split: FrameSplit, factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Pixels of the training and of the evaluation frames; one array for both when they are the same frames."""
    train_pixels = read_frames(_pick(paths, split.train), factor)
    if split.held_out in ((), split.train):
        return train_pixels, train_pixels
    return train_pixels, read_frames(_pick(paths, split.held_out), factor, alike=train_pixels)


def _scale_to_white(paths: Sequence[Path], train_pixels: np.ndarray, eval_pixels: np.ndarray) -> str | None:
    """Scales, in place, 16-bit files that hold a sensor's fewer bits to full scale; says so.

    The training frames decide for all. RAW files are developed to full scale, so small values there are dark light.
    """
    held_bits = held_bit_depth(train_pixels)
    if held_bits is None or any(path.suffix.lower() in RAW_SUFFIXES for path in paths):
        return None
    scale_to_16_bits(train_pixels, held_bits)
    if eval_pixels is not train_pixels:
        scale_to_16_bits(eval_pixels, held_bits)
    return f"The 16-bit files hold values of {held_bits} bits: white is taken to be {2**held_bits - 1}, not 65535."


def _brightness(split: FrameSplit, train_pixels: np.ndarray, eval_pixels: np.ndarray) -> list[float]:
    brightness = dict(zip(split.train, mean_brightness(train_pixels).tolist(), strict=True))
    if split.held_out:
        brightness.update(zip(split.held_out, mean_brightness(eval_pixels).tolist(), strict=True))
    return [brightness[index] for index in sorted(brightness)]


def _check_ground_truth(folder: Path, factor: int, frame_size: tuple[int, int]) -> tuple[Path | None, str | None]:
    """The capture's ground truth, if it has exactly one file of it."""
    found = find_ground_truth(folder)
    if len(found) > 1:
        return None, f"Not scored: {found[0].parent} holds {len(found)} radiance files, a still capture has one."
    if not found:
        return None, None
    height, width = read_radiance(found[0], factor).shape[:2]
    if (height, width) != frame_size:
        raise CaptureError(
            f"{found[0]}: the ground truth is {width}x{height} pixels, the frames are {frame_size[1]}x{frame_size[0]}"
            f" (both after downscaling by {factor}). Replace the file, or remove it to train without a score."
        )
    return found[0], None
