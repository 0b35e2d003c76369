"""A local tone mapping operator for a camera that renders rays in any order and any number at a time.

OpenCV's operator of Mantiuk et al. 2006 sees a small version of the whole picture once. What it does to each place is
kept as a curve of the logarithm of light, contrast and gain, that varies slowly over the picture but not across its
edges (the fast guided filter of He & Sun 2015). A ray looks up the curve of its place and applies it to its own light,
so that details, edges and blur stay, and nothing depends on which rays are rendered together.
"""

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from neucam_nerfstudio.grids.plane_pyramid import sample_plane
from neucam_nerfstudio.photometry import MIDDLE_GREY, encode_srgb
from neucam_nerfstudio.rendering.display_tonemapping import SMALLEST_RADIANCE, into_gamut, luminance

LOCAL_LONGER_SIDE = 256
"""Places along the longer side of the picture that the operator sees."""

CONTRAST = 0.65
"""Share of the contrast that the operator keeps; Mantiuk et al. recommend 0.6 to 0.9."""

SATURATION = 0.85
"""Exponent on the ratios of the colours: less contrast would otherwise look like more colour."""

NEIGHBOURHOOD_PLACES = 17
"""Side of the neighbourhood that shares a curve."""

TEXTURE_CONTRAST = 0.2
"""Standard deviation of the natural logarithm of light up to which a neighbourhood is a texture, whose contrast stays,
and beyond which it has edges, whose contrast is the operator's."""

BLACK_ROWS = 1e-5
"""Light of the rows that stand for black, as a share of the picture's mean."""

LOG_ERRORS = 2
"""OpenCV's number of the level of its log at which it says nothing but errors."""


def local_curves(radiance: Float[Tensor, "height width 3"]) -> Float[Tensor, "1 2 height width"]:
    """Curves that suit a picture, ln shown = (1 + added contrast) * ln luminance + ln gain, as an image of the two.

    Added contrast is -1 (none is left) to 0 (all of it); ln gain is that of luminance 1.

    Args:
        radiance: Linear radiance of the whole picture, >= 0; `LOCAL_LONGER_SIDE` places on the longer side are enough.
    """
    ln_light = luminance(radiance).clamp(min=SMALLEST_RADIANCE).log().permute(2, 0, 1)[None]
    if ln_light.amax() == ln_light.amin():  # the operator divides by the picture's range
        return torch.cat([torch.zeros_like(ln_light), math.log(MIDDLE_GREY) - ln_light], 1)
    shown = _mantiuk(radiance.cpu().numpy()).to(radiance.device)
    darkest = 1e-3 * float(shown.mean()) + SMALLEST_RADIANCE  # stands for the operator's 0, the end of its range
    ln_shown = luminance(shown).clamp(min=darkest).log().permute(2, 0, 1)[None]
    added_contrast, ln_gain = _linear_fit(ln_light, ln_shown - ln_light)
    brightness = (1 + added_contrast) * ln_light + ln_gain
    return torch.cat([added_contrast, ln_gain + math.log(MIDDLE_GREY) - brightness.mean()], 1)


def _mantiuk(radiance: Float[np.ndarray, "height width 3"]) -> Float[Tensor, "height width 3"]:
    """The operator's picture. It takes what it finds darkest for black, and so stretches the contrast of shadows; black
    rows below a mirrored margin, both cut off again, are that darkness instead."""
    height, width, _ = radiance.shape
    margin = radiance[::-1][:NEIGHBOURHOOD_PLACES]
    darkness = np.full((NEIGHBOURHOOD_PLACES, width, 3), BLACK_ROWS * max(radiance.mean(), SMALLEST_RADIANCE))
    operator = cv2.createTonemapMantiuk(gamma=1.0, scale=CONTRAST, saturation=1.0)
    level = cv2.setLogLevel(LOG_ERRORS)  # it warns of code of its own
    try:
        shown = operator.process(np.concatenate([radiance, margin, darkness]).astype(np.float32))
    finally:
        cv2.setLogLevel(level)
    return torch.from_numpy(shown[:height]).nan_to_num(0).clamp(min=0)


def _linear_fit(
    guide: Float[Tensor, "1 1 height width"], values: Float[Tensor, "1 1 height width"]
) -> tuple[Float[Tensor, "1 1 height width"], Float[Tensor, "1 1 height width"]]:
    """Slope (-1 to 0) and offset of `values` over `guide` around each place."""
    mean_guide, mean_values = _neighbourhood_mean(guide), _neighbourhood_mean(values)
    covariance = _neighbourhood_mean(guide * values) - mean_guide * mean_values
    variance = (_neighbourhood_mean(guide.square()) - mean_guide.square()).clamp(min=0)
    slope = (covariance / (variance + TEXTURE_CONTRAST**2)).clamp(-1, 0)
    return _neighbourhood_mean(slope), _neighbourhood_mean(mean_values - slope * mean_guide)


def _neighbourhood_mean(image: Float[Tensor, "1 1 height width"]) -> Float[Tensor, "1 1 height width"]:
    side = NEIGHBOURHOOD_PLACES
    return F.avg_pool2d(image, side, stride=1, padding=side // 2, count_include_pad=False)


def tonemap_locally(
    radiance: Float[Tensor, "*batch 3"],
    curves: Float[Tensor, "1 2 height width"],
    uv: Float[Tensor, "*#batch 2"],
    exposure_stops: float = 0.0,
) -> Float[Tensor, "*batch 3"]:
    """Display values in [0, 1], sRGB-encoded, of linear radiance.

    Args:
        radiance: Linear radiance, >= 0, Rec. 709 primaries.
        curves: What `local_curves` has made of the whole picture.
        uv: Place of each ray in it, [0, 1].
        exposure_stops: Brightens the picture after the curves, +1 doubles the light.
    """
    light = luminance(radiance.clamp(min=0)).clamp(min=SMALLEST_RADIANCE)
    added_contrast, ln_gain = sample_plane(curves, uv).split(1, dim=-1)
    shown = ((1 + added_contrast) * light.log() + ln_gain).exp() * 2.0**exposure_stops
    colour = (radiance.clamp(min=0) / light).pow(SATURATION) * shown
    return encode_srgb(into_gamut(colour, shown.clamp(max=1)))
