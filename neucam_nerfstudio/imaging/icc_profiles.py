"""ICC profiles: what those of photographs say of their colours, and some for pictures that are made of them."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.imaging.colour_primaries import ColourPrimaries, chromaticity_of, white_adaptation, xyz_of
from neucam_nerfstudio.photometry import SRGB_OFFSET, SRGB_POWER, SRGB_TOE_ENCODED, SRGB_TOE_SLOPE

if TYPE_CHECKING:
    from PIL.ImageCms import ImageCmsProfile

D50 = np.array([0.9642, 1.0, 0.8249])
"""CIE XYZ of the white that profiles describe colours under."""

WHITE_TOLERANCE = 0.01
"""R, G and B of primaries add up to white this closely."""

PROFILE_VERSION = 0x04300000
PROFILE_DATE = (2024, 1, 1, 0, 0, 0)
"""Equal pictures make equal files."""

LINEAR_CURVE = b"curv" + bytes(8)
SRGB_COEFFICIENTS = (
    SRGB_POWER,
    1 / (1 + SRGB_OFFSET),
    SRGB_OFFSET / (1 + SRGB_OFFSET),
    1 / SRGB_TOE_SLOPE,
    SRGB_TOE_ENCODED,
)
"""Of the parametric curve of type 3 (ICC.1:2022, 10.18)."""


def is_rgb_profile(content: bytes) -> bool:
    """Whether this is a whole profile of R, G, B: in an RGB file, a grey or CMYK one is an error."""
    from PIL.ImageCms import PyCMSError

    try:
        profile = _opened(content).profile
    except (PyCMSError, OSError):
        return False
    return profile.xcolor_space.strip() == "RGB" and profile.red_primary is not None


def profile_name(content: bytes) -> str:
    """What a profile calls itself."""
    return (_opened(content).profile.profile_description or "unnamed").strip()


def primaries_of_profile(content: bytes) -> ColourPrimaries | None:
    """The primaries of a profile of R, G, B; None if its colours are a table, and not sums of three."""
    profile = _opened(content).profile
    under_d50 = np.stack([profile.red_primary[0], profile.green_primary[0], profile.blue_primary[0]], -1)
    if np.abs(under_d50.sum(-1) - D50).max() > WHITE_TOLERANCE:
        return None
    if profile.chromatic_adaptation is not None:
        to_d50 = np.array(profile.chromatic_adaptation[0])
    else:  # version 2: the white point is that of the display itself
        to_d50 = white_adaptation(np.array(profile.media_white_point[0]), D50)
    to_xyz = np.linalg.solve(to_d50, under_d50)
    return ColourPrimaries(*(chromaticity_of(xyz) for xyz in (*to_xyz.T, to_xyz.sum(-1))))


def conversion_to_srgb(
    content: bytes,
) -> Callable[[UInt8[np.ndarray, "height width 3"]], UInt8[np.ndarray, "height width 3"]]:
    """A function that takes pixel values of a profile to sRGB ones; colours that sRGB has not are clipped."""
    from PIL import Image, ImageCms

    srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    transform = ImageCms.buildTransform(_opened(content), srgb, "RGB", "RGB", intent)
    return lambda pixels: np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


def linear_profile(primaries: ColourPrimaries) -> bytes:
    """A profile of linear light."""
    return _matrix_profile("Linear RGB", primaries, LINEAR_CURVE)


def srgb_curve_profile(primaries: ColourPrimaries) -> bytes:
    """A profile of pixel values that are encoded as sRGB's are (IEC 61966-2-1), of whatever primaries."""
    curve = b"para" + struct.pack(">4xHH", 3, 0) + _fixed(np.array(SRGB_COEFFICIENTS))
    return _matrix_profile("RGB with the curve of sRGB", primaries, curve)


def _matrix_profile(name: str, primaries: ColourPrimaries, curve: bytes) -> bytes:
    """ICC.1:2022, display profile of three components and a matrix."""
    to_d50 = white_adaptation(xyz_of(primaries.white), D50)
    red, green, blue = (to_d50 @ primaries.to_xyz()).T
    tags = {
        b"desc": _text(name),
        b"cprt": _text("No copyright"),
        b"wtpt": _numbers(b"XYZ ", D50),
        b"chad": _numbers(b"sf32", to_d50),
        b"rXYZ": _numbers(b"XYZ ", red),
        b"gXYZ": _numbers(b"XYZ ", green),
        b"bXYZ": _numbers(b"XYZ ", blue),
        b"rTRC": curve,
        b"gTRC": curve,
        b"bTRC": curve,
    }
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    what = (PROFILE_VERSION, b"mntr", b"RGB ", b"XYZ ", *PROFILE_DATE, b"acsp")
    header = struct.pack(">I4xI4s4s4s6H4s28x", start + len(body), *what) + _fixed(D50) + bytes(48)
    return header + table + body


def _opened(content: bytes) -> ImageCmsProfile:
    from PIL.ImageCms import ImageCmsProfile

    return ImageCmsProfile(io.BytesIO(content))


def _fixed(values: Float[np.ndarray, "*shape"]) -> bytes:
    return np.rint(values * 65536).astype(">i4").tobytes()


def _numbers(kind: bytes, values: Float[np.ndarray, "*shape"]) -> bytes:
    return kind + bytes(4) + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(encoded), 28) + encoded
