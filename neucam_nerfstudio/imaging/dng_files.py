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
from neucam_nerfstudio.imaging.radiance_files import Precision
from neucam_nerfstudio.imaging.raw_files import LINEAR_RAW_PHOTOMETRIC
from neucam_nerfstudio.imaging.tiff_writing import CLASSIC_BYTES, add_tags
from neucam_nerfstudio.photometry import LN2, decode_srgb

CAMERA_NAME = "NeuCam linear RGB"
"""UniqueCameraModel: no real camera's, for whose sensor programs have colours of their own; Make and Model stay."""
PREVIEW_PX = 1024
"""Longer side of the preview, which is not compressed."""
D65_ILLUMINANT = 21
"""EXIF's LightSource of the white of Rec. 709."""
MOST_STOPS_ABOVE_WHITE = 5.0
"""Stops above the reference photograph's white that 16-bit integers keep: what exposure sliders of RAW developers bring
back. 11 bits are left below white; with more stops above it, LibRaw, which has no more than 16 bits, shows steps."""
MIDDLE_PIXEL_VALUE = 0.5
"""Pixel value of the reference photograph that is as bright in the DNG as sRGB would show it."""
COLOUR_DENOMINATOR = 10**7
"""Of the rational numbers of a colour matrix: finer than 16-bit samples tell."""

BYTE, SIGNED_RATIONAL = 1, 10
"""Types of a tag (TIFF 6.0, section 2)."""
DNG_VERSION, DNG_BACKWARD_VERSION, UNIQUE_CAMERA_MODEL = 50706, 50707, 50708
BLACK_LEVEL, WHITE_LEVEL, COLOR_MATRIX, AS_SHOT_NEUTRAL = 50714, 50717, 50721, 50728
BASELINE_EXPOSURE, CALIBRATION_ILLUMINANT, SUB_FOLDERS, ORIENTATION = 50730, 50778, 330, 274
UPRIGHT = 1


class DngScale(NamedTuple):
    """How radiance is stored.

    Attributes:
        white: Radiance that is stored as white; what is brighter is white, too.
        baseline_exposure_stops: By how much programs brighten it, so that the reference photograph's white is white.
        number_type: Of the samples: uint16, float16 or float32.
    """

    white: float
    baseline_exposure_stops: float
    number_type: np.dtype

    @property
    def stored_white(self) -> int:
        """The number that stands for white."""
        return 65535 if self.number_type == np.uint16 else 1


def dng_scale(peak: float, reference_white: float, precision: Precision = "auto") -> DngScale:
    """How a picture is stored.

    White is the brightest light: LibRaw takes what is a little below white for white where nothing reaches that.

    Args:
        peak: The picture's largest radiance.
        reference_white: The radiance that is white in the reference photograph.
        precision: `auto` is 16-bit integers, which all programs read, and keeps `MOST_STOPS_ABOVE_WHITE`; `half` and
            `float` are floats, which Lightroom writes of merged brackets, and keep all light.
    """
    white = peak if peak > 0 else reference_white
    if precision == "auto":
        white = min(white, reference_white * 2**MOST_STOPS_ABOVE_WHITE)
    number_type = np.dtype({"auto": np.uint16, "half": np.float16, "float": np.float32}[precision])
    return DngScale(white, math.log2(white / reference_white), number_type)


def white_of_reference(middle_log_exposure: float, exposure_stops: float, linear_light: bool) -> float:
    """Radiance that is white in the reference photograph, if its middle tones are those of sRGB, or of linear light.

    Cameras bend what is bright so differently that their own white would make pictures dark or bright.

    Args:
        middle_log_exposure: At which the response has `MIDDLE_PIXEL_VALUE`, ln radiance + ln 2 * stops.
        exposure_stops: Of the reference photograph.
        linear_light: Whether pixel values are light, as of RAW files.
    """
    middle = MIDDLE_PIXEL_VALUE if linear_light else float(decode_srgb(np.float64(MIDDLE_PIXEL_VALUE)))
    return math.exp(middle_log_exposure - LN2 * exposure_stops) / middle


def write_dng(
    path: Path,
    radiance: Float[np.ndarray, "height width 3"],
    scale: DngScale,
    preview: UInt8[np.ndarray, "small_height small_width 3"],
    primaries: ColourPrimaries = REC709,
    exif: Exif | None = None,
) -> None:
    """Writes linear radiance as a DNG that needs no demosaicing, strip by strip, uncompressed as most programs read it.

    Args:
        radiance: Linear radiance, R, G, B; what is below 0 becomes 0.
        scale: How it is stored. Programs show the reference photograph's white as white at first, and what is brighter
            when they darken the picture.
        preview: What browsers of files show, sRGB.
        primaries: Primaries of the radiance.
        exif: Camera, time, settings and scale of the photograph that it was made from.

    Raises:
        NeucamError: A value is not finite, or the picture is larger than a DNG file may be.
    """
    import tifffile

    if not np.isfinite([radiance.max(), radiance.min()]).all():  # either is NaN if one value is
        raise NeucamError(f"{path}: the radiance holds values that are not finite; nothing was written.")
    height, width = radiance.shape[:2]
    if height * width * 3 * scale.number_type.itemsize > CLASSIC_BYTES:
        raise NeucamError(f"{path}: {width}x{height} pixels are more than the 4 GB of a DNG file. Write .exr.")
    kept = exif or Exif("<", {}, {})
    number_type, white = scale.number_type.newbyteorder(kept.byte_order), scale.stored_white
    strips = list(strips_of_rows(height, width))

    def stored() -> Iterator[bytes]:
        for rows in strips:
            light = np.clip(radiance[rows] * np.float32(white / scale.white), 0, white)
            yield (light if number_type.kind == "f" else np.rint(light)).astype(number_type).tobytes()

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
    oldest = (1, 1, 0, 0) if scale.number_type == np.uint16 else (1, 4, 0, 0)
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
