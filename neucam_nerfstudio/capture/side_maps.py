"""Masks, depth maps and optical flow that a capture may come with, in the sub-folders of the published layout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from neucam_nerfstudio.capture.pixels.source import frozen
from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.photographs import downscale, read_photograph
from neucam_nerfstudio.imaging.radiance_files import picture_size, read_exr_channels
from neucam_nerfstudio.photometry import WHITE_LEVEL

MASK_FOLDER, DEPTH_FOLDER, FLOW_FOLDER = "mask", "depth", "flow"
MAX_ROUND_TRIP_PX = 1.0
"""Flow counts where going to the other frame and back ends nearer than this to where it began (as published)."""


class FrameFlow(NamedTuple):
    """Optical flow between consecutive frames i and i + 1 of a capture, held-out ones included.

    Attributes:
        forward_px: Where a pixel of frame i is in frame i + 1, relative to itself; x then y.
        backward_px: Where a pixel of frame i + 1 is in frame i.
        forward_valid: Where the forward flow, followed by the backward flow, returns to the pixel.
        backward_valid: Where the backward flow, followed by the forward flow, returns to the pixel.
    """

    forward_px: Float[np.ndarray, "pairs height width 2"]
    backward_px: Float[np.ndarray, "pairs height width 2"]
    forward_valid: Bool[np.ndarray, "pairs height width"]
    backward_valid: Bool[np.ndarray, "pairs height width"]


@dataclass(frozen=True)
class SideMaps:
    """Files of masks, depth and flow, checked; each kind is read when first asked for, as few methods use them.

    Attributes:
        mask_paths: A file for each training frame; empty if the capture has no masks.
        depth_paths: A file for each training frame; empty if the capture has no depth maps.
        flow_paths: Forward and backward file for each pair of consecutive frames; empty if the capture has no flow.
        downscale_factor: Size divisor of the frames.
    """

    mask_paths: tuple[Path, ...]
    depth_paths: tuple[Path, ...]
    flow_paths: tuple[tuple[Path, Path], ...]
    downscale_factor: int

    @cached_property
    def mask(self) -> Float[np.ndarray, "train height width"] | None:
        """Masks of the training frames in [0, 1]; None if the capture has none."""
        return self._stack(self.mask_paths)

    @cached_property
    def depth(self) -> Float[np.ndarray, "train height width"] | None:
        """Depth of the training frames, from 0 where it is least in the capture to 1; None if the capture has none."""
        if (depth := self._stack(self.depth_paths)) is None:
            return None
        least, most = float(depth.min()), float(depth.max())
        if not least < most < np.inf:
            raise NeucamError(
                f"{self.depth_paths[0].parent}: depths from {least:g} to {most:g}. Expected finite depths that differ:"
                " replace the maps, or remove the folder to go without."
            )
        return frozen((depth - least) / (most - least))

    @cached_property
    def flow(self) -> FrameFlow | None:
        """Optical flow between consecutive frames in pixels of the downscaled frames; None if the capture has none."""
        if not self.flow_paths:
            return None
        forward, backward = (self._flows([pair[way] for pair in self.flow_paths]) for way in (0, 1))
        return FrameFlow(*map(frozen, (forward, backward, returns(forward, backward), returns(backward, forward))))

    def _stack(self, paths: Sequence[Path]) -> np.ndarray | None:
        planes = [downscale(_read_plane(path), self.downscale_factor, path) for path in paths]
        return frozen(np.stack(planes)) if planes else None

    def _flows(self, paths: Sequence[Path]) -> np.ndarray:
        factor = self.downscale_factor
        flows = [downscale(np.load(path).astype(np.float32), factor, path) / np.float32(factor) for path in paths]
        return np.stack(flows)


def returns(
    there: Float[np.ndarray, "pairs height width 2"], back: Float[np.ndarray, "pairs height width 2"]
) -> Bool[np.ndarray, "pairs height width"]:
    """Where following one flow and then the other ends less than `MAX_ROUND_TRIP_PX` from the start, in the picture."""
    import cv2

    height, width = there.shape[1:3]
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    valid = np.empty(there.shape[:3], bool)
    for index, (flow, reverse) in enumerate(zip(there, back, strict=True)):
        x, y = columns + flow[..., 0], rows + flow[..., 1]
        inside = (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)
        way_back = cv2.remap(reverse, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        valid[index] = inside & (np.linalg.norm(flow + way_back, axis=-1) < MAX_ROUND_TRIP_PX)
    return valid


def find_side_maps(
    folder: Path, paths: Sequence[Path], train: Sequence[int], downscale_factor: int, height: int, width: int
) -> SideMaps:
    """Finds `mask/`, `depth/` and `flow/` beside the frames and checks that they are complete and of the right size.

    Args:
        folder: Where they lie.
        paths: The used frames in order.
        train: Indices of those trained on.
        downscale_factor: Size divisor of the frames; `height` and `width` are theirs after it, in pixels.

    Raises:
        NeucamError: A file is missing, unreadable, or of another size.
    """
    trained = [paths[index] for index in train]
    maps = SideMaps(
        mask_paths=_of_frames(folder / MASK_FOLDER, trained, ".png"),
        depth_paths=_of_frames(folder / DEPTH_FOLDER, trained, ".png", ".exr", ".npy"),
        flow_paths=_of_pairs(folder / FLOW_FOLDER, paths),
        downscale_factor=downscale_factor,
    )
    files = [(path, 2) for path in (*maps.mask_paths, *maps.depth_paths)]
    files += [(path, 3) for pair in maps.flow_paths for path in pair]
    for path, num_axes in files:
        found_height, found_width = (side // downscale_factor for side in _size(path, num_axes))
        if (found_height, found_width) != (height, width):
            raise NeucamError(
                f"{path}: it is {found_width}x{found_height} pixels, the frames are {width}x{height} (both after"
                f" downscaling by {downscale_factor}). Replace it, or remove the folder {path.parent.name}/ to go"
                " without."
            )
    return maps


def _of_frames(folder: Path, paths: Sequence[Path], *suffixes: str) -> tuple[Path, ...]:
    """The file of each frame's name in a sub-folder; none if there is no such folder."""
    if not folder.is_dir():
        return ()
    return tuple(_first_there(folder, [f"{path.stem}{suffix}" for suffix in suffixes]) for path in paths)


