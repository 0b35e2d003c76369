"""What many views tell of their focus: each is sharpest, beside the others, where it is focused."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.scene.volume.plane_sweep import SweptViews

MOST_RATIO = 4.0
"""A view is at most so many times as sharp as the mean of all: more is noise."""

LEAST_DETAIL = 1e-4
"""Squared second difference of log radiance below which there is nothing to be sharp."""

SPREAD_SHARE = 0.06
"""Standard deviation of the window over 1/depth, as a share of the whole range."""

TYPICAL_WEIGHT = 0.02
"""Of a view that is as sharp as all others, wherever nothing is seen, as a share of all detail."""


@torch.no_grad()
def sharpest_disparities(
    views: SweptViews,
    points: Float[Tensor, "rows columns 3"],
    seen_at: Float[Tensor, "rows columns"],
    disparities: Float[Tensor, " planes"],
) -> Float[Tensor, " views"]:
    """At which 1/depth of the frustum each view is sharpest.

    Args:
        views: The photographs.
        points: Of what is seen, one in each cell.
        seen_at: Their planes' 1/depth.
        disparities: Of all planes.
    """
    maps = views.maps()
    detail = F.avg_pool2d(_second_difference(maps[:, :3].mean(1, keepdim=True)).square(), 5, 1, 2)
    places, depth = views.project(points)
    found = F.grid_sample(torch.cat([detail, maps[:, 3:]], 1), places, padding_mode="border", align_corners=False)
    inside = (places.abs().amax(-1) < 1) & (depth > 0)
    trust = found[:, 1].square() * inside
    mean = (trust * found[:, 0]).sum(0) / trust.sum(0).clamp(min=1e-6)
    ratio = (found[:, 0] / (mean + LEAST_DETAIL)).clamp(max=MOST_RATIO)
    weight = trust * (mean / (mean + LEAST_DETAIL))
    apart = (disparities[:, None] - seen_at.reshape(-1)) / (SPREAD_SHARE * (disparities[0] - disparities[-1]))
    window = torch.exp(-apart.square() / 2).t()
    typical = TYPICAL_WEIGHT * weight.flatten(1).sum(1, keepdim=True) * SPREAD_SHARE
    sharpness = ((ratio * weight).flatten(1) @ window + typical) / (weight.flatten(1) @ window + typical + 1e-9)
    return disparities[sharpness.argmax(1)]


def _second_difference(values: Float[Tensor, "views 1 height width"]) -> Float[Tensor, "views 1 height width"]:
    kernel = values.new_tensor([[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]])[None, None]
    return F.conv2d(F.pad(values, (1, 1, 1, 1), mode="replicate"), kernel)
