"""Which colours the R, G, B of a picture are: primaries and white, and the ICC profiles that name them in files."""

import io
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.photometry import SRGB_OFFSET, SRGB_POWER, SRGB_TOE_ENCODED, SRGB_TOE_SLOPE

if TYPE_CHECKING:
    import PIL._imagingcms

Chromaticity = tuple[float, float]
"""CIE 1931 x, y."""

BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
"""CIE XYZ to sharpened cone responses (ICC.1:2022, annex E)."""


class ColourPrimaries(NamedTuple):
    """Colours of a picture's linear R, G and B, each alone, and of its white, where all three are equal."""

    red: Chromaticity
    green: Chromaticity
    blue: Chromaticity
    white: Chromaticity

    def to_xyz(self) -> Float[np.ndarray, "3 3"]:
        """Matrix from linear R, G, B to CIE XYZ; white has Y = 1."""
        directions = np.stack([xyz_of(colour) for colour in self[:3]], -1)
        return directions * np.linalg.solve(directions, xyz_of(self.white))

    def to(self, others: "ColourPrimaries") -> Float[np.ndarray, "3 3"]:
        """Matrix from linear R, G, B of these primaries to linear R, G, B of `others`; white stays white."""
        adapted = white_adaptation(xyz_of(self.white), xyz_of(others.white)) @ self.to_xyz()
        return np.linalg.solve(others.to_xyz(), adapted)


REC709 = ColourPrimaries((0.64, 0.33), (0.30, 0.60), (0.15, 0.06), (0.3127, 0.3290))
"""ITU-R BT.709 and sRGB."""

BT2020 = ColourPrimaries((0.708, 0.292), (0.170, 0.797), (0.131, 0.046), (0.3127, 0.3290))
"""ITU-R BT.2020 and BT.2100."""


def xyz_of(colour: Chromaticity) -> Float[np.ndarray, "xyz=3"]:
    """CIE XYZ of a chromaticity, Y = 1."""
    x, y = colour
    return np.array([x / y, 1.0, (1 - x - y) / y])


def white_adaptation(
    source: Float[np.ndarray, "xyz=3"], target: Float[np.ndarray, "xyz=3"]
) -> Float[np.ndarray, "3 3"]:
    """Matrix from CIE XYZ under one white to what looks alike under another (linear Bradford, ICC.1:2022, annex E)."""
    gains = (BRADFORD @ target) / (BRADFORD @ source)
    return np.linalg.solve(BRADFORD, gains[:, None] * BRADFORD)


D50 = np.array([0.9642, 1.0, 0.8249])
"""CIE XYZ of the white under which ICC profiles describe colours (ICC.1:2022, 7.2.16)."""

WHITE_TOLERANCE = 0.01
"""In CIE XYZ: how closely R, G and B must add up to white for a profile to be one of primaries."""

PROFILE_VERSION = 0x04300000
"""ICC version 4.3."""
PROFILE_DATE = (2024, 1, 1, 0, 0, 0)
"""Always the same, so that equal pictures make equal files."""


def is_rgb_profile(content: bytes) -> bool:
    """Whether this is a complete profile for R, G, B; a grey or CMYK profile in an RGB file is an error."""
    try:
        profile = _profile(content)
    except OSError:
        return False
    return profile.xcolor_space.strip() == "RGB" and profile.red_primary is not None


def told_primaries(profile: bytes | None, file_name: str) -> tuple[ColourPrimaries, str | None]:
    """Primaries that light read from a photograph is in, and what to say of them.

    Args:
        profile: Of the photograph; without one they are those of Rec. 709, and there is nothing to say.
        file_name: Of the photograph.
    """
    if profile is None:
        return REC709, None
    whose = f"{profile_name(profile)}, the colour profile of {file_name}"
    primaries = primaries_of_profile(profile)
    if primaries is None:
        return REC709, f"Colours are taken for Rec. 709: {whose}, is a table without primaries."
    return primaries, f"Colours are those of {whose}."


def profile_name(content: bytes) -> str:
    """Name that a profile gives itself."""
    return (_profile(content).profile_description or "unnamed").strip()


def primaries_of_profile(content: bytes) -> ColourPrimaries | None:
    """Primaries of an RGB profile; None if it holds a table of colours instead of primaries."""
    profile = _profile(content)
    found = [each[0] for each in (profile.red_primary, profile.green_primary, profile.blue_primary) if each]
    under_d50 = np.stack(found, -1)
    if under_d50.shape != (3, 3) or np.abs(under_d50.sum(-1) - D50).max() > WHITE_TOLERANCE:
        return None
    if profile.chromatic_adaptation is not None:
        to_d50 = np.array(profile.chromatic_adaptation[0])
    else:  # version 2: the white point is that of the display itself
        white_point = profile.media_white_point or (tuple(D50),)
        to_d50 = white_adaptation(np.array(white_point[0]), D50)
    to_xyz = np.linalg.solve(to_d50, under_d50)
    with_white = np.column_stack([to_xyz, to_xyz.sum(-1)])
    x, y = (with_white[:2] / with_white.sum(0)).tolist()
    return ColourPrimaries(*zip(x, y, strict=True))


def conversion_to_srgb(
    content: bytes,
) -> Callable[[UInt8[np.ndarray, "height width 3"]], UInt8[np.ndarray, "height width 3"]]:
    """A function that converts pixel values of a profile to sRGB; colours outside sRGB are clipped."""
    from PIL import Image, ImageCms

    srgb, intent = ImageCms.createProfile("sRGB"), ImageCms.Intent.RELATIVE_COLORIMETRIC
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    transform = ImageCms.buildTransform(profile, srgb, "RGB", "RGB", intent)
    return lambda pixels: np.asarray(ImageCms.applyTransform(Image.fromarray(pixels), transform))


def linear_profile(primaries: ColourPrimaries) -> bytes:
    """ICC profile for linear light."""
    identity = b"curv" + bytes(8)  # a curve without entries (ICC.1:2022, 10.6)
    return _matrix_profile("Linear RGB", primaries, identity)


def srgb_curve_profile(primaries: ColourPrimaries, name: str = "RGB") -> bytes:
    """ICC profile for pixel values encoded with the curve of sRGB (IEC 61966-2-1), whatever their primaries.

    Args:
        primaries: Of the pixels.
        name: Of the primaries.
    """
    a, b = 1 / (1 + SRGB_OFFSET), SRGB_OFFSET / (1 + SRGB_OFFSET)
    coefficients = np.array([SRGB_POWER, a, b, 1 / SRGB_TOE_SLOPE, SRGB_TOE_ENCODED])  # g to d (ICC.1:2022, 10.18)
    curve = b"para" + struct.pack(">4xHH", 3, 0) + _fixed(coefficients)
    return _matrix_profile(f"{name} with the curve of sRGB", primaries, curve)


def _matrix_profile(name: str, primaries: ColourPrimaries, curve: bytes) -> bytes:
    """A display profile of three components and a matrix (ICC.1:2022, 8.4.3)."""
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


def _profile(content: bytes) -> "PIL._imagingcms.CmsProfile":
    """Raises OSError for a broken profile."""
    from PIL.ImageCms import core

    return core.profile_frombytes(content)


def _fixed(values: Float[np.ndarray, "*shape"]) -> bytes:
    return np.rint(values * 65536).astype(">i4").tobytes()


def _numbers(kind: bytes, values: Float[np.ndarray, "*shape"]) -> bytes:
    return kind + bytes(4) + _fixed(values)


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return b"mluc" + struct.pack(">4xII4sII", 1, 12, b"enUS", len(encoded), 28) + encoded
