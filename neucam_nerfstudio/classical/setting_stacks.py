"""Photographs -> focus stacks of parts of their picture, at full size or made small; frames are read by parts."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Any, NamedTuple, Protocol, runtime_checkable

import cv2
import numpy as np
from jaxtyping import Bool, Float, Shaped

from neucam_nerfstudio.classical.exposure_merge import RIM_PX, DecodingTable, MergedExposures, merge_bracket, rim_weight
from neucam_nerfstudio.classical.focus_stack import FocusStack
from neucam_nerfstudio.classical.near_settings import NearSettings, Part, within
from neucam_nerfstudio.classical.pixel_values import Image, Photograph, RgbImage, flat_noise, median_noise, to_codes
from neucam_nerfstudio.classical.response_samples import small_copy, small_coverage
from neucam_nerfstudio.classical.work_threads import Stopped, in_threads, num_cores

SMALL_SIDE, SMALL_FACTOR, SMALL_PIXELS = 1024, 2.0, 16_000_000
"""All of the picture is looked at made small: to at most this longer side, reduced at least so many times, and to at
most so many pixels of all focus settings together, which bounds memory."""

LEAST_STOPS_APART = 0.3
"""Exposures that differ by less are taken for one."""


@runtime_checkable
class Coverage(Protocol):
    """Which pixels of a frame show something: a mask [height, width], or what reads like one, by parts."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __getitem__(self, place: Any, /) -> Any: ...


class Survey(NamedTuple):
    """What is kept of the first look at all frames, each of which is read once.

    Attributes:
        tiny_ldr: Pixel values in [0, 1] of copies from which the camera is learned.
        tiny_covered: Which of their pixels show something; None where all do.
        noise: Standard deviation of a pixel value in [0, 1].
        factor: How many times smaller than the frames the small copies are.
        small_codes: The small copies.
        small_weights: What their pixels weigh; None for 1 everywhere.
    """

    tiny_ldr: Float[np.ndarray, "frames tiny_height tiny_width 3"]
    tiny_covered: Bool[np.ndarray, "frames tiny_height tiny_width"] | None
    noise: float
    factor: float
    small_codes: list[Shaped[np.ndarray, "small_height small_width 3"]]
    small_weights: list[Float[np.ndarray, "small_height small_width"] | None]


def survey_frames(
    frames: Sequence[Photograph],
    coverage: Sequence[Coverage | None],
    num_settings: int,
    report: Callable[[float], None] = lambda share_done: None,
) -> Survey:
    """Reads all frames once, as many at a time as there are CPUs, and keeps small copies.

    Args:
        frames: The photographs.
        coverage: Of each; None where all of it shows something.
        num_settings: Number of focus settings.
        report: Called with the share that is done, (0, 1].
    """
    height, width, _ = frames[0].shape
    factor = small_factor(height, width, num_settings)
    looks: list[Any] = [None] * len(frames)

    def look(number: int) -> None:
        codes, covered = to_codes(np.asarray(frames[number])), coverage[number]
        mask = None if covered is None else np.asarray(covered)
        weight, tiny = rim_weight(mask), small_copy(codes)
        tiny_covered = np.ones(tiny.shape[:2], bool) if mask is None else small_coverage(mask)
        small_weight = None if weight is None else reduced(weight, factor)
        looks[number] = tiny, tiny_covered, flat_noise(codes), reduced(codes, factor), small_weight

    in_threads(look, len(frames), num_cores(), report)
    tiny, tiny_covered, noises, codes_of, weights_of = map(list, zip(*looks, strict=True))
    is_covered = all(covered is None for covered in coverage)
    return Survey(
        np.stack(tiny),
        None if is_covered else np.stack(tiny_covered),
        median_noise(noises),
        factor,
        codes_of,
        weights_of,
    )


def small_factor(height: int, width: int, num_settings: int) -> float:
    """How many times smaller all of the picture is made."""
    return max(SMALL_FACTOR, max(height, width) / SMALL_SIDE, math.sqrt(height * width * num_settings / SMALL_PIXELS))


def reduced(plane: np.ndarray, factor: float) -> np.ndarray:
    """A picture made so many times smaller by area averaging."""
    if factor == 1:
        return plane
    size = [max(1, round(side / factor)) for side in plane.shape[1::-1]]
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


