"""A capture: photographs or a video of one view, with the focus and exposure settings they were taken at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float, Shaped

from neucam_nerfstudio.capture.breathing import AlignChoice, StillFrames, align_photographs, alignment_note
from neucam_nerfstudio.capture.evidence import gather_evidence
from neucam_nerfstudio.capture.frame_pixels import check_not_identical
from neucam_nerfstudio.capture.frame_selection import FrameChoice, FrameSplit, select_frames
from neucam_nerfstudio.capture.frame_settings import FrameKind, FrameSettings, SettingsChoice, assign_settings
from neucam_nerfstudio.capture.frame_source import open_source
from neucam_nerfstudio.capture.frame_times import mean_rate, spread_times, uneven_note
from neucam_nerfstudio.capture.ground_truth import GroundTruth, check_of_reference, check_sizes, find_ground_truth
from neucam_nerfstudio.capture.settings import ExposureSettings, FocusSettings, LearnChoice
from neucam_nerfstudio.capture.side_maps import FrameFlow, SideMaps, find_side_maps
from neucam_nerfstudio.capture.split_pixels import SplitPixels, read_pixels
from neucam_nerfstudio.capture.still_pictures import StillPictures
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import orientation_hint
from neucam_nerfstudio.imaging.photographs import hold_linear_light


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
        data: The folder of photographs, or the file that holds the frames.
        folder: Where it lies, and beside it `exposure.txt` and ground truth.
        frames: All used frames in order.
        train_indices: Frames to train on.
        eval_indices: Frames held out for evaluation; all frames when none is held out.
        exposures: Exposure settings, by `Frame.exposure_index`.
        focuses: Focus settings, by `Frame.focus_index`.
        height: Of every frame in pixels, after downscaling.
        width: Of every frame in pixels, after downscaling.
        downscale_factor: Size divisor that was applied.
        reference_index: The training frame that others are seen from: the middle exposure of the middle focus, or the
            middle one of a scene that moves, unless the user names it.
        moves: Whether frames are moments of a scene or camera that moves; else settings of one still scene.
        times: Of each frame, from 0, the first, to 1, the last: i / (N - 1) where they are evenly spaced; all 0 for a
            still scene.
        frame_rate: Frames a second, on average: of these frames where the scene moves, else of the file that they come
            from; None for photographs.
        radiance_truth: Of each frame, the file with the scene's linear radiance; None where there is none.
        sharp_truth: Of each frame, the photograph without blur; None where there is none.
        linear_light: Whether pixel values are known to be linear light, clipped at white; else a response made them.
        side_maps: Masks, depth and optical flow that lie beside the frames.
        notes: Choices made for the user, a sentence each.
        train_pixels: RGB of the training frames, in the files' own number type, white at its full scale.
        eval_pixels: RGB of the evaluation frames; the very same array when they are the training frames.
    """

    data: Path
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
    moves: bool
    times: tuple[float, ...]
    frame_rate: float | None
    radiance_truth: tuple[Path | None, ...]
    sharp_truth: tuple[Path | None, ...]
    linear_light: bool
    side_maps: SideMaps
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

    @property
    def number_type(self) -> np.dtype:
        """Number type of the pixels."""
        return self.train_pixels.dtype

    def __getitem__(self, index: int) -> np.ndarray:
        held = index in self.train_indices
        return (
            self.train_pixels[self.train_indices.index(index)]
            if held
            else self.eval_pixels[self.eval_indices.index(index)]
        )

    @property
    def reference_position(self) -> int:
        """The reference frame's place among the training frames."""
        return self.train_indices.index(self.reference_index)

    def train_index_nearest(self, time: float) -> int:
        """The training frame nearest to a time in [0, 1], by its index in the capture."""
        return min(self.train_indices, key=lambda index: abs(self.times[index] - time))

    @property
    def mask(self) -> Float[np.ndarray, "train height width"] | None:
        """Masks of the training frames in [0, 1], 1 on the foreground; None if the capture has none."""
        return self.side_maps.mask

    @property
    def depth(self) -> Float[np.ndarray, "train height width"] | None:
        """Depth of the training frames, 0 where it is least in the capture to 1; None if the capture has none."""
        return self.side_maps.depth

    @property
    def flow(self) -> FrameFlow | None:
        """Optical flow between consecutive frames, in pixels; None if the capture has none."""
        return self.side_maps.flow

    def exposure_stops(self, frame_index: int) -> float:
        """Start value of a frame's exposure, +1 is twice the light."""
        return self.exposures.stops[self.frames[frame_index].exposure_index]

    def focus_position(self, frame_index: int) -> float:
        """Start value of a frame's focus position, unitless in [-1, 1]."""
        return self.focuses.positions[self.frames[frame_index].focus_index]


