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
from neucam_nerfstudio.capture.pixels.warp import Epipole, Nearness, PixelMap, ViewMap, nearness_of_rows

MOST_PIXELS = 1 << 17
"""Flows are kept at this many pixels at most: nearness is smooth."""
POSE_PIXELS = 20_000
"""So many pixels tell eleven numbers well."""
STEPS = 20
"""Of finding maps and nearness by turns; more change the places by less than a hundredth of a pixel."""
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
Information = Float32[np.ndarray, "height width 3"]
"""What a pixel tells of flow: 1 / variance in squared pixels; xx, xy and yy."""


class ComparedPicture(NamedTuple):
    """A photograph as it can be compared with others, exposed and focused differently.

    Attributes:
        ranks: Which share of its pixels is darker, of 255: hardly changed by exposure and response.
        detail: Its fine detail.
    """

    ranks: Detail
    detail: Detail


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
    height, width = fixed.detail.shape
    factor = max(1.0, float(np.sqrt(height * width / MOST_PIXELS)))
    size = (round(width / factor), round(height / factor))

    def small(image: np.ndarray) -> np.ndarray:
        return cv2.resize(image, size, interpolation=cv2.INTER_AREA)

    places, unit_px = pixel_places(height, width), max(height, width) / 2
    centre = np.array([(width - 1) / 2, (height - 1) / 2], np.float32)
    own = information(fixed.detail)
    flows, tells = [], []
    for other, start in zip(others, starts, strict=True):
        flow = dense_flow(fixed.ranks, other.ranks, homography_flow(start, places))
        x, y = np.moveaxis(places + flow, -1, 0)
        seen = cv2.remap(_trace(information(other.detail)), x, y, cv2.INTER_LINEAR)  # nothing beyond the border
        shared = np.minimum(1, seen / (_trace(own) + LEAST_INFORMATION))
        flows.append(small(flow) / unit_px)
        tells.append(small(own * shared[..., None]) * unit_px**2)
    fit = _Fit((small(places) - centre) / unit_px, flows, tells, INLIER_PX / unit_px, unit_px / factor)
    for _ in range(STEPS):
        fit.step()
    to_pixels = np.array([[unit_px, 0, centre[0]], [0, unit_px, centre[1]], [0, 0, 1]])
    to_units = np.linalg.inv(to_pixels)
    return [
        ViewMap(to_pixels @ plane @ to_units, to_pixels @ epipole, fit.nearness)
        for plane, epipole in zip(fit.planes, fit.epipoles, strict=True)
    ]