@dataclass(frozen=True)
class SettingStacks:
    """Focus stacks of photographs.

    Attributes:
        frames: The photographs.
        coverage: Which of their pixels show something; None where all do.
        settings: Which frames each focus setting has, in ascending order of focus.
        tables: How each frame is decoded.
        survey: Their small copies.
        stop: Once it is set, nothing more is merged.
    """

    frames: Sequence[Photograph]
    coverage: Sequence[Coverage | None]
    settings: Sequence[Sequence[int]]
    tables: Sequence[DecodingTable]
    survey: Survey
    stop: Event = field(default_factory=Event)

    def small(self, is_held: bool, chosen: Sequence[int] | None = None, blur_px: float = 0.0) -> FocusStack:
        """The focus stack of the small copies.

        Args:
            is_held: As of `FocusStack`.
            chosen: Focus settings; None for all.
            blur_px: Blur one chosen setting out of focus, in pixels of the small copies.
        """
        codes, weights = self.survey.small_codes, self.survey.small_weights
        settings = list(range(len(self.settings))) if chosen is None else chosen
        return FocusStack(
            len(settings),
            lambda number: self._merged(settings[number], lambda i: (codes[i], weights[i])),
            is_held,
            blur_px,
            self._bounds(settings),
        )

    def part(
        self,
        part: Part,
        is_held: bool,
        factor: float = 1.0,
        chosen: Sequence[int] | NearSettings | None = None,
        blur_px: float = 0.0,
        log_gain: Callable[[int], RgbImage] | None = None,
        elsewhere: RgbImage | None = None,
    ) -> FocusStack:
        """The focus stack of some rows and columns, made so many times smaller; other arguments as of `small`.

        Args:
            part: Rows and columns.
            log_gain: What makes each chosen setting as bright as the others, see `FocusStack`.
            elsewhere: What is seen where no chosen setting shows anything, see `FocusStack`.
        """

        def merged(setting: int, own: Part) -> MergedExposures:
            def read(i: int) -> tuple[np.ndarray, Image | None]:
                plane, weight = np.asarray(self.frames[i][own]), part_weight(self.coverage[i], own)
                if factor == 1:
                    return plane, weight
                return reduced(to_codes(plane), factor), None if weight is None else reduced(weight, factor)

            return self._merged(setting, read)

        if not isinstance(chosen, NearSettings):
            settings = list(range(len(self.settings))) if chosen is None else chosen
            return FocusStack(
                len(settings),
                lambda number: merged(settings[number], part),
                is_held,
                blur_px,
                self._bounds(settings),
                log_gain,
            )
        if len(chosen.places) == 1:
            first = chosen.places[0][1]
            bounds = self._bounds(range(first, first + chosen.count))
            return FocusStack(
                chosen.count, lambda n: merged(first + n, part), is_held, blur_px, bounds, log_gain, elsewhere
            )

        def composed(number: int) -> MergedExposures:
            whole: MergedExposures | None = None
            for own, first in chosen.places:
                made = merged(first + number, own)
                if whole is None:
                    size = [side.stop - side.start for side in part]
                    whole = MergedExposures(*(np.empty((*size, *p.shape[2:]), p.dtype) for p in made))
                for plane, of_place in zip(whole, made, strict=True):
                    plane[within(own, part)] = of_place
            assert whole is not None, "a part has places"
            return whole

        return FocusStack(chosen.count, composed, is_held, blur_px, None, log_gain, elsewhere)

    def _merged(self, setting: int, read: Callable[[int], tuple[np.ndarray, Image | None]]) -> MergedExposures:
        if self.stop.is_set():
            raise Stopped
        members = self.settings[setting]
        pixels, weights = zip(*map(read, members), strict=True)
        return merge_bracket(pixels, [self.tables[i] for i in members], weights)

    def _bounds(self, settings: Sequence[int]) -> list[tuple[bool, bool]]:
        """Whether white and black of each of some settings limit its light, see `FocusStack`."""
        stops = [[float(self.tables[i].exposure_stops) for i in self.settings[setting]] for setting in settings]
        least, most = min(map(min, stops)) + LEAST_STOPS_APART, max(map(max, stops)) - LEAST_STOPS_APART
        return [(min(of_setting) <= least, max(of_setting) >= most) for of_setting in stops]

    @property
    def share_exposures(self) -> bool:
        """Whether all focus settings were photographed at the same exposures."""
        stops = [sorted(self.tables[i].exposure_stops for i in members) for members in self.settings]
        return all(
            len(of_setting) == len(stops[0]) and np.ptp([of_setting, stops[0]], axis=0).max() < LEAST_STOPS_APART
            for of_setting in stops
        )


def part_weight(covered: Coverage | None, part: Part) -> Image | None:
    """`rim_weight` of some rows and columns of a frame; None for 1 everywhere."""
    if covered is None:
        return None
    wider, inner = [], []
    for own, length in zip(part, covered.shape, strict=True):
        start, stop, _ = own.indices(length)
        first = max(0, start - math.ceil(RIM_PX) - 1)
        wider.append(slice(first, min(length, stop + math.ceil(RIM_PX) + 1)))
        inner.append(slice(start - first, stop - first))
    mask = np.asarray(covered[tuple(wider)])
    weight = None if mask.all() else rim_weight(mask)
    return None if weight is None else np.ascontiguousarray(weight[tuple(inner)])