def load_capture(
    data: Path,
    *,
    frames: FrameKind = "settings",
    train_frames: tuple[str, ...] = (),
    eval_frames: tuple[str, ...] = (),
    eval_every: int | None = None,
    frame_range: tuple[int, int] | None = None,
    frame_stride: int = 1,
    downscale_factor: int | None = None,
    exposures: LearnChoice = "auto",
    focus: LearnChoice = "auto",
    settings_per_frame: bool = False,
    reference: str | None = None,
    align: AlignChoice = "auto",
) -> Capture:
    """Reads the frames of a capture and finds out their settings.

    Exposure comes from `exposure.txt`, else from EXIF unless names or pictures contradict; else it is one for all
    frames of one `E<j>` or, without such names, one brightness; else it is unknown. Focus settings come from `F<i>` in
    the names, else from EXIF focus distances unless pictures contradict; else each frame of a focus stack has its own,
    and others are told by their order, or by the detail they share where exposures are missing. Of a scene that moves
    each frame has its own.

    Args:
        data: A folder of photographs of one view, a video file, a `.npy` file with the array of frames, or a folder
            with one such file. Beside the frames optionally `exposure.txt`, ground truth in `gt/` or under a name that
            says so (see `find_radiance`), `mask/`, `depth/` and `flow/`.
        frames: Whether frames are settings of one still scene, in particular of a focus stack, or moments of a scene or
            camera that moves.
        train_frames: Name patterns of the frames to train on; the others are held out.
        eval_frames: Name patterns of the frames to hold out; the others train. With both, exactly those are used.
        eval_every: Hold out frames k, 2k, ... counted from 0.
        frame_range: Use frames from the first number, up to the second, exclusive; None uses all.
        frame_stride: Use every k-th frame of the range.
        downscale_factor: Size divisor, by area averaging; None keeps the size.
        exposures: Whether exposures are fixed, refined or learned; auto learns unknown ones.
        focus: Whether focus positions are fixed, refined or learned; auto learns.
        settings_per_frame: Each frame has settings of its own, even where it shares them by all that is known.
        reference: Name of the reference frame; None takes the middle exposure of the middle focus, or the middle frame
            of a scene that moves.
        align: Whether photographs of a still scene are aligned to the reference frame where focusing moves the picture.

    Raises:
        NeucamError: The capture cannot be used; the message says why and what to do.
    """
    source = open_source(data)
    if len(source.paths) < 2:
        raise NeucamError(f"{source.paths[0]}: the only frame of this capture. At least two are needed: add others.")
    moves = frames == "moments"
    evidence = gather_evidence(source, moves)
    which = FrameChoice(train_frames, eval_frames, eval_every, frame_range, frame_stride)
    kept, split, selection_note = selection = select_frames(source.paths, which)
    paths = [source.paths[index] for index in kept]
    linear_light = hold_linear_light(paths)
    factor = 1 if downscale_factor is None else downscale_factor
    pixels = read_pixels(source, selection, factor)
    _, height, width, _ = pixels.train.shape

    choice = SettingsChoice(frames, exposures, focus, settings_per_frame, reference)
    shown = dict(pixels.by_frame(split))
    pictures = StillPictures([shown[index] for index in range(len(paths))], pixels.brightness(split))
    settings = assign_settings(paths, split.train, evidence.of_frames(kept), pictures, choice)
    if not moves:
        check_not_identical(pixels.train, data)
    truth = find_ground_truth(source.folder, source.paths, kept, kept[settings.reference_index] if moves else None)
    check_sizes(truth, factor, height, width)
    align_note = None
    if not moves and align == "auto":
        align_note = _align_photographs(paths, pixels, split, settings, truth)
    moments = [source.moments[index] for index in kept]
    time_note = uneven_note(moments) if moves else None
    notes = (*source.notes, selection_note, pixels.note, *settings.notes, time_note, align_note, *truth.notes)
    return Capture(
        data=source.data,
        folder=source.folder,
        frames=tuple(map(Frame, paths, settings.focus_indices, settings.exposure_indices)),
        train_indices=split.train,
        eval_indices=split.held_out or split.train,
        exposures=settings.exposures,
        focuses=settings.focuses,
        height=height,
        width=width,
        downscale_factor=factor,
        reference_index=settings.reference_index,
        moves=moves,
        times=spread_times(moments) if moves else (0.0,) * len(paths),
        frame_rate=mean_rate(moments, source.frame_rate) if moves else source.frame_rate,
        radiance_truth=truth.radiance,
        sharp_truth=truth.sharp,
        linear_light=linear_light,
        side_maps=find_side_maps(source.folder, paths, split.train, factor, height, width),
        notes=tuple(filter(None, notes)),
        train_pixels=pixels.train,
        eval_pixels=pixels.evaluation,
    )


def _align_photographs(
    paths: Sequence[Path], pixels: SplitPixels, split: FrameSplit, settings: FrameSettings, truth: GroundTruth
) -> str | None:
    """Aligns photographs in place where focusing has moved the picture, and says so."""
    indices, pictures = zip(*pixels.by_frame(split), strict=True)
    brightness, reference = pixels.brightness(split), settings.reference_index
    alignment = align_photographs(
        StillFrames(
            pictures,
            [settings.known_focus[index] for index in indices],
            [settings.known_exposure[index] for index in indices],
            [brightness[index] for index in indices],
            indices.index(reference),
        )
    )
    if alignment is None:
        return None
    check_of_reference(truth, paths, [indices[frame] for frame in alignment.frames], reference)
    note = alignment_note(alignment, [paths[index].stem for index in indices], paths[reference].stem)
    return note + "".join(orientation_hint(paths[indices[frame]], paths[reference]) for frame in alignment.untold)