def flow_through(view_map: ViewMap, height: int, width: int) -> Flow:
    """Flow of a map at each pixel of a picture."""
    places = pixel_places(height, width)
    ends = np.concatenate([places, np.ones((height, width, 1), np.float32)], -1) @ view_map.plane.T
    if view_map.epipole is not None and view_map.nearness is not None:
        nearness = nearness_of_rows(view_map.nearness, slice(0, height), height, width)
        ends += nearness[..., None] * view_map.epipole
    return (ends[..., :2] / ends[..., 2:] - places).astype(np.float32)


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
        tells: What each pixel tells of each flow.
        inlier: Flow that is farther off counts less.
        unit_px: A unit of length, in pixels of these arrays.
    """

    def __init__(
        self, places: Flow, flows: Sequence[Flow], tells: Sequence[Information], inlier: float, unit_px: float
    ) -> None:
        self.places, self.tells, self.inlier = places, tells, inlier
        self.sigmas_px = [sigma for sigma in SCALES_PX if sigma <= unit_px]
        self.ends = [places + flow for flow in flows]
        self.planes: list[PixelMap] = [np.eye(3) for _ in flows]
        self.epipoles: list[Epipole] = [np.zeros(3) for _ in flows]
        self.nearness: Nearness = np.zeros(places.shape[:2], np.float32)
        count = self.nearness.size
        self.chosen = np.arange(0, count, max(1, count // POSE_PIXELS))
        for _ in range(3):  # as the robust weights settle
            self._find_planes(numbers=8)
        self._start_nearness()

    def step(self) -> None:
        """Planes and epipoles for this nearness, and nearness for these."""
        self._find_planes(numbers=11)
        self._find_nearness()

    def _start_nearness(self) -> None:
        """Along the direction in which what planes leave varies most, over all photographs."""
        left = np.concatenate([self._left_and_trust(index)[0] for index in range(len(self.ends))], axis=-1)
        told = _trace(np.mean(self.tells, axis=0))
        weighted = left * np.sqrt(np.minimum(told, told.mean()))[..., None]
        directions = np.linalg.eigh(np.einsum("hwi,hwj->ij", weighted, weighted))[1][:, -1]
        self.epipoles = [np.append(directions[2 * index : 2 * index + 2], 0) for index in range(len(self.ends))]
        self._find_nearness()

    def _projected(self, index: int) -> Float[np.ndarray, "height width 3"]:
        """Where the map has a pixel, three numbers."""
        plane = self.planes[index].astype(np.float32)
        on_plane = self.places @ plane[:, :2].T + plane[:, 2]
        return on_plane + self.nearness[..., None] * self.epipoles[index].astype(np.float32)

    def _left_and_trust(self, index: int) -> tuple[Flow, Float[np.ndarray, "height width"]]:
        """What is left of a flow, and how far it counts."""
        projected = self._projected(index)
        left = self.ends[index] - projected[..., :2] / projected[..., 2:]
        return left, 1 / (1 + np.einsum("hwi,hwi->hw", left, left) / self.inlier**2)

    def _find_planes(self, numbers: int) -> None:
        """Each photograph's eight numbers of the plane, and three of the epipole if it has any."""
        x, y = self.places.reshape(-1, 2)[self.chosen].T
        near = self.nearness.ravel()[self.chosen]
        one, none = np.ones_like(x), np.zeros_like(x)
        for index, (ends, tells) in enumerate(zip(self.ends, self.tells, strict=True)):
            trust = self._left_and_trust(index)[1].ravel()[self.chosen]
            xx, xy, yy = (tells.reshape(-1, 3)[self.chosen] * trust[:, None]).T
            to_x, to_y = ends.reshape(-1, 2)[self.chosen].T
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
        for index, (ends, tells) in enumerate(zip(self.ends, self.tells, strict=True)):
            epipole, projected = self.epipoles[index].astype(np.float32), self._projected(index)
            slope = epipole[:2] - ends * epipole[2]
            xx, xy, yy = np.moveaxis(tells * self._left_and_trust(index)[1][..., None], -1, 0)
            along = xx * slope[..., 0] + xy * slope[..., 1]
            below = xy * slope[..., 0] + yy * slope[..., 1]
            told = along * slope[..., 0] + below * slope[..., 1]
            left = ends * projected[..., 2:] - projected[..., :2]
            total += told
            weighted += along * left[..., 0] + below * left[..., 1] + told * self.nearness
        held = np.float32(1 / (SCALE_DEVIATION * self._size(total)) ** 2) if self.nearness.any() else total.mean()
        nearness = np.full_like(total, weighted.sum() / (total.sum() + LEAST_INFORMATION))
        for sigma_px in self.sigmas_px:
            gathered, share = (_sum_around(values, sigma_px) for values in (weighted, total))
            nearness = (gathered + held * nearness) / (share + held)
        self.nearness = nearness.astype(np.float32)
        size = self._size(total)
        self.nearness /= np.float32(size)
        self.epipoles = [epipole * size for epipole in self.epipoles]

    def _size(self, told: Float[np.ndarray, "height width"]) -> float:
        """Root mean square of nearness, where it is told."""
        return float(np.sqrt(np.average(self.nearness**2, weights=told + LEAST_INFORMATION))) or 1.0
