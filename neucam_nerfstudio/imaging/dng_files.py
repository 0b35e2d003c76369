"""Linear DNG: radiance as programs that develop RAW files open it (Adobe, DNG Specification 1.4)."""

import math
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.colour_profiles import REC709, ColourPrimaries, white_adaptation, xyz_of
from neucam_nerfstudio.imaging.exif_block import LONG, RATIONAL, SHORT, SOFTWARE, Exif, Tag, text_tag
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.imaging.large_pictures import strips_of_rows
from neucam_nerfstudio.imaging.photograph_metadata import sized
from neucam_nerfstudio.imaging.raw_files import LINEAR_RAW_PHOTOMETRIC
from neucam_nerfstudio.imaging.tiff_writing import CLASSIC_BYTES, add_tags

CAMERA_NAME = "NeuCam linear RGB"
"""UniqueCameraModel: no real camera's, for whose sensor programs have colours of their own; Make and Model stay."""
D65_ILLUMINANT = 21
"""EXIF's LightSource of the white of Rec. 709."""
MOST_STOPS_OF_INTEGERS = 4.0
"""Stops that white may lie above the reference photograph's for 16-bit integers: 12 bits are left to its own range,
those of a simple camera's RAW file. Beyond, samples are 16-bit floats, 11 bits everywhere; fewer programs open them."""
COLOUR_DENOMINATOR = 10**7
"""Of the rational numbers of a colour matrix: finer than 16-bit samples tell."""

BYTE, SIGNED_RATIONAL = 1, 10
"""Types of a tag (TIFF 6.0, section 2)."""
DNG_VERSION, DNG_BACKWARD_VERSION, UNIQUE_CAMERA_MODEL = 50706, 50707, 50708
BLACK_LEVEL, WHITE_LEVEL, COLOR_MATRIX, AS_SHOT_NEUTRAL = 50714, 50717, 50721, 50728
BASELINE_EXPOSURE, CALIBRATION_ILLUMINANT, SUB_FOLDERS, ORIENTATION = 50730, 50778, 330, 274
UPRIGHT = 1
WHITE_OF_INTEGERS = 65535


class DngScale(NamedTuple):
    """How radiance is stored.

    Attributes:
        white: Radiance that is stored as white, the largest.
        baseline_exposure_stops: By how much programs brighten it, so that the reference photograph's white is white.
        is_float: Whether samples are 16-bit floats, not integers.
    """

    white: float
    baseline_exposure_stops: float
    is_float: bool


def dng_scale(peak: float, reference_white: float) -> DngScale:
    """How a picture is stored, so that its brightest light is kept.

    White is the brightest light itself: LibRaw takes what is a little below for white where nothing reaches that.

    Args:
        peak: The picture's largest radiance.
        reference_white: The radiance that is white in the reference photograph.
    """
    white = peak if peak > 0 else reference_white
    stops = math.log2(white / reference_white)
    return DngScale(white, stops, stops > MOST_STOPS_OF_INTEGERS)


