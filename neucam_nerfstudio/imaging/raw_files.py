"""Camera RAW files: what their headers say, and development to linear light, alike for all files of a capture."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from jaxtyping import UInt16

from neucam_nerfstudio.errors import NeucamError, broken_file_message

if TYPE_CHECKING:
    import rawpy

RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .fff .iiq .kdc .mef .mos"
    " .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)

WhiteBalance = tuple[float, float, float, float]
"""Gains of the sensor's R, G, B and second G; for a second G of 0, LibRaw takes the gain of the first."""

MOSAIC_PHOTOMETRIC, LINEAR_RAW_PHOTOMETRIC = 32803, 34892
"""TIFF's PhotometricInterpretation of a DNG's sensor data (DNG 1.7, chapter 4)."""
FLOATING = 3
"""TIFF's SampleFormat of floating-point numbers."""


class RawHeader(NamedTuple):
    """Camera settings in a RAW file; None where it does not say. Automatic white balance differs between pictures."""

    white_balance: WhiteBalance | None = None
    exposure_time_s: float | None = None
    f_number: float | None = None
    iso: float | None = None


def is_raw(path: Path) -> bool:
    """Whether a file is camera RAW, by its suffix."""
    return path.suffix.lower() in RAW_SUFFIXES


def read_raw_header(path: Path) -> RawHeader:
    """Reads the header of a RAW file. A broken file gives an empty header: developing it reports the error."""
    try:
        with _opened(path) as raw:
            white_balance, settings = _white_balance(raw), getattr(raw, "other", None)  # which older rawpy lack
    except NeucamError:
        return RawHeader()
    told = [getattr(settings, name, 0.0) for name in ("shutter_speed", "aperture", "iso_speed")]
    return RawHeader(white_balance, *(value if value > 0 and math.isfinite(value) else None for value in told))


def develop_raw(path: Path, white_balance: WhiteBalance | None = None) -> UInt16[np.ndarray, "height width 3"]:
    """Develops a RAW file to linear RGB (sRGB primaries), upright, with no automatic brightness.

    Args:
        path: The file.
        white_balance: One for all files of a capture. None takes the file's own, or daylight where it has none.

    Raises:
        NeucamError: The file is broken, or a DNG of floating-point values.
    """
    if path.suffix.lower() == ".dng" and _holds_floats(path):
        raise NeucamError(
            f"{path}: a DNG of floating-point values, as programs write merged exposures. LibRaw would scale each such"
            " file by its own brightest pixel. Give the RAW files it was merged from, or export 16-bit TIFF."
        )
    with _opened(path) as raw:
        gains = white_balance or _white_balance(raw)
        # LibRaw by default stretches a frame to its own brightest pixel: a threshold of 0 keeps one gain for all.
        return raw.postprocess(
            gamma=(1, 1),
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            output_bps=16,
            user_wb=None if gains is None else list(gains),
        )


def differ(white_balance: WhiteBalance, other: WhiteBalance) -> bool:
    """Whether two white balances give different colours; a common factor of all gains does not."""
    ratios = [gain / other_gain for gain, other_gain in zip(white_balance[:3], other[:3], strict=True)]
    return max(ratios) > 1.001 * min(ratios)


@contextmanager
def _opened(path: Path) -> Iterator["rawpy.RawPy"]:
    """Opens a RAW file; LibRaw's errors, in the block too, become one of ours."""
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            yield raw
    except (rawpy.LibRawError, OSError) as error:  # type: ignore[attr-defined]  # of a compiled module
        detail = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise NeucamError(broken_file_message(path, detail)) from error


def _white_balance(raw: "rawpy.RawPy") -> WhiteBalance | None:
    red, green, blue, second_green = raw.camera_whitebalance
    return (red, green, blue, second_green) if min(red, green, blue) > 0 else None


def _holds_floats(path: Path) -> bool:
    """Whether the sensor data of a DNG are floating-point numbers."""
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            pages = [each for page in file.pages for each in (page, *(page.pages or ()))]
            sensor = [page for page in pages if page.photometric in (MOSAIC_PHOTOMETRIC, LINEAR_RAW_PHOTOMETRIC)]
            return any(page.sampleformat == FLOATING for page in sensor)
    except Exception:  # noqa: BLE001 - tifffile raises errors of many kinds; LibRaw reports a file that is broken
        return False
