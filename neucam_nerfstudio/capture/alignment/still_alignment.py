"""Photographs of a still scene brought to one, the reference, as far as they have moved.

The reference photograph is never touched, and the picture keeps its size: ground truth, and whatever else is measured
against the photographs on disk, still fits. What an aligned photograph does not show is not covered (`PixelStore`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np

from neucam_nerfstudio.capture.alignment.breathing import (
    LEAST_DISAGREEMENT,
    LEAST_GAIN,
    StillFrames,
    find_breathing,
    find_shake,
)
from neucam_nerfstudio.capture.alignment.optical_flow import leads_inside, pixel_places
from neucam_nerfstudio.capture.alignment.parallax import ComparedPicture, Detail, fit_parallax, flow_through
from neucam_nerfstudio.capture.alignment.registration import corner_shift_px, full_size_map
from neucam_nerfstudio.capture.manifest import Told
from neucam_nerfstudio.capture.pixels.warp import Nearness, PixelMap, ViewMap

AlignChoice = Literal["auto", "off"]

LEAST_SHIFT_PX = 0.3
"""A photograph of which no corner would move farther than this is left as it is, bit for bit. Nor does parallax count
that moves most things less."""
PARALLAX_QUANTILE = 0.95
"""Of the picture's pixels, how far nearer things move."""


class Alignment(NamedTuple):
    """How photographs are to be aligned.

    Attributes:
        maps: Of each photograph that is to be changed, where it shows what the reference shows.
        scale_change: The largest change of scale; 0.02 is 2 %.
        shift_px: How far a corner is off, at most.
        untold: The photographs that were compared and do not tell how they moved, one a focus setting.
        parallax_px: How far near things move against far ones, at most; 0 where the camera only turned.
        is_hand_held: Whether more than focusing has moved the picture.
    """

    maps: dict[int, ViewMap]
    scale_change: float
    shift_px: float
    untold: tuple[int, ...]
    parallax_px: float
    is_hand_held: bool

    @property
    def nearness(self) -> Nearness | None:
        """The nearness that all maps share; None where the camera has only turned."""
        return next((view_map.nearness for view_map in self.maps.values()), None)


def find_alignment(frames: StillFrames) -> Alignment | None:
    """How photographs are aligned to the reference; None if no picture has moved, and all tell so."""
    of_focus, untold = find_breathing(frames)
    shake = find_shake(frames)
    still = np.eye(3)
    from_reference = np.linalg.inv(shake.get(frames.reference, still))
    planes = {
        frame: shake.get(frame, still) @ of_focus.get(frames.focus[frame], still) @ from_reference
        for frame in frames.order
        if frame != frames.reference
    }
    detail_shape = frames.pictures.detail(frames.reference).shape
    full = {
        frame: full_size_map(ViewMap(plane), detail_shape, frames.height, frames.width)
        for frame, plane in planes.items()
    }
    shifts_px = {frame: corner_shift_px(view.plane, frames.height, frames.width) for frame, view in full.items()}
    maps = {frame: full[frame] for frame in sorted(full) if shifts_px[frame] >= LEAST_SHIFT_PX}
    if not maps and not untold:
        return None
    most_parallax_px = 0.0
    if maps:
        seen = _with_parallax(frames, planes)
        if seen is not None:
            maps = {
                frame: full_size_map(seen[frame], detail_shape, frames.height, frames.width) for frame in sorted(seen)
            }
            most_parallax_px = max(map(parallax_px, maps.values()))
    scales = [np.sqrt(np.linalg.det(view.plane[:2, :2])) for view in maps.values()]
    return Alignment(
        maps,
        float(max((abs(scale - 1) for scale in scales), default=0)),
        max((shifts_px[frame] for frame in maps), default=0.0),
        untold,
        most_parallax_px,
        bool(shake) or most_parallax_px > 0,
    )


def frame_alignment(alignment: Alignment | None, frame: int, unmoved: str) -> dict[str, Any]:
    """The fields of a frame of the manifest that say how it is aligned; `unmoved`: why it is not, if it is not."""
    if alignment is None or frame not in alignment.maps:
        return {"alignment": Told(None, None, unmoved)}
    view_map = alignment.maps[frame]
    rows, epipole = tuple(map(tuple, view_map.plane.tolist())), view_map.epipole
    return {
        "alignment": Told(rows, rows, "detail that photographs share"),
        "epipole": None if epipole is None else tuple(epipole.tolist()),
    }


def alignment_note(alignment: Alignment, names: Sequence[str], reference_name: str) -> str:
    """What is done, for the user; `names` are those of all photographs."""
    untold = ", ".join(names[frame] for frame in alignment.untold)
    if not alignment.maps:
        return (
            f"Left as they are, for too little of their detail is found in the next focus setting: {untold}. Take out"
            " what shows another view, or is turned."
        )
    moved = f"moves its corners by up to {alignment.shift_px:.1f} px"
    if alignment.is_hand_held:
        said = f"The camera has moved: that {moved}"
        if alignment.parallax_px > 0:
            said += f", and near things by up to {alignment.parallax_px:.1f} px against far ones (parallax)"
    else:
        scale = f"the picture's scale by up to {100 * alignment.scale_change:.1f} %"
        said = f"Focusing changes {scale} and {moved} (breathing)"
    return f"{said}: photographs are aligned to {reference_name}; --align off leaves them." + (
        f" Too little detail tells how {untold} moved: taken to be as its neighbour." if untold else ""
    )


def _with_parallax(frames: StillFrames, planes: Mapping[int, PixelMap]) -> dict[int, ViewMap] | None:
    """Maps between detail pictures that know how near things are; None if photographs agree no better by them."""
    fixed, others = _compared(frames, frames.reference), [_compared(frames, frame) for frame in planes]
    seen = fit_parallax(fixed, others, list(planes.values()))
    gains = []
    for view, other, plane in zip(seen, others, planes.values(), strict=True):
        before, after = (_disagreement(fixed.detail, other.detail, each) for each in (ViewMap(plane), view))
        gains.append((before - after) / max(before, LEAST_DISAGREEMENT))
    if np.mean(gains) < LEAST_GAIN or max(map(parallax_px, seen)) < LEAST_SHIFT_PX:
        return None
    return dict(zip(planes, seen, strict=True))


def _compared(frames: StillFrames, frame: int) -> ComparedPicture:
    return ComparedPicture(frames.pictures.ranks(frame), frames.pictures.detail(frame))


def parallax_px(view_map: ViewMap) -> float:
    """How far near things move against far ones, in pixels of what the map is for."""
    if view_map.epipole is None or view_map.nearness is None:
        return 0.0
    far, near = np.quantile(view_map.nearness, (1 - PARALLAX_QUANTILE, PARALLAX_QUANTILE))
    return float((near - far) * np.linalg.norm(view_map.epipole[:2]))


def _disagreement(fixed: Detail, moving: Detail, view_map: ViewMap) -> float:
    """One minus the correlation of two detail pictures, the second seen through a map."""
    flow = flow_through(view_map, *fixed.shape)
    x, y = np.moveaxis(pixel_places(*fixed.shape) + flow, -1, 0)
    seen = cv2.remap(moving, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return 1 - float(np.nan_to_num(cv2.computeECC(fixed, seen, leads_inside(flow).astype(np.uint8))))
