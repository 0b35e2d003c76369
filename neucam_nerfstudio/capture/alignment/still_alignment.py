"""Photographs of a still scene brought to one, the reference, as far as they have moved.

The reference photograph is never touched, and the picture keeps its size: ground truth, and whatever else is measured
against the photographs on disk, still fits. What an aligned photograph does not show is not covered (`PixelStore`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.alignment.breathing import (
    StillFrames,
    find_breathing,
    find_shake,
    share_taken,
)
from neucam_nerfstudio.capture.alignment.optical_flow import follow, leads_inside, pixel_places
from neucam_nerfstudio.capture.alignment.parallax import ComparedPicture, Detail, fit_parallax, flow_through
from neucam_nerfstudio.capture.alignment.registration import corner_shift_px, full_size_map
from neucam_nerfstudio.capture.manifest import Told
from neucam_nerfstudio.capture.pixels.warp import Nearness, PixelMap, ViewMap
from neucam_nerfstudio.capture.settings.pictures import small_copy

AlignChoice = Literal["auto", "off"]

LEAST_SHIFT_PX = 0.3
"""A photograph of which no corner would move farther than this is left as it is, bit for bit. Nor does parallax count
that moves most things less."""
LEAST_PARALLAX_GAIN = 0.1
"""Mean share of the disagreement that parallax must take."""
MOST_TRIED = 8
"""Photographs that tell whether there is parallax."""
PARALLAX_QUANTILE = 0.95
"""Of the picture's pixels, how far nearer things move."""


COMPARED_SIDE_PX = 96
"""Photographs are compared at this size, which hides what defocus and noise do."""
OTHER_RANK, BRIGHTNESS_STEPS = 64, 24
"""A place shows something else if its rank of 255 is so far from where the others of its brightness are; brightness is
told in so many steps..."""
OTHER_LEVEL = 6
"""... and its pixel value, of 255, too: noise, film's floor and compression of dark photographs stay below."""
LEAST_MOVED_SHARE = 0.03
"""Of a photograph's places; still scenes stay below 0.001, in the hand, too, and scans of film below 0.025; clouds and
people exceed 0.05."""
LEAST_COMPARED_SHARE = 0.1
"""Of places that are neither black nor white in both; fewer are no evidence."""


class Alignment(NamedTuple):
    """How photographs are to be aligned.

    Attributes:
        maps: Of each photograph that is to be changed, where it shows what the reference shows.
        scale_change: The largest change of scale; 0.02 is 2 %.
        shift_px: How far a corner is off, at most.
        untold: The photographs that were compared and do not tell how they moved, one a focus setting.
        strange: Those of them that do not even look like the view.
        parallax_px: How far near things move against far ones, at most; 0 where the camera only turned.
        is_hand_held: Whether more than focusing has moved the picture.
    """

    maps: dict[int, ViewMap]
    scale_change: float
    shift_px: float
    untold: tuple[int, ...]
    strange: tuple[int, ...]
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
        tuple(frame for frame in untold if not frames.pictures.looks_like(frame, frames.reference)),
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


def find_moved(frames: StillFrames, alignment: Alignment | None) -> dict[int, float]:
    """Photographs of the reference's focus that, aligned, show something else than it, and in which share of places.

    Their ranks are no function of its ranks there, nor its of theirs, whatever exposure and response do: things have
    moved, or light has. What one of two photographs hardly resolves, as the darkest of a bracket, is no difference.
    """
    fixed, moved = frames.pictures.levels(frames.reference), {}
    for frame in frames.of_focus(frames.focus[frames.reference]):
        if frame == frames.reference:
            continue
        view_map = ViewMap(np.eye(3))
        if alignment is not None and frame in alignment.maps:
            view_map = full_size_map(alignment.maps[frame], (frames.height, frames.width), *fixed.shape)
        flow = flow_through(view_map, *fixed.shape)
        share = _share_of_others(fixed, follow(frames.pictures.levels(frame), flow), leads_inside(flow))
        if share >= LEAST_MOVED_SHARE:
            moved[frame] = share
    return moved


def _share_of_others(fixed: Detail, seen: Detail, shown: Float[np.ndarray, "height width"]) -> float:
    """In which share of places ranks and pixel values are far from where those of the same rank in the other picture
    are."""
    told = shown * ((fixed > fixed.min()) & (fixed < fixed.max()) & (seen > seen.min()) & (seen < seen.max()))
    planes = (told, fixed, cv2.equalizeHist(fixed), seen, cv2.equalizeHist(seen))
    told, *planes = (small_copy(plane, COMPARED_SIDE_PX) for plane in planes)
    compared = told > 0.9
    if compared.mean() < LEAST_COMPARED_SHARE:
        return 0.0
    levels, ranks, other_levels, other_ranks = (plane[compared] for plane in planes)
    differs = np.ones(len(ranks), bool)
    for own_ranks, other, least in (
        (ranks, other_ranks, OTHER_RANK),
        (ranks, other_levels, OTHER_LEVEL),
        (other_ranks, ranks, OTHER_RANK),
        (other_ranks, levels, OTHER_LEVEL),
    ):
        differs &= np.abs(other - _of_rank(own_ranks, other)) > least
    return float(differs.mean())


def _of_rank(ranks: Float[np.ndarray, " places"], others: Float[np.ndarray, " places"]) -> Float[np.ndarray, " places"]:
    """The value that others have at places of about the same rank, rising with the rank."""
    steps = [step for step in np.array_split(np.argsort(ranks), BRIGHTNESS_STEPS) if len(step)]
    expected = np.maximum.accumulate([np.median(others[step]) for step in steps])
    return np.interp(ranks, [np.median(ranks[step]) for step in steps], expected)


def moved_note(moved: Mapping[int, float], names: Sequence[str], reference_name: str) -> str | None:
    """What to do about photographs that show something else; `names` are those of all photographs."""
    if not moved:
        return None
    told = ", ".join(f"{names[frame]} ({100 * share:.0f} % of the picture)" for frame, share in moved.items())
    return (
        f"Show something else than {reference_name}, whatever their exposure: {told}. Things have moved there, and are"
        " seen double or torn in the picture: neucam-hdr follows what moves, or take these photographs out."
    )


def alignment_note(alignment: Alignment, names: Sequence[str], reference_name: str) -> str:
    """What is done, for the user; `names` are those of all photographs."""
    untold, strange = (", ".join(names[frame] for frame in of) for of in (alignment.untold, alignment.strange))
    if not alignment.maps:
        return f"Left as they are, for too little of their detail is found in the next focus setting: {untold}." + (
            f" Take out what shows another view, or is turned: {strange}." if strange else ""
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
    starts = list(planes.values())
    some = slice(0, None, -(-len(others) // MOST_TRIED))
    seen = fit_parallax(fixed, others[some], starts[some])
    gains = []
    for view, other, plane in zip(seen, others[some], starts[some], strict=True):
        gains.append(share_taken(*(_disagreement(fixed.detail, other.detail, each) for each in (ViewMap(plane), view))))
    if np.mean(gains) < LEAST_PARALLAX_GAIN or max(map(parallax_px, seen)) < LEAST_SHIFT_PX:
        return None
    if len(seen) < len(others):
        seen = fit_parallax(fixed, others, starts)
    return dict(zip(planes, seen, strict=True))


def _compared(frames: StillFrames, frame: int) -> ComparedPicture:
    return ComparedPicture(frames.pictures.levels(frame), frames.pictures.detail(frame))


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
