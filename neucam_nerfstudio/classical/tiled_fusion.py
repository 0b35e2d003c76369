"""Focus stacks of any size fused tile by tile, in several threads, each tile from the settings that are sharp there."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from neucam_nerfstudio.classical.all_in_focus import FusedStack, KnownFocus, fuse_stack
from neucam_nerfstudio.classical.pixel_values import RgbImage
from neucam_nerfstudio.classical.setting_stacks import SettingStacks
from neucam_nerfstudio.classical.tile_planning import TILE_BYTES, FusionPlan, plan_fusion
from neucam_nerfstudio.classical.work_threads import in_threads, num_cores

DEFAULT_BUDGET_BYTES = 1 << 30
"""Memory for tiles that are fused at a time: two of them."""

SMALL_SHARE = 0.1
"""Of the time, what the small copies take, about."""


def fuse_in_tiles(
    stacks: SettingStacks,
    report: Callable[[float], None],
    budget_bytes: int = DEFAULT_BUDGET_BYTES,
    preview: Callable[[RgbImage], None] | None = None,
    known_focus: KnownFocus | None = None,
) -> tuple[FusedStack, float]:
    """The picture of all focus settings, and the blur one setting out of focus in pixels.

    The tiles are a matter of the capture alone: neither memory nor the number of threads changes the result. Evidence
    and confidence are half-precision numbers.

    Args:
        stacks: The photographs.
        report: Called with the share that is done, (0, 1], in this thread.
        budget_bytes: Memory for tiles that are fused at a time; there is always one.
        preview: Called with the natural log radiance of the small copies, fused.
        known_focus: Where each focus setting is sharp, if that is known.
    """
    height, width, _ = stacks.frames[0].shape
    plan = plan_fusion(stacks, preview, known_focus)
    report(SMALL_SHARE)
    light, planes = np.empty((height, width, 3), np.float32), np.empty((2, height, width), np.float32)
    whole = FusedStack(light, *planes, *np.empty((2, height, width), np.float16))

    def fuse(number: int) -> None:
        tile = plan.tiles[number]
        fused = _fused_part(stacks, plan, number)
        for of_whole, of_tile in zip(whole, fused, strict=True):
            of_whole[tile.part] = of_tile[tile.inner]

    in_threads(
        fuse,
        len(plan.tiles),
        min(num_cores(), budget_bytes // TILE_BYTES),
        lambda share: report(SMALL_SHARE + (1 - SMALL_SHARE) * share),
        stacks.stop,
    )
    return whole, plan.blur_px


def _fused_part(stacks: SettingStacks, plan: FusionPlan, number: int) -> FusedStack:
    """A tile with its margin."""
    height, width, _ = stacks.frames[0].shape
    part, near = plan.tiles[number].with_margin, plan.near[number]
    gains = plan.log_gains or ()

    def enlarged(small: np.ndarray | None) -> np.ndarray | None:
        return None if small is None else part_of_enlarged(small, part, height, width)

    def log_gain(setting: int) -> RgbImage:
        return near.composed(part, lambda own, first: part_of_enlarged(gains[first + setting], own, height, width))

    stack = stacks.part(
        part,
        plan.are_held[number],
        chosen=near,
        blur_px=plan.blur_px,
        log_gain=log_gain if gains else None,
        elsewhere=enlarged(plan.coarse_light),
    )
    known = None if plan.known_focus is None else plan.known_focus.sharpest_focus[part]
    return fuse_stack(stack, plan.blur_px, enlarged(plan.coarse_focus), known, near.first_settings(part), plan.depth)


def part_of_enlarged(small: np.ndarray, part: tuple[slice, slice], height: int, width: int) -> np.ndarray:
    """Some rows and columns of a picture that is enlarged to a size, by linear interpolation."""
    down, across = small.shape[0] / height, small.shape[1] / width
    rows, columns = part[0].indices(height), part[1].indices(width)
    to_small = np.array(
        [[across, 0, across * (columns[0] + 0.5) - 0.5], [0, down, down * (rows[0] + 0.5) - 0.5]], np.float64
    )
    size = columns[1] - columns[0], rows[1] - rows[0]
    return cv2.warpAffine(
        small, to_small, size, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
    )
