"""The measured or rendered pictures that a capture may come with, to score a result against."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.settings.selection import listed
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import LOSSLESS_SUFFIXES, files_with_suffix, read_photograph
from neucam_nerfstudio.imaging.radiance_files import picture_size
from neucam_nerfstudio.photometry import WHITE_LEVEL

GROUND_TRUTH_FOLDER = "gt"
RADIANCE_SUFFIXES = frozenset({".exr", ".hdr"})
RADIANCE_PREFIX = "hdr_"
SHARP_PREFIXES = ("sharp_", "sharp.")
"""Of the photographs without blur: one for each frame, or a single one."""

TELLING_NAME = re.compile(r"^hdr_|^hdrimg$|(?<![a-z])gt(?![a-z])|truth", re.IGNORECASE)
"""Names under which radiance files beside the photographs are ground truth; others may be somebody's results.
`HDRImg` is that of published hand-held brackets (Kalantari and Ramamoorthi 2017)."""


class GroundTruth(NamedTuple):
    """What each used frame can be scored against.

    Attributes:
        radiance: File of the scene's linear radiance at each frame; None where there is none.
        sharp: File of the photograph without blur at each frame; None where there is none.
        notes: What was taken for ground truth beside the frames and what is not scored, a sentence each.
    """

    radiance: tuple[Path | None, ...]
    sharp: tuple[Path | None, ...]
    notes: tuple[str, ...]


def find_radiance(folder: Path, paths: Sequence[Path]) -> tuple[list[Path], tuple[str, ...]]:
    """Radiance files (EXR, Radiance HDR) of a capture: those in its `gt` folder, else some beside the photographs.

    Beside them only those whose names say so: `hdr_*`, `gt` as a word, `truth` anywhere, `HDRImg`, or a frame's own.
    Where some are named `hdr_*`, the others are something else.

    Returns:
        The files in name order, and what to say of those beside the photographs, a sentence each.
    """
    if found := _files_of_truth(folder, RADIANCE_SUFFIXES):
        return _with_prefix(found, RADIANCE_PREFIX) or found, ()
    beside, frame_names = files_with_suffix(folder, RADIANCE_SUFFIXES), {path.stem for path in paths}
    telling = [path for path in beside if TELLING_NAME.search(path.stem) or path.stem in frame_names]
    taken = _with_prefix(telling, RADIANCE_PREFIX) or telling
    notes = []
    if taken:
        notes.append(f"Ground truth, by name: {listed(path.name for path in taken)} beside the frames.")
    if left := [path for path in beside if path not in taken]:
        names = listed(path.name for path in left)
        notes.append(f"Not ground truth, by name: {names}. Put it into {GROUND_TRUTH_FOLDER}/ if it is.")
    return taken, tuple(notes)


def find_ground_truth(
    folder: Path, paths: Sequence[Path], kept: Sequence[int], reference: int | None = None
) -> GroundTruth:
    """Finds the ground truth of each frame: radiance, and photographs without blur, `gt/sharp_*` or `gt/sharp`.

    Args:
        folder: Where `gt/` lies.
        paths: All frames of the capture, before any selection.
        kept: Indices of the frames that are used; the result is in their order.
        reference: In a capture that moves, the frame (of all) that a single file without a frame's number belongs to.
            None for a still scene: there a single file is the truth of every frame.
    """
    radiance, beside_notes = find_radiance(folder, paths)
    sharp = _with_prefix(_files_of_truth(folder, LOSSLESS_SUFFIXES), SHARP_PREFIXES)
    notes, kept_truth = [], []
    for kind, files in {"radiance": radiance, "sharp": sharp}.items():
        of_frames = match_to_frames(files, paths, reference)
        kept_truth.append(tuple(of_frames[index] for index in kept))
        notes += _coverage_notes(kind, files, of_frames, kept_truth[-1])
    return GroundTruth(*kept_truth, notes=(*notes, *beside_notes))


def match_to_frames(files: Sequence[Path], paths: Sequence[Path], reference: int | None = None) -> list[Path | None]:
    """The file that belongs to each frame.

    One file for all frames of a still scene; in order if there are as many files as frames; else by the last number in
    the names, of which a frame's must be its own; else a single file for the reference frame. Files and frames are in
    name order; for `reference` see `find_ground_truth`.
    """
    if len(files) == 1 and reference is None:
        return [files[0]] * len(paths)
    if len(files) == len(paths):
        return list(files)
    file_of_number = _by_last_number(files)
    numbered = {path: file_of_number.get(number) for number, path in _by_last_number(paths).items()}
    matched = [numbered.get(path) for path in paths]
    if len(files) == 1 and reference is not None and not any(matched):
        matched[reference] = files[0]
    return matched


def check_sizes(truth: GroundTruth, factor: int, height: int, width: int) -> None:
    """Raises `NeucamError` if a file, by its header, is unreadable or not of the frames' size after downscaling."""
    for path in sorted(path for path in {*truth.radiance, *truth.sharp} if path is not None):
        truth_height, truth_width = (size // factor for size in picture_size(path))
        if (truth_height, truth_width) != (height, width):
            raise NeucamError(
                f"{path}: the ground truth is {truth_width}x{truth_height} pixels, the frames are {width}x{height}"
                f" (both after downscaling by {factor}). Replace the file, or remove it to train without a score."
            )


def check_of_reference(truth: GroundTruth, paths: Sequence[Path], moved: Sequence[int], reference: int) -> None:
    """Raises `NeucamError` if a frame that was aligned to the reference frame has another ground truth than that."""
    for files in (truth.radiance, truth.sharp):
        for frame in moved:
            if files[frame] not in (None, files[reference]):
                raise NeucamError(
                    f"{files[frame]}: ground truth of {paths[frame].name}, which is aligned to {paths[reference].name}:"
                    " it no longer fits. Keep one picture for all, that of the reference frame, or give --align off."
                )


def _files_of_truth(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    folder = folder / GROUND_TRUTH_FOLDER
    return files_with_suffix(folder, suffixes) if folder.is_dir() else []


def _with_prefix(paths: Sequence[Path], prefix: str | tuple[str, ...]) -> list[Path]:
    return [path for path in paths if path.name.lower().startswith(prefix)]


def _by_last_number(paths: Sequence[Path]) -> dict[int, Path]:
    """Files by the last number in their names, where no other has the same."""
    numbers = [re.findall(r"\d+", path.stem) for path in paths]
    last = [int(found[-1]) if found else None for found in numbers]
    count = Counter(last)
    return {number: path for number, path in zip(last, paths, strict=True) if number is not None and count[number] == 1}


def _coverage_notes(
    kind: str, files: Sequence[Path], truth: Sequence[Path | None], kept_truth: Sequence[Path | None]
) -> Iterator[str]:
    num_missing = kept_truth.count(None)
    if files and not any(truth):
        yield (
            f"Not scored: {files[0].parent} holds {len(files)} {kind} files, which fit the {len(truth)} frames neither"
            " in count nor by the numbers in their names."
        )
    elif files and num_missing:
        yield (
            f"{len(kept_truth) - num_missing} of {len(kept_truth)} frames have {kind} ground truth: evaluation scores"
            " against it only if all frames that it is given have."
        )


def read_sharp(path: Path, downscale_factor: int = 1) -> Float[np.ndarray, "height width 3"]:
    """Reads a photograph without blur.

    Returns:
        RGB pixel values in [0, 1], float32, averaged over squares of `downscale_factor` pixels.

    Raises:
        NeucamError: The file cannot be read.
    """
    pixels = read_photograph(path, downscale_factor)
    return pixels.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype])
