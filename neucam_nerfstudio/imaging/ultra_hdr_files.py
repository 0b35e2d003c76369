"""Writes Ultra HDR: a JPEG that any display shows, with a gain map that gives bright displays the rest of the light."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_primaries import REC709, ColourPrimaries
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.imaging.image_files import quantised
from neucam_nerfstudio.imaging.strips import strips_of_rows
from neucam_nerfstudio.photometry import encode_srgb
from neucam_nerfstudio.rendering.display_tonemapping import display_anchors

if TYPE_CHECKING:
    import pyvips

WHITE_NITS = 203.0
"""Luminance of a picture's diffuse white in cd/m2 (ITU-R BT.2408, section 2)."""

PQ_PEAK_NITS = 10_000.0
"""Luminance that PQ ends at, in cd/m2."""

BRIGHTEST_LIGHT = PQ_PEAK_NITS / WHITE_NITS
"""What files for bright displays end at, in diffuse whites."""

LARGEST_CAPACITY = 2.0**4
"""Displays that go this much above diffuse white show all of the gain: hardly any goes further, and asking for more
would dim what all others show."""

LEAST_BOOST = 1.001
"""Gain maps must be able to brighten, even where nothing is brighter than white."""

WHITE_SAMPLES = 1 << 18
"""Pixels that the white of ordinary displays is taken from."""

JPEG_QUALITY = 95


class UltraHdr(NamedTuple):
    """What an Ultra HDR file holds: light is the base's times boost to the power of the gain map, 255 counted as 1.

    Attributes:
        base: What ordinary displays show, sRGB.
        gain_map: Share of the boost, as a power.
        boost: How much brighter than the base the light is at most.
    """

    base: UInt8[np.ndarray, "height width 3"]
    gain_map: UInt8[np.ndarray, "height width 1"]
    boost: float


def write_ultra_hdr(path: Path, light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries) -> None:
    """Writes an Ultra HDR JPEG (ISO 21496-1 gain map of one channel, Rec. 709 primaries) by libvips.

    Other programs show an ordinary JPEG, whose greys are those of the viewer's tone mapping, `reinhard`.

    Args:
        path: File to write, whole or not at all; missing folders are made.
        light: Linear light; 1 is diffuse white.
        primaries: Of the light.

    Raises:
        NeucamError: If pyvips is missing.
    """
    pyvips = import_pyvips()
    base, gain_map, boost = base_and_gain_map(light, primaries)
    picture = pyvips.Image.new_from_array(base, interpretation="srgb")
    _set_gain_map(picture, pyvips.Image.new_from_array(gain_map, interpretation="b-w"), boost)
    with written_whole(path, pyvips.Error) as temporary:
        picture.uhdrsave(str(temporary), Q=JPEG_QUALITY)


def import_pyvips() -> ModuleType:
    """The library that writes Ultra HDR, an optional one.

    Raises:
        NeucamError: It is missing.
    """
    try:
        import pyvips
    except (ImportError, OSError) as error:  # the second without the library that it binds
        raise NeucamError(
            "Ultra HDR is written by pyvips, which is not installed. Install it with"
            " pip install 'neucam-nerfstudio[ultrahdr]', or write PNG or AVIF."
        ) from error
    return pyvips


def base_and_gain_map(light: Float[np.ndarray, "height width 3"], primaries: ColourPrimaries) -> UltraHdr:
    """What an Ultra HDR file holds; light beyond Rec. 709 and 10,000 cd/m2 is clipped.

    Args:
        light: Linear light; 1 is diffuse white.
        primaries: Of the light.
    """
    to_rec709 = primaries.to(REC709).T.astype(np.float32)

    def rec709(part: Float[np.ndarray, "rows columns 3"]) -> Float[np.ndarray, "rows columns 3"]:
        return (part @ to_rec709).clip(0, BRIGHTEST_LIGHT)

    height, width = light.shape[:2]
    step = math.ceil(math.sqrt(height * width / WHITE_SAMPLES))
    white = white_of_base(rec709(light[::step, ::step]))
    brightest = max(float(rec709(light[rows]).max()) for rows in strips_of_rows(height, width))
    boost = max(LEAST_BOOST, float(gain_over_base(np.float32(brightest), white)))
    base, gain_map = np.empty((height, width, 3), np.uint8), np.empty((height, width, 1), np.uint8)
    for rows in strips_of_rows(height, width):
        strip = rec709(light[rows])
        gain = gain_over_base(strip.max(-1, keepdims=True), white)
        base[rows] = quantised(encode_srgb(strip / gain), bits=8)
        gain_map[rows] = quantised(np.log(gain) / math.log(boost), bits=8)
    return UltraHdr(base, gain_map, boost)


def white_of_base(light: Float[np.ndarray, "*batch 3"]) -> float:
    """Light that an ordinary display shows as white: of the picture's brightest parts, but no less than diffuse white.

    Args:
        light: Linear light of the picture or of a fair sample of its pixels, Rec. 709 primaries.
    """
    return max(1.0, float(display_anchors(torch.from_numpy(light)).white))


def gain_over_base(strongest: Float[np.ndarray, "*shape"], white: float) -> Float[np.ndarray, "*shape"]:
    """How much brighter the light of a pixel is than what an ordinary display shows of it, 1 or more.

    The curve is that of `reinhard` (Reinhard et al. 2002, equation 4), taken of a pixel's strongest colour so that none
    is clipped and one gain gives all three back.

    Args:
        strongest: The largest of linear R, G and B; 1 is diffuse white.
        white: What is shown as white, at least 1; nothing changes below a white of 1.
    """
    return np.maximum((1 + strongest) / (1 + strongest / white**2), strongest)


def _set_gain_map(picture: pyvips.Image, gain_map: pyvips.Image, boost: float) -> None:
    """Tells libvips of a gain map and how to apply it."""
    from pyvips import GValue

    capacity = min(boost, LARGEST_CAPACITY)
    of_channels = {
        "max-content-boost": boost,
        "min-content-boost": 1.0,
        "gamma": 1.0,
        "offset-sdr": 0.0,
        "offset-hdr": 0.0,
    }
    for name, value in of_channels.items():
        picture.set_type(GValue.array_double_type, f"gainmap-{name}", [value] * 3)
    for name, value in {"hdr-capacity-min": 1.0, "hdr-capacity-max": capacity}.items():
        picture.set_type(GValue.gdouble_type, f"gainmap-{name}", value)
    picture.set_type(GValue.gint_type, "gainmap-use-base-cg", 1)
    picture.set_type(GValue.blob_type, "gainmap-data", gain_map.jpegsave_buffer(Q=JPEG_QUALITY))
