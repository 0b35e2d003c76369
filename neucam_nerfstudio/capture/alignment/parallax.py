"""Photographs of one still scene, each from its own place: near things move against far ones.

A map takes what lies on a plane from one photograph to another; what is nearer than the plane lies from there along a
line, the farther the nearer it is ("plane and parallax", Irani & Anandan 1996; Shashua & Navab 1996). So eleven numbers
a photograph tell where it shows everything, once it is known how near each pixel of the reference is. Optical flow
alone is noise where a photograph is blurred or even; that all photographs share one nearness takes most of this away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
from jaxtyping import Float, Float32, UInt8

from neucam_nerfstudio.capture.alignment.optical_flow import Flow, dense_flow, homography_flow, pixel_places
from neucam_nerfstudio.capture.alignment.registration import full_size_map
from neucam_nerfstudio.capture.pixels.warp import Epipole, Nearness, PixelMap, ViewMap, nearness_of_rows

FLOW_PIXELS, MOST_PIXELS = 1 << 18, 1 << 17
"""Flows are searched at the first number of pixels at most, and kept at the second: nearness is smooth."""
MOST_FITTED = 12
"""So many photographs tell how near things are; the others are placed by that."""
POSE_PIXELS = 20_000
"""So many pixels tell eleven numbers well."""
STEPS, LEAST_STEP_PX = 20, 0.01
"""Of finding maps and nearness by turns, as long as near things move by more than the second."""
FLOW_NOISE = 32.0
"""Standard deviation, in grey levels, by which detail pictures differ besides their motion."""
WINDOW_PX = 2.0
"""Gaussian over which gradients are gathered: flow is told across an edge, and along it by what is around."""
INLIER_PX = 0.5
"""Flow that is farther off than this counts less (Cauchy weights)."""
SCALES_PX = (64.0, 32.0, 16.0, 8.0, 4.0, 2.0)
"""Gaussians over which nearness is gathered; what tells little at one is as at the one before."""
SCALE_DEVIATION = 0.05
"""By how much nearness at one of these scales differs from the one before, as a share of its root mean square."""
EPIPOLE_PRIOR = 1e-4
"""Share of the mean information that holds epipoles to nought, so that a flat scene has no parallax."""
LEAST_INFORMATION = 1e-9
"""Keeps divisions by information finite."""

Detail = UInt8[np.ndarray, "height width"]
Plane = Float32[np.ndarray, "height width"]
Information = Float32[np.ndarray, "height width 3"]
"""What a pixel tells of flow: 1 / variance in squared pixels; xx, xy and yy."""


Chosen = slice | np.ndarray
"""Which pixels, of all in a row."""
ALL = slice(None)


class ToldFlow(NamedTuple):
    """Flow from a photograph to another, and what each pixel tells of it."""

    flow: Flow
    tells: Information


class ComparedPicture(NamedTuple):
    """A photograph as it can be compared with others, exposed and focused differently.

    Attributes:
        levels: Its pixel values, of 255.
        detail: Its fine detail.
    """

    levels: Detail
    detail: Detail

    def reduced(self, size: tuple[int, int]) -> ComparedPicture:
        """At this width and height."""
        return ComparedPicture(*(cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in self))

    @property
    def ranks(self) -> Detail:
        """Which share of its pixels is darker, of 255: hardly changed by exposure and response."""
        return cv2.equalizeHist(self.levels)


def fit_parallax(
    fixed: ComparedPicture, others: Sequence[ComparedPicture], starts: Sequence[PixelMap]
) -> list[ViewMap]:
    """Where each of the others shows what a photograph shows.

    Args:
        fixed: The photograph.
        others: Others of the same size.
        starts: Where each of them about shows it.

    Returns:
        The maps, which share their nearness: its root mean square is 1, its sign is not known.
    """
    flows = _Flows(fixed)
    told_by = sorted(set(np.linspace(0, len(others) - 1, min(len(others), MOST_FITTED)).round().astype(int)))
    fit = _Fit(flows.places, [flows.to(others[index], starts[index]) for index in told_by], flows.unit_px)
    for _ in range(STEPS):
        if fit.step() * max(fixed.detail.shape) / 2 < LEAST_STEP_PX:
            break
    placed = dict(zip(told_by, zip(fit.planes, fit.epipoles, strict=True), strict=True))
    for index, (other, start) in enumerate(zip(others, starts, strict=True)):
        if index not in placed:
            alone = _Fit(flows.places, [flows.to(other, start)], flows.unit_px, fit.nearness)
            placed[index] = alone.planes[0], alone.epipoles[0]
    height, width = fixed.detail.shape
    unit_px = max(height, width) / 2
    to_pixels = np.array([[unit_px, 0, (width - 1) / 2], [0, unit_px, (height - 1) / 2], [0, 0, 1]])
    to_units = np.linalg.inv(to_pixels)
    return [
        ViewMap(to_pixels @ plane @ to_units, to_pixels @ epipole, fit.nearness)
        for plane, epipole in (placed[index] for index in range(len(others)))
    ]


class _Flows:
    """Finds flows from a photograph to others. Lengths are half the picture's longer side, counted from its centre.

    Attributes:
        places: Of the pixels at which flows are kept.
        unit_px: A unit of length, in these pixels.
    """

    def __init__(self, fixed: ComparedPicture) -> None:
        self._shape = fixed.detail.shape
        self._size, kept_size = (_size_within(pixels, *self._shape) for pixels in (FLOW_PIXELS, MOST_PIXELS))
        self._kept_size = min(self._size, kept_size)
        self._fixed = fixed.reduced(self._size)
        self._tells = information(self._fixed.detail)
        width, height = self._size
        self._grid, self._unit_px = pixel_places(height, width), max(width, height) / 2
        centre = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
        self.places = (self._kept(self._grid) - centre) / np.float32(self._unit_px)
        self.unit_px = max(self._kept_size) / 2

    def to(self, other: ComparedPicture, start: PixelMap) -> ToldFlow:
        """Flow to another photograph, that about shows things where `start` says."""
        width, height = self._size
        other = other.reduced(self._size)
        start = full_size_map(ViewMap(start), self._shape, height, width).plane
        flow = dense_flow(self._fixed.ranks, other.ranks, homography_flow(start, self._grid))
        x, y = np.moveaxis(self._grid + flow, -1, 0)
        seen = cv2.remap(_trace(information(other.detail)), x, y, cv2.INTER_LINEAR)  # nothing beyond the border
        shared = np.minimum(1, seen / (_trace(self._tells) + np.float32(LEAST_INFORMATION)))
        tells = self._kept(self._tells * shared[..., None]) * np.float32(self._unit_px**2)
        return ToldFlow(self._kept(flow) / np.float32(self._unit_px), tells)

    def _kept(self, image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, self._kept_size, interpolation=cv2.INTER_AREA)


def _size_within(pixels: int, height: int, width: int) -> tuple[int, int]:
    """Width and height of a picture reduced to so many pixels at most."""
    factor = max(1.0, float(np.sqrt(height * width / pixels)))
    return round(width / factor), round(height / factor)


def flow_through(view_map: ViewMap, height: int, width: int) -> Flow:
    """Flow of a map at each pixel of a picture."""
    x, y = np.arange(width, dtype=np.float64), np.arange(height, dtype=np.float64)[:, None]
    right, below, third = (row[0] * x + (row[1] * y + row[2]) for row in view_map.plane)
    if view_map.epipole is not None and view_map.nearness is not None:
        nearness = nearness_of_rows(view_map.nearness, slice(0, height), height, width)
        right, below, third = (
            place + nearness * step for place, step in zip((right, below, third), view_map.epipole, strict=True)
        )
    return np.stack([right / third - x, below / third - y], -1).astype(np.float32)


def information(detail: Detail) -> Information:
    """What a detail picture tells of flow: its structure tensor (Foerstner & Guelch 1987) over the noise's variance."""
    smooth = cv2.GaussianBlur(detail.astype(np.float32), (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    products = np.stack([across * across, across * down, down * down], -1) / np.float32(FLOW_NOISE**2)
    return cv2.GaussianBlur(products, (0, 0), WINDOW_PX)


def _trace(tells: Information) -> Float32[np.ndarray, "height width"]:
    return tells[..., 0] + tells[..., 2]


def _sum_around(values: Float32[np.ndarray, "height width"], sigma_px: float) -> Float32[np.ndarray, "height width"]:
    """Sum over a window that falls off like a Gaussian: two boxes, whose cost does not grow with it."""
    side = max(1, round(sigma_px * np.sqrt(6)))
    box = cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)
    return cv2.blur(box, (side, side), borderType=cv2.BORDER_REFLECT) * np.float32(4 * np.pi * sigma_px**2)


class _Fit:
    """Least squares by turns, robustly. Lengths are half the picture's longer side, counted from its centre.

    Args:
        places: Of pixels.
        flows: To each other photograph.
        unit_px: A unit of length, in pixels of these arrays.
        nearness: If it is known; then maps are found and nothing else.
    """

    def __init__(
        self, places: Flow, flows: Sequence[ToldFlow], unit_px: float, nearness: Nearness | None = None
    ) -> None:
        self._x, self._y = _planes(places)
        self._ends = [_planes(places + flow) for flow, _ in flows]
        self._tells = [_planes(tells) for _, tells in flows]
        self._inlier = INLIER_PX / unit_px
        self._sigmas_px = [sigma for sigma in SCALES_PX if sigma <= unit_px]
        self.planes: list[PixelMap] = [np.eye(3) for _ in flows]
        self.epipoles: list[Epipole] = [np.zeros(3) for _ in flows]
        self.nearness: Nearness = np.zeros_like(self._x)
        self._chosen = np.arange(0, self._x.size, max(1, self._x.size // POSE_PIXELS))
        for _ in range(3):  # as the robust weights settle
            self._find_planes(numbers=8)
        if nearness is None:
            self._start_nearness()
        else:
            self.nearness = nearness
            for _ in range(3):
                self._find_planes(numbers=11)

    def step(self) -> float:
        """Planes and epipoles for this nearness, and nearness for these; returns how far that moves near things."""
        before = self.nearness
        self._find_planes(numbers=11)
        self._find_nearness()
        farthest = max(float(np.linalg.norm(epipole[:2])) for epipole in self.epipoles)
        return farthest * float(np.sqrt(np.mean((self.nearness - before) ** 2)))

    def _start_nearness(self) -> None:
        """Along the direction in which what planes leave varies most, over all photographs."""
        told = np.mean([xx + yy for xx, _, yy in self._tells], axis=0)
        weights, left = np.sqrt(np.minimum(told, told.mean())), []
        for index in range(len(self._ends)):
            left += [weights.ravel() * side for side in self._left(index, self._projected(index))]
        directions = np.linalg.eigh(np.array([[one @ other for other in left] for one in left]))[1][:, -1]
        self.epipoles = [np.append(directions[2 * index : 2 * index + 2], 0) for index in range(len(self._ends))]
        self._find_nearness()

    def _projected(self, index: int, chosen: Chosen = ALL) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the map has some pixels, three numbers each."""
        x, y, nearness = (values.ravel()[chosen] for values in (self._x, self._y, self.nearness))
        numbers = np.column_stack([self.planes[index], self.epipoles[index]]).astype(np.float32)
        first, second, third = (row[0] * x + row[1] * y + row[2] + row[3] * nearness for row in numbers)
        return first, second, third

    def _left(
        self, index: int, projected: tuple[np.ndarray, np.ndarray, np.ndarray], chosen: Chosen = ALL
    ) -> tuple[np.ndarray, np.ndarray]:
        """What is left of a flow there, to the right and down."""
        x, y, third = projected
        end_x, end_y = (end.ravel()[chosen] for end in self._ends[index])
        return end_x - x / third, end_y - y / third

    def _trust(self, left: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """How far a flow counts of which so much is left."""
        return 1 / (1 + (left[0] ** 2 + left[1] ** 2) / np.float32(self._inlier**2))

    def _find_planes(self, numbers: int) -> None:
        """Each photograph's eight numbers of the plane, and three of the epipole if it has any."""
        chosen = self._chosen
        x, y, near = (values.ravel()[chosen] for values in (self._x, self._y, self.nearness))
        one, none = np.ones_like(x), np.zeros_like(x)
        for index in range(len(self._ends)):
            trust = self._trust(self._left(index, self._projected(index, chosen), chosen))
            xx, xy, yy = (plane.ravel()[chosen] * trust for plane in self._tells[index])
            to_x, to_y = (end.ravel()[chosen] for end in self._ends[index])
            across = np.stack([x, y, one, none, none, none, -to_x * x, -to_x * y, near, none, -to_x * near])[:numbers]
            down = np.stack([none, none, none, x, y, one, -to_y * x, -to_y * y, none, near, -to_y * near])[:numbers]
            along, below = across * xx + down * xy, across * xy + down * yy
            normal = (along @ across.T + below @ down.T).astype(np.float64)
            held = np.full(numbers, LEAST_INFORMATION * np.trace(normal))
            held[8:] += EPIPOLE_PRIOR * np.trace(normal[:8, :8])
            solved = np.linalg.solve(normal + np.diag(held), (along @ to_x + below @ to_y).astype(np.float64))
            self.planes[index] = np.append(solved[:8], 1.0).reshape(3, 3)
            if numbers > 8:
                self.epipoles[index] = solved[8:]

    def _find_nearness(self) -> None:
        """The likeliest nearness of each pixel, where one scale is held to the one before."""
        total, weighted = np.zeros((2, *self.nearness.shape), np.float32)
        for index, ((end_x, end_y), (xx, xy, yy)) in enumerate(zip(self._ends, self._tells, strict=True)):
            projected = tuple(values.reshape(end_x.shape) for values in self._projected(index))
            x, y, third = projected
            step_x, step_y, step = self.epipoles[index].astype(np.float32)
            slope_x, slope_y = step_x - end_x * step, step_y - end_y * step
            trust = self._trust((end_x - x / third, end_y - y / third))
            along, below = trust * (xx * slope_x + xy * slope_y), trust * (xy * slope_x + yy * slope_y)
            told = along * slope_x + below * slope_y
            total += told
            weighted += along * (end_x * third - x) + below * (end_y * third - y) + told * self.nearness
        held = np.float32(1 / (SCALE_DEVIATION * self._size(total)) ** 2) if self.nearness.any() else total.mean()
        nearness = np.full_like(total, weighted.sum() / (total.sum() + LEAST_INFORMATION))
        for sigma_px in self._sigmas_px:
            gathered, share = (_sum_around(values, sigma_px) for values in (weighted, total))
            nearness = (gathered + held * nearness) / (share + held)
        self.nearness = nearness.astype(np.float32)
        size = self._size(total)
        self.nearness /= np.float32(size)
        self.epipoles = [epipole * size for epipole in self.epipoles]

    def _size(self, told: Float[np.ndarray, "height width"]) -> float:
        """Root mean square of nearness, where it is told."""
        return float(np.sqrt(np.average(self.nearness**2, weights=told + LEAST_INFORMATION))) or 1.0


def _planes(image: Float32[np.ndarray, "height width channels"]) -> tuple[Plane, ...]:
    """The channels of a picture, each in one piece."""
    return tuple(np.ascontiguousarray(channel) for channel in np.moveaxis(image, -1, 0))
