"""Plane sweep (Collins 1996): where photographs, brought to one plane after the other, agree, there is something.

What is out of focus there counts little: defocused photographs agree on planes where there is nothing, too. And so does
what is black or white.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from neucam_nerfstudio.photometry import LN2
from neucam_nerfstudio.scene.image_plane import directions_ahead
from neucam_nerfstudio.scene.volume.quadrature import front_to_back_opacity

DARK_RADIANCE = 1e-2
"""Added to light before its logarithm, as a share of what is middle grey: noise must not make the dark disagree."""

TOLD_LDR = 0.985
"""What is brighter than this in any channel, after it was made smaller, tells no colour: white has got into it."""

SHARP_RADIUS_PX = 1.0
"""Blur radius at which a photograph counts 1/e."""

OUT_OF_FOCUS_TRUST, LEAST_TRUST = 1e-3, 1e-7
"""What photographs count out of focus, and where they are white: where there are no others."""

MOST_VARIANCE = 0.5
"""Of log radiance: what differs more, differs."""

WINDOW, WIDE_WINDOW, WIDE_SHARE = 7, 17, 0.5
"""Cells around each that say whether photographs agree, and what the wider neighbourhood counts beside them."""

AGREEMENT = 4e-3
"""Photographs that differ by so much in variance of log radiance are e times less likely to show the same place."""

LEAST_SEEN = 0.02
"""Trust of all photographs together below which a place is hardly known."""

FOG = 0.02
"""Share of the light that comes from all planes alike, so that training can find what the sweep has missed."""

LEAST_OPACITY, MOST_OPACITY = 1e-4, 0.95


class SweptViews(NamedTuple):
    """Photographs for a sweep, all at one size.

    Attributes:
        ldr: Pixel values in [0, 1].
        log_exposure: What their response makes of them, natural log.
        stops: Exposure of each.
        to_camera: Rotation into each camera's axes right, down, forward; then its place in the world.
        focal_px: Across and down.
        centre_px: From the upper left corner.
        distortion: k1 k2 k3 k4 p1 p2; None where there is none.
        aperture: Radius, world units; 0 where unknown.
        focus: Inverse distance in focus, 1/world unit.
        covered: 1 where a photograph shows something.
    """

    ldr: Float[Tensor, "views 3 height width"]
    log_exposure: Float[Tensor, "views 3 height width"]
    stops: Float[Tensor, " views"]
    to_camera: Float[Tensor, "views 3 4"]
    focal_px: Float[Tensor, "views 2"]
    centre_px: Float[Tensor, "views 2"]
    distortion: Float[Tensor, "views 6"] | None
    aperture: Float[Tensor, " views"]
    focus: Float[Tensor, " views"]
    covered: Float[Tensor, "views 1 height width"]

    def maps(self) -> Float[Tensor, "views 4 height width"]:
        """Log radiance of the photographs, and how much each pixel tells of it, [0, 1]."""
        log_radiance = torch.log(self.log_exposure.exp() + DARK_RADIANCE) - LN2 * self.stops[:, None, None, None]
        contrast = (4 * self.ldr * (1 - self.ldr)).amin(1, keepdim=True)
        white = self.ldr.amax(1, keepdim=True) > TOLD_LDR
        return torch.cat([log_radiance, torch.where(white, 0, contrast) * self.covered], 1)

    def project(
        self, points: Float[Tensor, "rows columns 3"]
    ) -> tuple[Float[Tensor, "views rows columns 2"], Float[Tensor, "views rows columns"]]:
        """Where photographs show points of the world, in [-1, 1] across each picture; and their depths."""
        rows, columns, _ = points.shape
        seen = points.reshape(-1, 3) - self.to_camera[:, None, :, 3]
        seen = (seen @ self.to_camera[:, :, :3].transpose(1, 2)).view(-1, rows, columns, 3)
        depth = seen[..., 2]
        place = seen[..., :2] / torch.where(depth > 0, depth, torch.inf)[..., None]
        if self.distortion is not None:
            place = distorted(place, self.distortion[:, None, None])
        pixel = place * self.focal_px[:, None, None] + self.centre_px[:, None, None]
        size = torch.tensor(self.ldr.shape[:1:-1], device=pixel.device)
        return 2 * pixel / size - 1, depth


class Swept(NamedTuple):
    """What a sweep finds.

    Attributes:
        opacity: Of each cell, [0, 1].
        log_radiance: What sharp photographs show of each, natural log.
        likeliest: Plane on which most is seen.
    """

    opacity: Float[Tensor, "planes rows columns"]
    log_radiance: Float[Tensor, "3 planes rows columns"]
    likeliest: Int[Tensor, "rows columns"]


def distorted(place: Float[Tensor, "*batch 2"], distortion: Float[Tensor, "*#batch 6"]) -> Float[Tensor, "*batch 2"]:
    """Where a lens shows what it would show at these tangents right and down without distortion (Brown 1966, as
    nerfstudio has it).

    Args:
        place: Tangents.
        distortion: k1 k2 k3 k4 p1 p2.
    """
    k1, k2, k3, k4, p1, p2 = distortion.unbind(-1)
    x, y = place.unbind(-1)
    square = x.square() + y.square()
    radial = 1 + square * (k1 + square * (k2 + square * (k3 + square * k4)))
    across = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x.square())
    down = y * radial + 2 * p2 * x * y + p1 * (square + 2 * y.square())
    return torch.stack([across, down], -1)


@torch.no_grad()
def plane_sweep(views: SweptViews, tangents: Float[Tensor, "rows columns 2"], depths: Tensor, pose: Tensor) -> Swept:
    """Brings all photographs to plane after plane.

    Args:
        views: The photographs.
        tangents: Right and down, of the middle of each cell.
        depths: Of the planes, the nearest first.
        pose: Of the frustum, see `Frustum`.
    """
    maps = views.maps()
    differ, trusts, light = [], [], []
    for depth in depths:
        agreed = _on_plane(views, maps, points_at(tangents, depth, pose))
        for found, kept in zip(agreed, (light, differ, trusts), strict=True):
            kept.append(found)
    shares = _shares(torch.stack(differ), torch.stack(trusts))
    opacity = front_to_back_opacity(shares).clamp(LEAST_OPACITY, MOST_OPACITY)
    return Swept(opacity, torch.stack(light, 1), shares.argmax(0))


def points_at(
    tangents: Float[Tensor, "rows columns 2"], depth: Float[Tensor, "*#shape"], pose: Float[Tensor, "3 4"]
) -> Float[Tensor, "rows columns 3"]:
    """Points of the world at tangents right and down and depths of a frustum."""
    return pose[:, 3] + depth[..., None] * directions_ahead(tangents, pose[:, :3])


def _on_plane(
    views: SweptViews, maps: Float[Tensor, "views 4 height width"], points: Float[Tensor, "rows columns 3"]
) -> tuple[Float[Tensor, "3 rows columns"], Float[Tensor, "rows columns"], Float[Tensor, "rows columns"]]:
    """Mean log radiance of what photographs show of points, its variance, and how much all of them tell together."""
    places, depth = views.project(points)
    seen = F.grid_sample(maps, places, padding_mode="border", align_corners=False)
    inside = (places.abs().amax(-1) < 1) & (depth > 0)
    per_depth = 1 / depth.clamp(min=1e-6)
    focal_px = views.focal_px.mean(-1)[:, None, None]
    radius_px = focal_px * views.aperture[:, None, None] * (per_depth - views.focus[:, None, None]).abs()
    trust = seen[:, 3].square() * inside
    trust = (
        trust * (torch.exp(-((radius_px / SHARP_RADIUS_PX) ** 2)) + OUT_OF_FOCUS_TRUST) + LEAST_TRUST * inside + 1e-10
    )
    total = trust.sum(0)
    mean = (trust[:, None] * seen[:, :3]).sum(0) / total
    variance = (trust[:, None] * (seen[:, :3] - mean).square()).sum(0).mean(0) / total
    # One photograph alone always agrees with itself.
    count = total.square() / trust.square().sum(0)
    return mean, (variance * count / (count - 0.5)).clamp(max=MOST_VARIANCE), total


def _shares(
    differ: Float[Tensor, "planes rows columns"], trust: Float[Tensor, "planes rows columns"]
) -> Float[Tensor, "planes rows columns"]:
    """Share of the light of each cell that comes from each plane: as likely as photographs agree there."""
    weight = trust.clamp(max=1)
    known = _mean_around(weight, WINDOW)
    cost = _mean_around(differ * weight, WINDOW) / (known + 1e-6)
    cost = cost + WIDE_SHARE * _mean_around(cost, WIDE_WINDOW)
    likely = -cost.clamp(max=MOST_VARIANCE) * (known / LEAST_SEEN).clamp(max=1) / AGREEMENT
    return (1 - FOG) * torch.softmax(likely, 0) + FOG / len(cost)


def _mean_around(values: Float[Tensor, "planes rows columns"], side: int) -> Float[Tensor, "planes rows columns"]:
    return F.avg_pool2d(values[:, None], side, 1, side // 2, count_include_pad=False)[:, 0]
