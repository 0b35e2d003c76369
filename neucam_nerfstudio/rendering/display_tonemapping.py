"""Tone mapping of linear radiance to display values in [0, 1], each ray for itself.

All of it takes NumPy arrays and PyTorch tensors alike, and gives back what it was given.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float
from typing_extensions import assert_never

from neucam_nerfstudio.imaging.large_pictures import PIXELS_PER_STRIP
from neucam_nerfstudio.photometry import MIDDLE_GREY, REC709_LUMINANCE, array_module, encode_srgb

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
        key: Luminance that is shown as middle grey, in units of radiance (`log` does not use it); one number.
        white: Luminance that is shown as white (`gamma` does not use it: it clips at key / 0.18); one number.
    """

    key: Any
    white: Any


def display_anchors(radiance: Float[Any, "*batch 3"], white_percentile: float = 99.9) -> DisplayAnchors:
    """Anchors that suit a picture: its geometric mean (Reinhard et al. 2002, equation 1) and a high percentile.

    Args:
        radiance: Linear radiance of the picture, or of a fair sample of its pixels.
        white_percentile: Share of the luminances that are below white, in percent.
    """
    xp, pixels = array_module(radiance), radiance.reshape(-1, 3)
    rank = max(1, math.ceil(white_percentile / 100 * len(pixels)))
    if xp is np:
        brightness, sum_of_logs = np.empty(len(pixels), radiance.dtype), 0.0
        for start in range(0, len(pixels), PIXELS_PER_STRIP):  # a large picture's intermediate arrays stay small
            strip = brightness[start : start + PIXELS_PER_STRIP]
            strip[:] = luminance(pixels[start : start + PIXELS_PER_STRIP])[:, 0]
            sum_of_logs += float(np.log(np.clip(strip, SMALLEST_RADIANCE, None)).sum(dtype=np.float64))
        key = np.exp(radiance.dtype.type(sum_of_logs / len(pixels)))
        brightness.partition(rank - 1)
        white = brightness[rank - 1]
    else:
        brightness = luminance(pixels).reshape(-1)
        key = xp.exp(xp.log(xp.clip(brightness, SMALLEST_RADIANCE, None)).mean())
        white = brightness.kthvalue(rank).values  # torch.quantile stops at 16 million values
    return DisplayAnchors(key, xp.maximum(white, key))


def tonemap(
    radiance: Float[Any, "*batch 3"],
    operator: DisplayOperator,
    anchors: DisplayAnchors,
    exposure_stops: float | Float[Any, "*#batch 1"] = 0.0,
) -> Float[Any, "*batch 3"]:
    """Display values in [0, 1] of linear radiance; equal radiance gives equal values whatever the batch.

    Args:
        radiance: Linear radiance, >= 0, Rec. 709 primaries.
        operator: The curve.
        anchors: Middle grey and white of the scene.
        exposure_stops: Brightens the picture before the curve, +1 doubles the light.

    Returns:
        Values to show as they are: sRGB-encoded, except for `log`, which is its own encoding.
    """
    xp = array_module(radiance)
    exposed = xp.clip(radiance, 0, None) * 2.0**exposure_stops
    to_grey = MIDDLE_GREY / xp.clip(anchors.key, SMALLEST_RADIANCE, None)
    white = xp.clip(anchors.white, SMALLEST_RADIANCE, None)
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
    radiance: Float[np.ndarray, "height width 3"], like: Float[np.ndarray, "other_height other_width 3"] | None = None
) -> Float[np.ndarray, "height width 3"]:
    """A whole picture as the viewer shows it by default: `reinhard` with anchors of a picture.

    Args:
        radiance: Linear radiance; below 0 it counts as 0.
        like: Linear radiance whose anchors are taken, to show several pictures alike; None takes its own.

    Returns:
        Display values in [0, 1].
    """
    values, keyed = (
        np.clip(picture, 0, None, dtype=np.float32) for picture in (radiance, radiance if like is None else like)
    )
    return tonemap(values, "reinhard", display_anchors(keyed))


def luminance(radiance: Float[Any, "*batch 3"]) -> Float[Any, "*batch 1"]:
    """Rec. 709 luminance of linear radiance."""
    red, green, blue = REC709_LUMINANCE
    return red * radiance[..., :1] + green * radiance[..., 1:2] + blue * radiance[..., 2:]


def reinhard(scaled_radiance: Float[Any, "*batch 3"], scaled_white: Float[Any, ""]) -> Float[Any, "*batch 3"]:
    """Global operator of Reinhard et al. 2002, equation 4, applied half to luminance and half to each channel.

    On luminance alone, bright colours have to be mixed with white to fit the display, which makes blue look purple
    (Abney effect); on channels alone, they drift towards cyan, magenta and yellow. The mean of both looks as the scene.

    Args:
        scaled_radiance: Linear radiance with the scene's key at 0.18.
        scaled_white: Luminance, on the same scale, that becomes 1.

    Returns:
        Display-linear values in [0, 1].
    """
    xp, light = array_module(scaled_radiance), luminance(scaled_radiance)
    shown = _reinhard_curve(light, scaled_white)
    of_luminance = into_gamut(scaled_radiance * (shown / xp.clip(light, SMALLEST_RADIANCE, None)), shown)
    return (of_luminance + _reinhard_curve(scaled_radiance, scaled_white)) / 2


def _reinhard_curve(light: Float[Any, "*shape"], white: Float[Any, ""]) -> Float[Any, "*shape"]:
    return array_module(light).clip(light * (1 + light / white**2) / (1 + light), None, 1)


def into_gamut(colour: Float[Any, "*batch 3"], light: Float[Any, "*batch 1"]) -> Float[Any, "*batch 3"]:
    """Moves colours above 1 towards the grey of their own luminance until they fit: paler, as bright."""
    xp = array_module(colour)
    strongest = xp.maximum(xp.maximum(colour[..., :1], colour[..., 1:2]), colour[..., 2:])
    saturation = xp.clip((1 - light) / xp.clip(strongest - light, SMALLEST_RADIANCE, None), None, 1)
    return xp.clip(light + saturation * (colour - light), 0, 1)


def filmic(scaled_radiance: Float[Any, "*batch 3"], scaled_white: Float[Any, ""]) -> Float[Any, "*batch 3"]:
    """Film-like curve a channel: soft toe, long shoulder, highlights that bleach.

    Source: J. Hable, "Uncharted 2: HDR Lighting", GDC 2010, with its exposure bias of 2.

    Args:
        scaled_radiance: Linear radiance with the scene's key at 0.18.
        scaled_white: Value, on the same scale, that becomes 1.

    Returns:
        Display-linear values in [0, 1].
    """
    return array_module(scaled_radiance).clip(_hable(2 * scaled_radiance) / _hable(2 * scaled_white), 0, 1)


def _hable(x: Float[Any, "*shape"]) -> Float[Any, "*shape"]:
    shoulder, linear, angle, toe, toe_numerator, toe_denominator = 0.15, 0.50, 0.10, 0.20, 0.02, 0.30
    numerator = x * (shoulder * x + angle * linear) + toe * toe_numerator
    denominator = x * (shoulder * x + linear) + toe * toe_denominator
    return numerator / denominator - toe_numerator / toe_denominator


def log_curve(relative_radiance: Float[Any, "*shape"]) -> Float[Any, "*shape"]:
    """The published method's preview, log(1 + 5000 x) / log(5001), x = radiance / white clipped to [0, 1]."""
    xp = array_module(relative_radiance)
    return xp.log1p(MU * xp.clip(relative_radiance, 0, 1)) / math.log1p(MU)