def write_dng(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    reference_white: float,
    preview: UInt8[np.ndarray, "small_height small_width 3"],
    primaries: ColourPrimaries = REC709,
    exif: Exif | None = None,
) -> None:
    """Writes linear radiance as a DNG that needs no demosaicing, strip by strip, uncompressed as most programs read it.

    Args:
        radiance: Linear radiance, R, G, B; what is below 0 becomes 0.
        reference_white: Radiance that is white in the reference photograph: programs show it as white at first, and
            what is brighter when they darken the picture.
        preview: What browsers of files show, sRGB.
        primaries: Primaries of the radiance.
        exif: Camera, time, settings and scale of the photograph that it was made from.

    Raises:
        NeucamError: A value is not finite, or the picture is larger than a DNG file may be.
    """
    import tifffile

    peak = float(radiance.max())
    if not np.isfinite([peak, radiance.min()]).all():  # either is NaN if one value is
        raise NeucamError(f"{path}: the radiance holds values that are not finite; nothing was written.")
    height, width = radiance.shape[:2]
    if height * width * 3 * 2 > CLASSIC_BYTES:
        raise NeucamError(f"{path}: {width}x{height} pixels are more than the 4 GB of a DNG file. Write .exr.")
    scale = dng_scale(peak, reference_white)
    kept = exif or Exif("<", {}, {})
    number_type = np.dtype(np.float16 if scale.is_float else np.uint16).newbyteorder(kept.byte_order)
    white = 1 if scale.is_float else WHITE_OF_INTEGERS
    strips = list(strips_of_rows(height, width))

    def stored() -> Iterator[bytes]:
        for rows in strips:
            light = np.maximum(radiance[rows], 0) * np.float32(white / scale.white)
            yield (light if scale.is_float else np.rint(light)).astype(number_type).tobytes()

    levels = [(BLACK_LEVEL, "H", 3, (0, 0, 0), True), (WHITE_LEVEL, "I", 3, (white,) * 3, True)]
    with written_whole(path) as temporary:
        with tifffile.TiffWriter(temporary, byteorder=kept.byte_order) as file:
            file.write(preview, photometric="rgb", subfiletype=1, subifds=1, software=SOFTWARE, metadata=None)
            file.write(
                stored(),
                shape=(height, width, 3),
                dtype=number_type,
                photometric=LINEAR_RAW_PHOTOMETRIC,
                rowsperstrip=strips[0].stop,
                compression=None,
                subfiletype=0,
                extratags=levels,
                software=False,
                metadata=None,
            )
        with tifffile.TiffFile(temporary) as file:
            (start_of_picture,) = file.pages.first.tags.valueof(SUB_FOLDERS)
        own = sized(kept, height, width)
        # The pointer once more, as a plain number: some readers do not know tifffile's type of pointers.
        pointer = {SUB_FOLDERS: Tag(LONG, struct.pack(f"{own.byte_order}I", start_of_picture))}
        add_tags(temporary, own._replace(main=own.main | pointer | _dng_tags(primaries, scale, own.byte_order)))


def _dng_tags(primaries: ColourPrimaries, scale: DngScale, byte_order: str) -> dict[int, Tag]:
    def short(value: int) -> Tag:
        return Tag(SHORT, struct.pack(f"{byte_order}H", value))

    def ratios(type_: int, values: "np.ndarray | list[float]", denominator: int) -> Tag:
        parts = [part for value in values for part in (round(float(value) * denominator), denominator)]
        return Tag(type_, struct.pack(f"{byte_order}{len(parts)}{'i' if type_ == SIGNED_RATIONAL else 'I'}", *parts))

    # Colours are described under D65; R = G = B is white under it, whatever the white of the primaries is.
    to_xyz = white_adaptation(xyz_of(primaries.white), xyz_of(REC709.white)) @ primaries.to_xyz()
    oldest = (1, 4, 0, 0) if scale.is_float else (1, 1, 0, 0)
    return {
        ORIENTATION: short(UPRIGHT),
        DNG_VERSION: Tag(BYTE, bytes((1, 4, 0, 0))),
        DNG_BACKWARD_VERSION: Tag(BYTE, bytes(oldest)),
        UNIQUE_CAMERA_MODEL: text_tag(CAMERA_NAME),
        COLOR_MATRIX: ratios(SIGNED_RATIONAL, np.linalg.inv(to_xyz).ravel(), COLOUR_DENOMINATOR),
        AS_SHOT_NEUTRAL: ratios(RATIONAL, [1.0, 1.0, 1.0], 1),
        CALIBRATION_ILLUMINANT: short(D65_ILLUMINANT),
        BASELINE_EXPOSURE: ratios(SIGNED_RATIONAL, [scale.baseline_exposure_stops], 1000),
    }
