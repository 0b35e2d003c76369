"""What a photograph's file says besides its pixels: the colour profile and EXIF, for pictures made from it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from neucam_nerfstudio import __version__
from neucam_nerfstudio.capture.photographs import RAW_SUFFIXES

if TYPE_CHECKING:
    from PIL import Image

SOFTWARE = f"neucam-nerfstudio {__version__}"
"""What files say they were written by."""

SOFTWARE_TAG, EXIF_FOLDER, GPS_FOLDER = 305, 34665, 34853
KEPT_TAGS = {270: "ImageDescription", 271: "Make", 272: "Model", 306: "DateTime", 315: "Artist", 33432: "Copyright"}
"""Of the main tags; the others describe how the photograph's file stores its pixels, and not the photograph."""
DROPPED_EXIF_TAGS = {37500: "MakerNote", 40962: "PixelXDimension", 40963: "PixelYDimension", 40965: "Interoperability"}
"""Of the EXIF tags; they hold places in the photograph's file, or its size."""

TurnedDial = Literal["focus", "aperture", "exposure"]
"""What a picture may have been given another setting of than its photograph."""

TAGS_OF_DIAL: dict[TurnedDial, dict[int, str]] = {
    "focus": {37382: "SubjectDistance", 41996: "SubjectDistanceRange"},
    "aperture": {33437: "FNumber", 37378: "ApertureValue"},
    "exposure": {
        33434: "ExposureTime",
        37377: "ShutterSpeedValue",
        34855: "PhotographicSensitivity",
        34864: "SensitivityType",
        34865: "StandardOutputSensitivity",
        34866: "RecommendedExposureIndex",
        34867: "ISOSpeed",
        34868: "ISOSpeedLatitudeyyy",
        34869: "ISOSpeedLatitudezzz",
        37380: "ExposureBiasValue",
        41493: "ExposureIndex",
    },
}
"""Of the EXIF tags; those that a picture contradicts when it was given another setting (EXIF 2.32)."""


class PhotographMetadata(NamedTuple):
    """What is kept of a photograph.

    Attributes:
        icc_profile: What its pixel values mean as colours; None if the file does not say.
        exif: Camera, lens, time, place and settings; None if the file does not say.
    """

    icc_profile: bytes | None
    exif: Image.Exif | None


def read_metadata(path: Path, turned: Collection[TurnedDial] = ()) -> PhotographMetadata:
    """Reads a photograph's profile and EXIF, ready for a picture that is upright and of any size.

    Args:
        path: The photograph. Of camera RAW, which is developed to linear values, the profile is not that of the
            pixels, so it is not kept; EXIF is, where the file is built like a TIFF. A frame of a video has neither.
        turned: What the picture has another setting of than the photograph: EXIF is kept without that.
    """
    if not path.is_file():
        return PhotographMetadata(None, None)
    if path.suffix.lower() in RAW_SUFFIXES:
        return PhotographMetadata(None, _raw_exif(path, turned))
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as photograph:
            return PhotographMetadata(photograph.info.get("icc_profile"), _kept(photograph.getexif(), turned))
    except UnidentifiedImageError:  # a float TIFF, for one: its pixels are read by another library
        return PhotographMetadata(None, None)


def _raw_exif(path: Path, turned: Collection[TurnedDial]) -> Image.Exif | None:
    from PIL import Image

    exif = Image.Exif()
    try:
        with path.open("rb") as file:
            exif.load_from_fp(file)
            return _kept(exif, turned)
    except (SyntaxError, OSError):  # not built like a TIFF
        return None


def _kept(exif: Image.Exif, turned: Collection[TurnedDial]) -> Image.Exif | None:
    from PIL import Image

    dropped_settings = {tag for dial in turned for tag in TAGS_OF_DIAL[dial]}
    kept = Image.Exif()
    kept.update({tag: exif[tag] for tag in KEPT_TAGS if tag in exif})
    for folder, dropped in ((EXIF_FOLDER, DROPPED_EXIF_TAGS.keys() | dropped_settings), (GPS_FOLDER, ())):
        if values := {tag: value for tag, value in exif.get_ifd(folder).items() if tag not in dropped}:
            kept[folder] = values
    if not kept:
        return None
    kept[SOFTWARE_TAG] = SOFTWARE
    return kept
