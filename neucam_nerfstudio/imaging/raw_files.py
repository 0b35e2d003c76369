"""Camera RAW files: developed alike, whatever each of them asks for, and what their headers say."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt16

from neucam_nerfstudio.errors import NeucamError, broken_file_message

if TYPE_CHECKING:
    from rawpy import RawPy

RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .fff .iiq .kdc .mef .mos"
    " .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)

WhiteBalance = tuple[float, float, float, float]
"""Gains of the sensor's R, G, B and second G; LibRaw takes the G's for a second one of 0."""


class RawHeader(NamedTuple):
    """What a RAW file says of how it was taken; None where it does not say.

    Attributes:
        white_balance: That of the camera at the time, which one set to automatic chooses for each picture.
        exposure_time_s: Shutter time.
        f_number: Aperture.
        iso: Sensitivity.
    """

    white_balance: WhiteBalance | None = None
    exposure_time_s: float | None = None
    f_number: float | None = None
    iso: float | None = None


def is_raw(path: Path) -> bool:
    """Whether a file is camera RAW, by its name."""
    return path.suffix.lower() in RAW_SUFFIXES


def read_raw_header(path: Path) -> RawHeader:
    """Reads the header of a RAW file. A broken file says nothing: that is reported when it is developed."""
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            white_balance, settings = _white_balance(raw), getattr(raw, "other", None)  # which older rawpy lack
    except (rawpy.LibRawError, OSError):
        return RawHeader()
    names = ("shutter_speed", "aperture", "iso_speed")
    return RawHeader(white_balance, *(_told(getattr(settings, name, 0.0)) for name in names))


def develop_raw(path: Path, white_balance: WhiteBalance | None = None) -> UInt16[np.ndarray, "height width 3"]:
    """Develops a RAW file to linear RGB, upright, with no automatic brightness.

    Args:
        path: The file.
        white_balance: For all files of a capture; None for the file's own, or daylight where it tells none.

    Raises:
        NeucamError: The file is broken.
    """
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            gains = white_balance or _white_balance(raw)
            # LibRaw by default stretches a frame to its own brightest pixel: a threshold of 0 keeps one gain for all.
            return raw.postprocess(
                gamma=(1, 1),
                no_auto_bright=True,
                adjust_maximum_thr=0.0,
                output_bps=16,
                user_wb=None if gains is None else list(gains),
            )
    except (rawpy.LibRawError, OSError) as error:
        detail = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise NeucamError(broken_file_message(path, detail)) from error


def differ(white_balance: WhiteBalance, other: WhiteBalance) -> bool:
    """Whether two white balances give other colours; a factor to all gains does not."""
    ratios = [gain / other_gain for gain, other_gain in zip(white_balance[:3], other[:3], strict=True)]
    return max(ratios) > 1.001 * min(ratios)


def _white_balance(raw: RawPy) -> WhiteBalance | None:
    gains = tuple(raw.camera_whitebalance)
    return gains if min(gains[:3]) > 0 else None


def _told(value: float) -> float | None:
    return value if value > 0 and math.isfinite(value) else None
