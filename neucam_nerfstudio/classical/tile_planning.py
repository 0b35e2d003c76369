"""How a focus stack of any size is cut into tiles, and which settings each tile is fused from: told by small copies."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from neucam_nerfstudio.classical.all_in_focus import KnownFocus, focus_of, fuse_stack, pyramid_depth, stack_blur
from neucam_nerfstudio.classical.area_brightness import area_sigma_px
from neucam_nerfstudio.classical.defocus_estimation import BLUR_CANDIDATES_PX, UNSURE_EVIDENCE, completed_focus
from neucam_nerfstudio.classical.focus_stack import FocusStack
from neucam_nerfstudio.classical.near_settings import NearBlocks, NearSettings
from neucam_nerfstudio.classical.pixel_values import Image, RgbImage
from neucam_nerfstudio.classical.setting_stacks import SettingStacks
from neucam_nerfstudio.classical.tiles import Tile, overlapping_tiles

TILE_BYTES = 440 * 2**20
"""Memory that the fusion of a tile takes at most, as far as `LEAST_TILE_PIXELS` allows."""

FIXED_PIXEL_BYTES, HELD_PIXEL_BYTES, LUMINANCE_PIXEL_BYTES = 150, 50, 22
"""Memory that a pixel of a tile takes: for pyramids and blurred pictures, and for each focus setting, if its merged
exposures are held or if only its brightness is."""

LEAST_TILE_PIXELS, LEAST_HELD_TILE_PIXELS, MOST_TILE_PIXELS = 250_000, 400_000, 1_500_000
"""Tiles smaller than the first would be mostly margin, larger ones than the last save little more. Rather than have
tiles smaller than the second, settings are not held."""

LARGEST_MARGIN_PX, MARGIN_OF_COARSEST = 128, 4
"""Tiles overlap by a margin of so many pixels of the coarsest pyramid level, and at most of so many pixels."""

LEAST_BLUR_PX = 0.5
"""Less blur than this, in pixels of a reduced picture, cannot be told from none."""

COARSE_BLUR_PX = 0.8
"""Of many focus settings, so few are looked at on the small copies that blur grows by so much, in their pixels, from
one to the next: less tells nothing of where a place is sharpest."""

MANY_SETTINGS, FEWEST_COARSE, RANGE_MARGIN, SPACING_SHARE = 8, 5, 3, 1 / 3
"""Of more settings than the first, each place is fused from those alone that may be sharp there: from the least to the
greatest of the small copies' focus, and as many beyond as the third, or as this share of what lies between two that
were looked at: on made stacks 99 % of the small copies' focus is nearer to the truth. At least so many as the second
are looked at."""

FARTHEST_SHARE = 0.5
"""Of the settings that follow the focus, how far the farthest is from it: it lies in their middle."""

LEAST_SHARE_HELD = 0.8
"""Of the tiles; only of others, which need more settings, exposures are merged anew for each use."""


class FusionPlan(NamedTuple):
    """How a stack is fused.

    Attributes:
        blur_px: One focus setting out of focus.
        tiles: Parts of the picture.
        near: The focus settings that each is fused from.
        are_held: Whether those are held once they are merged, for each tile.
        coarse_focus: Where each pixel of the small copies is sharpest; None with one setting.
        coarse_light: The small copies, fused, natural log radiance: what none of a tile's settings shows. None where
            all settings show everything, and where each tile is fused from all of them.
        log_gains: What makes all settings equally bright, on cells of the whole picture; None where tiles find it.
        known_focus: Where each focus setting is sharp, if that is known.
        depth: Of the pyramids; None for what the settings of a tile need.
    """

    blur_px: float
    tiles: Sequence[Tile]
    near: Sequence[NearSettings]
    are_held: Sequence[bool]
    coarse_focus: Image | None = None
    coarse_light: RgbImage | None = None
    log_gains: Sequence[RgbImage] | None = None
    known_focus: KnownFocus | None = None
    depth: int | None = None


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


def plan_fusion(
    stacks: SettingStacks, preview: Callable[[RgbImage], None] | None, known_focus: KnownFocus | None
) -> FusionPlan:
    """How photographs are fused, by their small copies; arguments as of `fuse_in_tiles`."""
    height, width, _ = stacks.frames[0].shape
    count = len(stacks.settings)
    if count == 1:
        if preview is not None:
            preview(fuse_stack(stacks.small(True), 0.0).log_radiance)
        tiles = list(overlapping_tiles(height, width, tile_plan(1)[0], 0))
        return FusionPlan(0.0, tiles, [NearSettings.all_of(1)] * len(tiles), [True] * len(tiles))
    factor = stacks.survey.factor
    small = stacks.small(tile_plan(count)[1])
    blur_px = _stack_blur_px(stacks, small) if known_focus is None else known_focus.blur_per_setting_px
    looked_at, spacing = _looked_at(count, blur_px / factor)
    of_coarse, coarse_blur_px = small, spacing * blur_px / factor
    if len(looked_at) < count:
        of_coarse = stacks.small(tile_plan(len(looked_at))[1], looked_at, coarse_blur_px)
    told = focus_of(of_coarse, coarse_blur_px)
    told = told._replace(focus=told.focus * np.float32(spacing))
    coarse_focus = completed_focus(told)
    if known_focus is not None:
        coarse_focus = cv2.resize(known_focus.sharpest_focus, coarse_focus.shape[::-1], interpolation=cv2.INTER_AREA)
    are_near_enough = count > MANY_SETTINGS and stacks.share_exposures
    coarse_light = None
    if preview is not None or (are_near_enough and of_coarse.is_uncovered_somewhere):
        coarse_light = fuse_stack(of_coarse, coarse_blur_px).log_radiance
    if preview is not None and coarse_light is not None:
        preview(coarse_light)
    if not are_near_enough:
        tiles = _cut((height, width), count, pyramid_depth(height, width, count * blur_px), blur_px)
        all_settings, is_held = NearSettings.all_of(count), tile_plan(count)[1]
        return FusionPlan(
            blur_px,
            tiles,
            [all_settings] * len(tiles),
            [is_held] * len(tiles),
            coarse_focus,
            known_focus=known_focus,
        )
    is_sure = (told.evidence > UNSURE_EVIDENCE) & (known_focus is None)
    sure_focus = np.where(is_sure, told.focus, coarse_focus)
    blocks = NearBlocks.of(
        coarse_focus, sure_focus, max(RANGE_MARGIN, math.ceil(SPACING_SHARE * spacing)), (height, width), count
    )
    for num_settings in range(MANY_SETTINGS, count + 1):  # the largest tiles that need no more settings than they may
        depth = pyramid_depth(height, width, num_settings * blur_px * FARTHEST_SHARE)
        tiles = _cut((height, width), num_settings, depth, blur_px)
        numbers = [blocks.num_settings(tile.with_margin) for tile in tiles]
        share_held = np.mean([_is_held(tile, number) for tile, number in zip(tiles, numbers, strict=True)])
        if max(numbers) <= num_settings or (
            share_held >= LEAST_SHARE_HELD
            and all(_fits(tile, number) for tile, number in zip(tiles, numbers, strict=True))
        ):
            break
    return FusionPlan(
        blur_px,
        tiles,
        [blocks.near(tile.with_margin) for tile in tiles],
        [_is_held(tile, number) for tile, number in zip(tiles, numbers, strict=True)],
        coarse_focus,
        coarse_light if of_coarse.is_uncovered_somewhere else None,
        small.area_gains(blur_px / factor),
        known_focus,
        depth,
    )


def _cut(size: tuple[int, int], num_settings: int, depth: int, blur_px: float) -> list[Tile]:
    """Tiles for so many settings, and pyramids of so many bands, each."""
    margin_px = min(LARGEST_MARGIN_PX, max(MARGIN_OF_COARSEST * 2**depth, math.ceil(4 * area_sigma_px(blur_px))))
    return list(overlapping_tiles(*size, tile_plan(num_settings)[0], margin_px, 2**depth))


def _num_pixels(tile: Tile) -> int:
    rows, columns = tile.with_margin
    return (rows.stop - rows.start) * (columns.stop - columns.start)


def _is_held(tile: Tile, num_settings: int) -> bool:
    return _num_pixels(tile) * (FIXED_PIXEL_BYTES + HELD_PIXEL_BYTES * num_settings) <= TILE_BYTES


def _fits(tile: Tile, num_settings: int) -> bool:
    return _num_pixels(tile) * (FIXED_PIXEL_BYTES + LUMINANCE_PIXEL_BYTES * num_settings) <= TILE_BYTES


def _looked_at(count: int, blur_px: float) -> tuple[list[int], float]:
    """Which of many settings are looked at on the small copies, and how many settings lie from one to the next.

    Args:
        count: Number of settings.
        blur_px: One setting out of focus, in pixels of the small copies.
    """
    if count <= MANY_SETTINGS:
        return list(range(count)), 1.0
    steps = (count - 1) * min(1.0, blur_px / COARSE_BLUR_PX)
    return _evenly(count, min(count, max(FEWEST_COARSE, math.ceil(steps) + 1)))


def _stack_blur_px(stacks: SettingStacks, small: FocusStack) -> float:
    """Blur of a pixel one focus setting out of focus, in pixels of the photographs.

    It is looked for on the whole picture made small; of many settings some tell it, so far apart that their blur
    differs. If it is too small to be told there, again on the part with the most detail, made less small.
    """
    count, small_factor = len(small), stacks.survey.factor
    chosen, spacing = list(range(count)), 1.0
    factor = small_factor
    blur_px = stack_blur(small) if count <= MANY_SETTINGS else 0.0
    for number in range(MANY_SETTINGS, count, MANY_SETTINGS) if count > MANY_SETTINGS else ():
        chosen, spacing = _evenly(count, number)
        small = stacks.small(tile_plan(number)[1], chosen)
        blur_px = stack_blur(small)
        if blur_px < BLUR_CANDIDATES_PX[-2]:
            break
    is_held = tile_plan(len(chosen))[1]
    while blur_px < LEAST_BLUR_PX and factor > 1:
        factor = max(1.0, factor / 2)
        sides = _part_with_detail(small, factor / small_factor)
        rows, columns = (slice(round(side.start * small_factor), round(side.stop * small_factor)) for side in sides)
        blur_px = stack_blur(stacks.part((rows, columns), is_held, factor, chosen))
    return blur_px * factor / spacing


def _evenly(count: int, number: int) -> tuple[list[int], float]:
    """So many of the settings, evenly spaced from the first to the last, and their spacing."""
    return np.rint(np.linspace(0, count - 1, number)).astype(int).tolist(), (count - 1) / (number - 1)


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
