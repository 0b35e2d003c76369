"""Photographs as a Python program has them: a folder, files or arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias, cast

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.alignment.still_alignment import AlignChoice
from neucam_nerfstudio.capture.arrays import capture_of_arrays
from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.pixels.memory import MemoryBudget
from neucam_nerfstudio.capture.pixels.store import PixelStore
from neucam_nerfstudio.capture.scan import open_capture
from neucam_nerfstudio.capture.settings.assignment import FrameKind
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import (
    JPEG_SUFFIXES,
    check_pixels,
    downscale,
    find_photographs,
    read_photograph,
    reduced_jpeg_reader,
)

Photographs: TypeAlias = "str | Path | Sequence[str | Path] | Sequence[np.ndarray] | np.ndarray"
"""A folder, a file of frames or a manifest; files of photographs; or arrays [height, width, 3], also as one array."""

MOST_IN_PREVIEW, PREVIEW_SIDE_PX = 9, 600
"""A preview is made of so many photographs at most, evenly spaced, and is at least so large."""
LEAST_PREVIEWED_BYTES = 10_000_000
"""Of files: fewer are read as they are in a few seconds."""


def open_photographs(
    photographs: Photographs,
    *,
    exposure_stops: Sequence[float] | None,
    focus: Sequence[int] | None,
    frames: FrameKind,
    reference: str | int | None,
    align: AlignChoice,
    downscale_factor: int | None,
    linear_light: bool,
    memory: MemoryBudget | None = None,
    report: Callable[[float], None] = lambda share_done: None,
) -> tuple[Capture, PixelStore]:
    """Finds the settings that photographs were taken at; arguments as of `neucam_nerfstudio.fuse`.

    Args:
        photographs: The photographs; all of them are trained on.
        exposure_stops: Of arrays.
        focus: Of arrays.
        frames: Whether they are settings of a still scene or moments.
        reference: Name of a file, or number of an array.
        align: Whether focus settings are aligned.
        downscale_factor: Size divisor.
        linear_light: Whether pixel values of arrays are linear light.
        memory: What may be held in memory of files, see `open_capture`.
        report: Called with the share of the photographs that is read, (0, 1], from time to time.

    Raises:
        NeucamError: The photographs or settings cannot be used.
    """
    if is_arrays(photographs):
        return capture_of_arrays(
            read_arrays(photographs, downscale_factor or 1),
            exposure_stops=exposure_stops,
            focus=focus,
            frames=frames,
            reference=reference,
            align=align,
            linear_light=linear_light,
        )
    for name, given in {"exposure_stops": exposure_stops, "focus": focus}.items():
        if given is not None:
            raise NeucamError(
                f"{name}: given for files, which tell their settings themselves. Write exposures into exposure.txt,"
                " name files F<focus>E<exposure>, edit capture.json, or give arrays."
            )
    if reference is not None and not isinstance(reference, str):
        raise NeucamError(f"reference: found {reference!r}, expected the name of a photograph.")
    data, names = _folder_and_names(cast("str | Path | Sequence[str | Path]", photographs))
    return open_capture(
        data,
        frames=frames,
        train_frames=names,
        eval_frames=names,
        downscale_factor=downscale_factor,
        reference=reference,
        align=align,
        memory=memory,
        report=report,
    )


def open_for_preview(
    photographs: Photographs, frames: FrameKind, align: AlignChoice
) -> tuple[Capture, PixelStore] | None:
    """Some of the photographs, decoded several times smaller, which takes seconds where all of them take long.

    Arguments as of `neucam_nerfstudio.fuse`. None where that does not help, or is not possible: of few or small files,
    and of others than JPEGs.
    """
    if is_arrays(photographs):
        return None
    data, names = _folder_and_names(cast("str | Path | Sequence[str | Path]", photographs))
    if not data.is_dir():
        return None
    paths = [data / name for name in names] or find_photographs(data)
    paths = paths[:: -(-len(paths) // MOST_IN_PREVIEW) or 1]
    if not all(path.suffix.lower() in JPEG_SUFFIXES for path in paths):
        return None
    if sum(path.stat().st_size for path in paths) < LEAST_PREVIEWED_BYTES:
        return None
    chosen = tuple(path.name for path in paths)
    try:
        read = reduced_jpeg_reader(paths[0], PREVIEW_SIDE_PX)
        return open_capture(data, frames=frames, train_frames=chosen, eval_frames=chosen, align=align, read=read)
    except NeucamError:  # told when all are read
        return None


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
