"""Tone mapping of linear radiance to display values in [0, 1], each ray for itself."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from typing_extensions import assert_never

from neucam_nerfstudio.camera.response.response import encode_srgb
from neucam_nerfstudio.photometry import MIDDLE_GREY, REC709_LUMINANCE

DisplayOperator = Literal["reinhard", "filmic", "log", "gamma"]
"""How radiance is shown: `reinhard` nearly keeps hues, `filmic` is a film's S-curve, `log` is the paper's
preview, `gamma` is one plain exposure, clipped."""

MU = 5000.0
"""Compression of the mu-law curve, in the `log` operator and in the scores."""

SMALLEST_RADIANCE = 1e-8
"""Keeps divisions and logarithms finite where there is no light."""


class DisplayAnchors(NamedTuple):
    """The two radiances that fix how a scene is shown, so that it can be tone mapped in chunks of rays.

    Attributes:
        key: Luminance that is shown as middle grey, in units of radiance (`log` does not use it).
        white: Luminance that is shown as white (`gamma` does not use it: it clips at key / 0.18).
    """

    key: Float[Tensor, ""]
    white: Float[Tensor, ""]


def display_anchors(radiance: Float[Tensor, "*batch 3"], white_percentile: float = 99.9) -> DisplayAnchors:
    """Anchors that suit a picture: its geometric mean (Reinhard et al. 2002, equation 1) and a high percentile.

    Args:
        radiance: Linear radiance of the picture, or of a fair sample of its pixels.
        white_percentile: Share of the luminances that are below white, in percent.
    """
    brightness = luminance(radiance).flatten()
    key = brightness.clamp(min=SMALLEST_RADIANCE).log().mean().exp()
    rank = max(1, math.ceil(white_percentile / 100 * brightness.numel()))
    white = brightness.kthvalue(rank).values  # torch.quantile stops at 16 million values
    return DisplayAnchors(key, torch.maximum(white, key))


def tonemap(
    radiance: Float[Tensor, "*batch 3"],
    operator: DisplayOperator,
    anchors: DisplayAnchors,
    exposure_stops: float | Float[Tensor, "*#batch 1"] = 0.0,
) -> Float[Tensor, "*batch 3"]:
    """Display values in [0, 1] of linear radiance; equal radiance gives equal values whatever the batch.

    Args:
        radiance: Linear radiance, >= 0, Rec. 709 primaries.
        operator: The curve.
        anchors: Middle grey and white of the scene.
        exposure_stops: Brightens the picture before the curve, +1 doubles the light.

    Returns:
        Values to show as they are: sRGB-encoded, except for `log`, which is its own encoding.
    """
    exposed = radiance.clamp(min=0) * 2.0**exposure_stops
    to_grey = MIDDLE_GREY / anchors.key.clamp(min=SMALLEST_RADIANCE)
    white = anchors.white.clamp(min=SMALLEST_RADIANCE)
    if operator == "reinhard":
        return encode_srgb(reinhard(exposed * to_grey, white * to_grey))
    if operator == "filmic":
        return encode_srgb(filmic(exposed * to_grey, white * to_grey))
    if operator == "log":
        return log_curve(exposed / white)
    if operator == "gamma":
        return encode_srgb(exposed * to_grey)
    assert_never(operator)


def picture_for_display(
    radiance: Float[np.ndarray, "height width 3"], like: Float[np.ndarray, "height width 3"] | None = None
) -> Float[np.ndarray, "height width 3"]:
    """A whole picture as the viewer shows it by default: `reinhard` with anchors of a picture.

    Args:
        radiance: Linear radiance; below 0 it counts as 0.
        like: Linear radiance whose anchors are taken, to show several pictures alike; None takes its own.

    Returns:
        Display values in [0, 1].
    """
    values, keyed = (
        torch.from_numpy(np.ascontiguousarray(picture, np.float32)).clamp(min=0)
        for picture in (radiance, radiance if like is None else like)
    )
    return tonemap(values, "reinhard", display_anchors(keyed)).numpy()


def luminance(radiance: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 1"]:
    """Rec. 709 luminance of linear radiance."""
    return (radiance * radiance.new_tensor(REC709_LUMINANCE)).sum(-1, keepdim=True)


def reinhard(scaled_radiance: Float[Tensor, "*batch 3"], scaled_white: Float[Tensor, ""]) -> Float[Tensor, "*batch 3"]:
    """Global operator of Reinhard et al. 2002, equation 4, applied half to luminance and half to each channel.

    On luminance alone, bright colours have to be mixed with white to fit the display, which makes blue look purple
    (Abney effect); on channels alone, they drift towards cyan, magenta and yellow. The mean of both looks as the scene.

    Args:
        scaled_radiance: Linear radiance with the scene's key at 0.18.
        scaled_white: Luminance, on the same scale, that becomes 1.

    Returns:
        Display-linear values in [0, 1].
    """
    light = luminance(scaled_radiance)
    shown = _reinhard_curve(light, scaled_white)
    of_luminance = into_gamut(scaled_radiance * (shown / light.clamp(min=SMALLEST_RADIANCE)), shown)
    return (of_luminance + _reinhard_curve(scaled_radiance, scaled_white)) / 2


def _reinhard_curve(light: Float[Tensor, "*shape"], white: Float[Tensor, ""]) -> Float[Tensor, "*shape"]:
    return (light * (1 + light / white**2) / (1 + light)).clamp(max=1)


def into_gamut(colour: Float[Tensor, "*batch 3"], light: Float[Tensor, "*batch 1"]) -> Float[Tensor, "*batch 3"]:
    """Moves colours above 1 towards the grey of their own luminance until they fit: paler, as bright."""
    excess = (colour.amax(-1, keepdim=True) - light).clamp(min=SMALLEST_RADIANCE)
    saturation = ((1 - light) / excess).clamp(max=1)
    return (light + saturation * (colour - light)).clamp(0, 1)


def filmic(scaled_radiance: Float[Tensor, "*batch 3"], scaled_white: Float[Tensor, ""]) -> Float[Tensor, "*batch 3"]:
    """Film-like curve a channel: soft toe, long shoulder, highlights that bleach.

    Source: J. Hable, "Uncharted 2: HDR Lighting", GDC 2010, with its exposure bias of 2.

    Args:
        scaled_radiance: Linear radiance with the scene's key at 0.18.
        scaled_white: Value, on the same scale, that becomes 1.

    Returns:
        Display-linear values in [0, 1].
    """
    return (_hable(2 * scaled_radiance) / _hable(2 * scaled_white)).clamp(0, 1)


def _hable(x: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    shoulder, linear, angle, toe, toe_numerator, toe_denominator = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    numerator = x * (shoulder * x + angle * linear) + toe * toe_numerator
    denominator = x * (shoulder * x + linear) + toe * toe_denominator
    return numerator / denominator - toe_numerator / toe_denominator


def log_curve(relative_radiance: Float[Tensor, "*shape"]) -> Float[Tensor, "*shape"]:
    """The published method's preview, log(1 + 5000 x) / log(5001), x = radiance / white clipped to [0, 1]."""
    return torch.log1p(MU * relative_radiance.clamp(0, 1)) / math.log1p(MU)