def _of_pairs(folder: Path, paths: Sequence[Path]) -> tuple[tuple[Path, Path], ...]:
    """Files `a_b.npy` and `b_a.npy` of consecutive frames, named without or with their suffix."""

    def file(a: Path, b: Path) -> Path:
        return _first_there(folder, [f"{a.stem}_{b.stem}.npy", f"{a.name}_{b.name}.npy"])

    return tuple((file(a, b), file(b, a)) for a, b in pairwise(paths)) if folder.is_dir() else ()


def _first_there(folder: Path, names: Sequence[str]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise NeucamError(
        f"{folder / ' or '.join(names)}: there is no such file, but a used frame needs it. Add it, or remove the folder"
        f" {folder.name}/ to go without."
    )


def _size(path: Path, num_axes: int) -> tuple[int, int]:
    """Height and width of a file, which has one number a pixel, or with three axes x and y."""
    if path.suffix != ".npy":
        return picture_size(path)
    try:
        array = np.load(path, mmap_mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise NeucamError(f"{path}: not a readable .npy file ({error}). Replace it, or remove its folder.") from error
    expected = "[height, width]" if num_axes == 2 else "[height, width, 2] (x, then y, in pixels)"
    if array.ndim != num_axes or array.shape[2:] not in ((), (2,)) or array.dtype.kind not in "fiu":
        raise NeucamError(f"{path}: {array.dtype} of shape {list(array.shape)}. Expected numbers of shape {expected}.")
    return array.shape[0], array.shape[1]


def _read_plane(path: Path) -> Float[np.ndarray, "height width"]:
    """One number a pixel, at full size: of a picture's first channel in [0, 1], of other files as it stands."""
    if path.suffix == ".npy":
        return np.load(path).astype(np.float32)
    if path.suffix == ".exr":
        return next(iter(read_exr_channels(path).values())).astype(np.float32)
    pixels = read_photograph(path)
    return pixels[..., 0].astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype])
