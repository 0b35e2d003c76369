"""Focus stacks of any size fused tile by tile, in several threads, each tile from the settings that are sharp there."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

import cv2
import numpy as np

from neucam_nerfstudio.classical.all_in_focus import FusedStack, KnownFocus, fuse_stack
from neucam_nerfstudio.classical.pixel_values import RgbImage
from neucam_nerfstudio.classical.setting_stacks import SettingStacks, Stopped
from neucam_nerfstudio.classical.tile_planning import TILE_BYTES, FusionPlan, plan_fusion

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

    cores = min(num_cpus(), cv2.getNumThreads())  # one of several workers has told OpenCV its share
    num_at_once = max(1, min(cores, budget_bytes // TILE_BYTES))
    _in_threads(
        fuse,
        len(plan.tiles),
        num_at_once,
        stacks.stop.set,
        lambda share: report(SMALL_SHARE + (1 - SMALL_SHARE) * share),
    )
    return whole, plan.blur_px


def num_cpus() -> int:
    """How many CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _in_threads(
    work: Callable[[int], None],
    count: int,
    num_at_once: int,
    stop: Callable[[], None],
    report: Callable[[float], None],
) -> None:
    """Does numbered work, several at a time; OpenCV's own threads would only get in their way."""
    if count == 1 or num_at_once == 1:
        for number in range(count):
            work(number)
            report((number + 1) / count)
        return
    own_threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    pool = ThreadPoolExecutor(num_at_once, "tile")
    try:
        waiting: set[Future] = {pool.submit(work, number) for number in range(count)}
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in sorted(done, key=lambda future: isinstance(future.exception(), Stopped)):
                future.result()
            report(1 - len(waiting) / count)
    finally:
        stop()
        pool.shutdown(cancel_futures=True)
        cv2.setNumThreads(own_threads)


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
