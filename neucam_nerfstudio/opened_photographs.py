"""Photographs as a Python program has them - a folder, files or arrays - with the settings they were taken at."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.breathing import AlignChoice, StillFrames, alignment_note, find_alignment
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.warp import aligned
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.assignment import FrameKind, middle_frame
from neucam_nerfstudio.capture.settings.exposures import exposure_levels, ranks
from neucam_nerfstudio.capture.settings.pictures import StillPictures, mean_brightness, thumbnail
from neucam_nerfstudio.classical.pixel_values import Photograph
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import check_pixels, downscale, find_photographs, read_photograph

Photographs: TypeAlias = "str | Path | Sequence[str | Path] | Sequence[np.ndarray] | np.ndarray"
"""A folder, a file of frames or a manifest; files of photographs; or arrays [height, width, 3], also as one array."""


@dataclass(frozen=True)
class OpenedPhotographs:
    """Photographs and the settings they were taken at.

    Attributes:
        frames: Their pixels: arrays, or what reads like arrays.
        names: Of each.
        focus_index: Focus setting of each.
        exposure_index: Exposure setting of each, where it is known which share one.
        exposure_stops: Exposure of each, +1 is twice the light; None if unknown.
        exposure_source: What told that.
        reference: Which of them others are aligned to.
        moves: Whether they are moments of a scene that moves.
        linear_light: Whether pixel values are known to be linear light.
        notes: Choices made for the user, a sentence each.
        reference_file: The reference photograph's file, if there is one.
        capture: The manifest, if they are files.
    """

    frames: Sequence[Photograph]
    names: tuple[str, ...]
    focus_index: list[int]
    exposure_index: list[int] | None
    exposure_stops: list[float] | None
    exposure_source: str
    reference: int
    moves: bool
    linear_light: bool
    notes: tuple[str, ...]
    reference_file: Path | None = None
    capture: Capture | None = None

    def without_pixels(self, notes: tuple[str, ...] = ()) -> OpenedPhotographs:
        """What is known of the photographs, and some notes more, without the memory that they take."""
        return dataclasses.replace(self, frames=(), notes=(*self.notes, *notes))


def open_photographs(
    photographs: Photographs,
    exposure_stops: Sequence[float] | None,
    focus: Sequence[int] | None,
    frames: FrameKind,
    reference: str | int | None,
    align: AlignChoice,
    downscale_factor: int | None,
    linear_light: bool = False,
) -> OpenedPhotographs:
    """Opens photographs and finds their settings; arguments as of `neucam_nerfstudio.fuse`.

    Args:
        linear_light: Whether pixel values of arrays are linear light.

    Raises:
        NeucamError: The photographs or settings cannot be used.
    """
    if is_arrays(photographs):
        arrays = read_arrays(photographs, downscale_factor or 1)
        return _from_arrays(arrays, exposure_stops, focus, frames, reference, align, linear_light)
    for name, given in {"exposure_stops": exposure_stops, "focus": focus}.items():
        if given is not None:
            raise NeucamError(
                f"{name}: given for files, which tell their settings themselves. Write exposures into exposure.txt,"
                " name files F<focus>E<exposure>, edit capture.json, or give arrays."
            )
    if reference is not None and not isinstance(reference, str):
        raise NeucamError(f"reference: found {reference!r}, expected the name of a photograph.")
    data, names = _folder_and_names(cast("str | Path | Sequence[str | Path]", photographs))
    capture, store = open_capture(
        data,
        frames=frames,
        train_frames=names,
        eval_frames=names,
        downscale_factor=downscale_factor,
        reference=reference,
        align=align,
    )
    used, known = capture.train_indices, capture.exposures.source != "unknown"
    return OpenedPhotographs(
        frames=[store[index] for index in used],
        names=tuple(capture.frames[index].name for index in used),
        focus_index=[capture.frames[index].focus_index for index in used],
        exposure_index=[capture.frames[index].exposure_index for index in used],
        exposure_stops=[capture.exposure_stops(index) for index in used] if known else None,
        exposure_source=capture.exposures.source,
        reference=capture.reference_position,
        moves=capture.moves,
        linear_light=capture.linear_light,
        notes=capture.notes,
        reference_file=capture.frames[capture.reference_index].path,
        capture=capture,
    )


def is_arrays(photographs: Photographs) -> bool:
    """Whether photographs are arrays, rather than files."""
    if isinstance(photographs, str | Path):
        return False
    if len(photographs) == 0:
        raise NeucamError("photographs: there are none. Give a folder, files or arrays.")
    arrays = [isinstance(photograph, np.ndarray) for photograph in photographs]
    if any(arrays) and not all(arrays):
        raise NeucamError("photographs: found arrays and files. Give all of them as arrays, or all as files.")
    return all(arrays)


def read_arrays(photographs: Photographs, downscale_factor: int = 1) -> list[Shaped[np.ndarray, "height width 3"]]:
    """The pixels of photographs that need no settings, checked to be alike.

    Raises:
        NeucamError: They are no photographs, cannot be read, or differ in size or number type.
    """
    if isinstance(photographs, str | Path):
        if not Path(photographs).is_dir():
            raise NeucamError(f"{photographs}: no such folder. Give the folder of the photographs, files or arrays.")
        photographs = find_photographs(Path(photographs))
    if is_arrays(photographs):
        names = [Path(f"photographs[{index}]") for index in range(len(photographs))]
        pixels = [_checked_array(np.asarray(array), name) for array, name in zip(photographs, names, strict=True)]
        pixels = [downscale(array, downscale_factor, name) for array, name in zip(pixels, names, strict=True)]
    else:
        names = [Path(cast("str | Path", photograph)) for photograph in photographs]
        pixels = [read_photograph(name, downscale_factor) for name in names]
    for array, name in zip(pixels, names, strict=True):
        if (array.shape, array.dtype) != (pixels[0].shape, pixels[0].dtype):
            raise NeucamError(
                f"{name}: {_size(array)}, {array.dtype}; {names[0]} has {_size(pixels[0])}, {pixels[0].dtype}."
                " Photographs must have one size and number type: crop or export them alike."
            )
    return pixels


def _checked_array(array: np.ndarray, name: Path) -> Shaped[np.ndarray, "height width 3"]:
    if array.ndim != 3 or array.shape[2] != 3:
        raise NeucamError(f"{name}: found an array {list(array.shape)}, expected [height, width, 3], RGB.")
    return check_pixels(array, name)


def _size(array: np.ndarray) -> str:
    return f"{array.shape[1]}x{array.shape[0]} pixels"


def _folder_and_names(files: str | Path | Sequence[str | Path]) -> tuple[Path, tuple[str, ...]]:
    """The folder of files and their names in it; no names for all that is in a folder, a video or a manifest."""
    if isinstance(files, str | Path):
        return Path(files), ()
    paths = [Path(file) for file in files]
    for path in paths:
        if not path.is_file():
            raise NeucamError(f"{path}: no such file. Give the photographs' files, or the folder that holds them.")
    folders = {path.parent.resolve() for path in paths}
    if len(folders) > 1:
        raise NeucamError(
            f"{paths[0]}: the photographs lie in {len(folders)} folders. Put those of one view into one folder, where"
            " exposure.txt and the others' names tell their settings."
        )
    return paths[0].parent, tuple(path.name for path in paths)


def _from_arrays(
    arrays: list[Shaped[np.ndarray, "height width 3"]],
    exposure_stops: Sequence[float] | None,
    focus: Sequence[int] | None,
    kind: FrameKind,
    reference: str | int | None,
    align: AlignChoice,
    linear_light: bool,
) -> OpenedPhotographs:
    count, moves = len(arrays), kind == "moments"
    for name, given in {"exposure_stops": exposure_stops, "focus": focus}.items():
        if given is not None and len(given) != count:
            raise NeucamError(f"{name}: {len(given)} values for {count} photographs. Give one for each.")
    if count < 2:
        raise NeucamError("photographs: found 1, expected at least two that differ in focus or exposure.")
    notes = []
    if focus is None:
        numbers = range(count) if kind == "focus-stack" else [0] * count
        if kind == "settings":
            notes.append("No focus settings were given: the photographs are taken to share one.")
    else:
        numbers = focus
    focus_index = ranks(list(numbers))
    stops = None if exposure_stops is None else [float(value) for value in exposure_stops]
    brightness = [mean_brightness(thumbnail(array)) for array in arrays]
    if reference is None:
        middle = (count - 1) // 2
        reference = middle if moves else middle_frame(range(count), focus_index, stops or brightness)
    if not isinstance(reference, int) or not 0 <= reference < count:
        raise NeucamError(f"reference: found {reference!r}, expected a number from 0 to {count - 1}.")
    if not moves and align == "auto" and len(set(focus_index)) > 1:
        levels = exposure_levels(None, stops, brightness).numbers
        arrays, align_note = _aligned_arrays(arrays, brightness, focus_index, levels, reference, linear_light)
        notes += align_note
    return OpenedPhotographs(
        frames=arrays,
        names=tuple(map(str, range(count))),
        focus_index=focus_index,
        exposure_index=None if stops is None else ranks(stops),
        exposure_stops=stops,
        exposure_source="unknown" if stops is None else "exposure_stops",
        reference=reference,
        moves=moves,
        linear_light=linear_light,
        notes=tuple(notes),
    )


def _aligned_arrays(
    arrays: list[Shaped[np.ndarray, "height width 3"]],
    brightness: list[float],
    focus_index: list[int],
    exposure_levels: list[int],
    reference: int,
    linear_light: bool,
) -> tuple[list[Shaped[np.ndarray, "height width 3"]], list[str]]:
    """Arrays aligned to the reference where focusing has moved the picture, and what to say of it."""
    height, width, _ = arrays[0].shape
    pictures, order = StillPictures(arrays, brightness), range(len(arrays))
    found = find_alignment(StillFrames(pictures, focus_index, exposure_levels, reference, height, width, order))
    if found is None:
        return arrays, []
    seen = list(arrays)
    for frame in sorted(found.maps, key=lambda frame: abs(focus_index[frame] - focus_index[reference])):
        border = found.border_from.get(frame)
        seen[frame] = aligned(arrays[frame], found.maps[frame], None if border is None else seen[border], linear_light)
    return seen, [alignment_note(found, list(map(str, order)), str(reference))]
