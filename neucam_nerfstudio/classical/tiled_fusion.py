"""Focus stacks of any size fused tile by tile, in several threads, each tile from the settings that are sharp there."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Bool

from neucam_nerfstudio.classical.all_in_focus import (
    FocusStack,
    FusedStack,
    KnownFocus,
    focus_of,
    fuse_stack,
    pyramid_depth,
    stack_blur,
)
from neucam_nerfstudio.classical.area_brightness import area_sigma_px
from neucam_nerfstudio.classical.defocus_estimation import UNSURE_EVIDENCE, completed_focus
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.setting_stacks import SettingStacks, Stopped
from neucam_nerfstudio.classical.tiles import Tile, overlapping_tiles

DEFAULT_BUDGET_BYTES = 1 << 30
"""Memory for tiles that are fused at a time: two of them."""

TILE_BYTES = 448 * 2**20
"""Memory that the fusion of a tile takes at most, as far as `LEAST_TILE_PIXELS` allows."""

FIXED_PIXEL_BYTES, HELD_PIXEL_BYTES, LUMINANCE_PIXEL_BYTES = 150, 50, 20
"""Memory that a pixel of a tile takes: for pyramids and blurred pictures, and for each focus setting, if its merged
exposures are held or if only its brightness is."""

LEAST_TILE_PIXELS, LEAST_HELD_TILE_PIXELS, MOST_TILE_PIXELS = 250_000, 750_000, 1_500_000
"""Tiles smaller than the first would be mostly margin, larger ones than the last save little more. Rather than have
tiles smaller than the second, settings are not held."""

LARGEST_MARGIN_PX, MARGIN_OF_COARSEST = 128, 4
"""Tiles overlap by a margin of so many pixels of the coarsest pyramid level, and at most of so many pixels."""

LEAST_BLUR_PX = 0.5
"""Less blur than this, in pixels of a reduced picture, cannot be told from none."""

COARSE_BLUR_PX = 0.8
"""Of many focus settings, so few are looked at on the small copies that blur grows by so much, in their pixels, from
one to the next: less tells nothing of where a place is sharpest."""

MANY_SETTINGS, FEWEST_COARSE, RANGE_MARGIN = 8, 5, 3
"""More settings than the first are fused in tiles of those alone that may be sharp there: from the least to the
greatest of the small copies' focus, and as many beyond as the last, or as lie between two that were looked at. At least
so many as the second are looked at."""

OUTLIERS = 0.01
"""Share of a tile whose focus, less or greater than that of the rest, is taken for a mistake if it is found nowhere
around it."""

SMALL_SHARE = 0.1
"""Of the time, what the small copies take, about."""


class _Plan(NamedTuple):
    """How a stack is fused.

    Attributes:
        blur_px: One focus setting out of focus.
        tiles: Parts of the picture.
        chosen: The focus settings, consecutive, of each.
        is_held: Whether they are held once they are merged.
        coarse_focus: Where each pixel of the small copies is sharpest; None with one setting.
        log_gains: What makes all settings equally bright, on cells of the whole picture; None where tiles find it.
        known_focus: Where each focus setting is sharp, if that is known.
    """

    blur_px: float
    tiles: Sequence[Tile]
    chosen: Sequence[range]
    is_held: bool
    coarse_focus: Image | None = None
    log_gains: Sequence[RgbImage] | None = None
    known_focus: KnownFocus | None = None


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
    plan = _plan(stacks, preview, known_focus)
    report(SMALL_SHARE)
    light, planes = np.empty((height, width, 3), np.float32), np.empty((2, height, width), np.float32)
    whole = FusedStack(light, *planes, *np.empty((2, height, width), np.float16))

    def fuse(number: int) -> None:
        tile = plan.tiles[number]
        fused = _fused_part(stacks, plan, tile.with_margin, plan.chosen[number])
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


def _fused_part(stacks: SettingStacks, plan: _Plan, part: tuple[slice, slice], chosen: range) -> FusedStack:
    """The picture within some rows and columns, of some settings."""
    height, width, _ = stacks.frames[0].shape
    coarse_focus = None
    if plan.coarse_focus is not None:
        coarse_focus = part_of_enlarged(plan.coarse_focus, part, height, width) - np.float32(chosen.start)
    gains = plan.log_gains or ()

    def log_gain(setting: int) -> RgbImage:
        return part_of_enlarged(gains[chosen[setting]], part, height, width)

    gain_of = log_gain if gains else None
    stack = stacks.part(part, plan.is_held, chosen=chosen, blur_px=plan.blur_px, log_gain=gain_of)
    known_focus = None
    if plan.known_focus is not None and plan.coarse_focus is not None:
        known_focus = plan.known_focus.sharpest_focus[part] - np.float32(chosen.start)
    fused = fuse_stack(stack, plan.blur_px, coarse_focus, known_focus)
    return fused._replace(sharpest_focus=fused.sharpest_focus + np.float32(chosen.start))


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


def tile_plan(num_settings: int) -> tuple[int, bool]:
    """How large the tiles of a stack are, in pixels, and whether its settings are held once they are merged.

    Held settings cost memory, and so smaller tiles, of which more is margin; else exposures are merged anew for each of
    the three times that settings are gone through.
    """
    budget = TILE_BYTES // (FIXED_PIXEL_BYTES + HELD_PIXEL_BYTES * num_settings)
    if budget >= LEAST_HELD_TILE_PIXELS:
        return min(budget, MOST_TILE_PIXELS), True
    pixels = TILE_BYTES // (FIXED_PIXEL_BYTES + LUMINANCE_PIXEL_BYTES * num_settings)
    return min(max(pixels, LEAST_TILE_PIXELS), MOST_TILE_PIXELS), False


def _plan(stacks: SettingStacks, preview: Callable[[RgbImage], None] | None, known_focus: KnownFocus | None) -> _Plan:
    """How photographs are fused, by their small copies."""
    height, width, _ = stacks.frames[0].shape
    count = len(stacks.settings)
    if count == 1:
        if preview is not None:
            preview(fuse_stack(stacks.small(True), 0.0).log_radiance)
        tiles = list(overlapping_tiles(height, width, tile_plan(1)[0], 0))
        return _Plan(0.0, tiles, [range(1)] * len(tiles), True)
    factor = stacks.survey.factor
    small = stacks.small(tile_plan(count)[1])
    blur_px = _stack_blur_px(stacks, small) if known_focus is None else known_focus.blur_per_setting_px
    looked_at, spacing = _looked_at(count, blur_px / factor)
    of_coarse = small
    if len(looked_at) < count:
        of_coarse = stacks.small(tile_plan(len(looked_at))[1], looked_at, spacing * blur_px / factor)
    told = focus_of(of_coarse, spacing * blur_px / factor)
    told = told._replace(focus=told.focus * np.float32(spacing))
    coarse_focus = completed_focus(told)
    if known_focus is not None:
        coarse_focus = cv2.resize(known_focus.sharpest_focus, coarse_focus.shape[::-1], interpolation=cv2.INTER_AREA)
    if preview is not None:
        preview(fuse_stack(of_coarse, spacing * blur_px / factor).log_radiance)
    depth = pyramid_depth(height, width, count * blur_px)
    margin_px = min(LARGEST_MARGIN_PX, max(MARGIN_OF_COARSEST * 2**depth, math.ceil(4 * area_sigma_px(blur_px))))

    def cut(num_settings: int) -> list[Tile]:
        return list(overlapping_tiles(height, width, tile_plan(num_settings)[0], margin_px, 2**depth))

    if count <= MANY_SETTINGS or not stacks.share_exposures:
        tiles = cut(count)
        return _Plan(
            blur_px, tiles, [range(count)] * len(tiles), tile_plan(count)[1], coarse_focus, known_focus=known_focus
        )
    is_sure = (told.evidence > UNSURE_EVIDENCE) & (known_focus is None)
    near = _Near(coarse_focus, np.where(is_sure, told.focus, coarse_focus), spacing, stacks.small_shown(), count)
    for num_settings in range(MANY_SETTINGS, count + 1):  # the largest tiles that need no more settings than they may
        tiles = cut(num_settings)
        chosen = [near.settings(tile.with_margin, height, width) for tile in tiles]
        if num_settings == count or max(map(len, chosen)) <= num_settings:
            break
    is_held = tile_plan(num_settings)[1]
    return _Plan(blur_px, tiles, chosen, is_held, coarse_focus, small.area_gains(blur_px / factor), known_focus)


def _looked_at(count: int, blur_px: float) -> tuple[list[int], float]:
    """Which of many settings are looked at on the small copies, and how many settings lie from one to the next.

    Args:
        count: Number of settings.
        blur_px: One setting out of focus, in pixels of the small copies.
    """
    if count <= MANY_SETTINGS:
        return list(range(count)), 1.0
    steps = (count - 1) * min(1.0, blur_px / COARSE_BLUR_PX)
    number = min(count, max(FEWEST_COARSE, math.ceil(steps) + 1))
    return np.rint(np.linspace(0, count - 1, number)).astype(int).tolist(), (count - 1) / (number - 1)


class _Near(NamedTuple):
    """Which settings may be sharp in a part.

    Attributes:
        smooth: Focus of each pixel of the small copies, completed from around.
        sure: As it was found, where detail tells it.
        spacing: Between the settings by which it was found.
        shown: Where each setting shows something; None if all do everywhere.
        count: Number of settings.
    """

    smooth: Image
    sure: Image
    spacing: float
    shown: Bool[np.ndarray, "settings small_height small_width"] | None
    count: int

    def settings(self, part: tuple[slice, slice], height: int, width: int) -> range:
        """Those of a part; all where those near its focus do not show all of it and others may."""
        small_height, small_width = self.smooth.shape
        place = tuple(
            slice(math.floor(own.start * small / length), math.ceil(own.stop * small / length))
            for own, small, length in zip(part, (small_height, small_width), (height, width), strict=True)
        )
        beyond = max(RANGE_MARGIN, math.ceil(self.spacing))
        found = np.percentile(self.sure[place], (100 * OUTLIERS, 100 * (1 - OUTLIERS)))
        first = max(0, math.floor(min(found[0], self.smooth[place].min())) - beyond)
        last = min(self.count - 1, math.ceil(max(found[1], self.smooth[place].max())) + beyond)
        if self.shown is not None and not self.shown[(slice(first, last + 1), *place)].any(0).all():
            return range(self.count)
        return range(first, last + 1)


def _stack_blur_px(stacks: SettingStacks, small: FocusStack) -> float:
    """Blur of a pixel one focus setting out of focus, in pixels of the photographs.

    It is looked for on the whole picture made small; if it is too small to be told there, again on the part with the
    most detail, made less small.
    """
    is_held, small_factor = tile_plan(len(small))[1], stacks.survey.factor
    factor, blur_px = small_factor, stack_blur(small)
    while blur_px < LEAST_BLUR_PX and factor > 1:
        factor = max(1.0, factor / 2)
        sides = _part_with_detail(small, factor / small_factor)
        rows, columns = (slice(round(side.start * small_factor), round(side.stop * small_factor)) for side in sides)
        blur_px = stack_blur(stacks.part((rows, columns), is_held, factor))
    return blur_px * factor


def _part_with_detail(stack: FocusStack, share: float) -> tuple[slice, slice]:
    """Rows and columns of the part with the most detail; its sides are this share of the picture's."""
    detail = np.zeros(stack.shape, np.float32)
    for picture in stack:
        np.maximum(detail, np.abs(cv2.Laplacian(picture.log_radiance, cv2.CV_32F)).mean(-1), out=detail)
    height, width = (max(1, round(side * share)) for side in detail.shape)
    sums = cv2.integral(detail)
    in_part = sums[height:, width:] - sums[height:, :-width] - sums[:-height, width:] + sums[:-height, :-width]
    top, left = map(int, np.unravel_index(in_part.argmax(), in_part.shape))
    return slice(top, top + height), slice(left, left + width)
