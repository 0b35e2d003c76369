"""What videos, HEIF and AVIF files say of their colours in numbers (ITU-T H.273): primaries, and HLG and PQ signals."""

from functools import cache
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Shaped, UInt16

from neucam_nerfstudio.imaging.colour_profiles import BT2020, REC709, ColourPrimaries, srgb_curve_profile
from neucam_nerfstudio.photometry import encode_srgb

D65, D50_WHITE, DCI_WHITE, ILLUMINANT_C = (0.3127, 0.3290), (0.3457, 0.3585), (0.314, 0.351), (0.310, 0.316)
PRIMARIES: dict[int, tuple[str, ColourPrimaries]] = {
    1: ("BT.709", REC709),
    4: ("BT.470 System M", ColourPrimaries((0.67, 0.33), (0.21, 0.71), (0.14, 0.08), ILLUMINANT_C)),
    5: ("BT.601 (625 lines)", ColourPrimaries((0.64, 0.33), (0.29, 0.60), (0.15, 0.06), D65)),
    6: ("BT.601 (525 lines)", ColourPrimaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)),
    7: ("SMPTE 240M", ColourPrimaries((0.630, 0.340), (0.310, 0.595), (0.155, 0.070), D65)),
    9: ("BT.2020", BT2020),
    11: ("DCI-P3", ColourPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), DCI_WHITE)),
    12: ("Display P3", ColourPrimaries((0.680, 0.320), (0.265, 0.690), (0.150, 0.060), D65)),
    22: ("EBU 3213", ColourPrimaries((0.630, 0.340), (0.295, 0.605), (0.155, 0.077), D65)),
}
"""Names and chromaticities by code (ITU-T H.273, table 2)."""
UNTOLD = 2
"""The code of what a file does not tell."""
PQ, HLG = 16, 18
"""Codes of transfer characteristics (ITU-T H.273, table 3)."""

PQ_PEAK_NITS = 10_000.0
"""Luminance of the largest PQ signal in cd/m2 (SMPTE ST 2084)."""
PQ_WHITE_NITS = 4_000.0
"""Luminance of PQ that is taken for white, in cd/m2: the brightest that pictures are mastered for. Cameras and phones
stay below it, and the curve of sRGB keeps more of their shadows than it would under 10,000."""


class ColourCodes(NamedTuple):
    """Two code points of ITU-T H.273."""

    primaries: int = UNTOLD
    transfer: int = UNTOLD

    @property
    def is_bright(self) -> bool:
        """Whether the signal is HLG or PQ, for bright displays."""
        return self.transfer in (HLG, PQ)

    def icc_profile(self) -> bytes | None:
        """Profile of the pixels as they are read; None for Rec. 709 and where nothing is told."""
        name, primaries = PRIMARIES.get(self.primaries, ("", REC709))
        return None if primaries == REC709 else srgb_curve_profile(primaries, name)

    def on_srgb_curve(self, pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "height width 3"]:
        """HLG and PQ signals as light on the curve of sRGB, uint16; others as they are.

        So a signal whose transfer function is known is encoded as all are that tell none, and nothing need be learned.
        HLG becomes the light of the scene (ITU-R BT.2100, inverse OETF), PQ that of the display, of which
        `PQ_WHITE_NITS` is white.
        """
        if not self.is_bright:
            return pixels
        signal = pixels if pixels.dtype == np.uint16 else pixels.astype(np.uint16) * np.uint16(257)
        return srgb_table(self.transfer)[signal]

    def note(self, name: str) -> str | None:
        """What is made of the colours of a file, in a sentence; None where there is nothing to say."""
        primaries = PRIMARIES.get(self.primaries, ("", REC709))
        said = [f"its colours are those of {primaries[0]}, and stay so"] if primaries[1] != REC709 else []
        if self.transfer == HLG:
            said.append("its HLG signal is brought to light by the standard's curve")
        elif self.transfer == PQ:
            said.append(
                f"its PQ signal is brought to light by the standard's curve, {PQ_WHITE_NITS:.0f} cd/m2 taken for white"
            )
        return f"{name}: {'; '.join(said)}." if said else None


NO_CODES = ColourCodes()
"""Of a file that tells neither."""


def light_of_hlg(signal: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Light of the scene in [0, 1] of an HLG signal in [0, 1] (ITU-R BT.2100-2, table 5, inverse OETF)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def light_of_pq(signal: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """Luminance of a display, as a share of 10,000 cd/m2, of a PQ signal in [0, 1] (SMPTE ST 2084, equation 4.1)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = signal ** (1 / m2)
    return (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)


@cache
def srgb_table(transfer: int) -> UInt16[np.ndarray, "65536"]:
    """Values on the curve of sRGB by 16-bit values of an HLG or PQ signal."""
    signal = np.arange(65536) / 65535
    light = light_of_hlg(signal) if transfer == HLG else light_of_pq(signal) * (PQ_PEAK_NITS / PQ_WHITE_NITS)
    table = np.rint(encode_srgb(light) * 65535).astype(np.uint16)
    table.flags.writeable = False
    return table
