"""What a photograph's file says besides its pixels: the colour profile and EXIF, for pictures made from it."""

from __future__ import annotations

import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple

from neucam_nerfstudio import __version__
from neucam_nerfstudio.imaging.icc_profiles import is_rgb_profile
from neucam_nerfstudio.imaging.pillow_files import open_with_pillow
from neucam_nerfstudio.imaging.raw_files import is_raw
from neucam_nerfstudio.imaging.tag_folders import (
    HEADERS,
    ByteOrder,
    Folder,
    read_folder,
    read_header,
    read_pointed,
    text_tag,
    tree_bytes,
)

SOFTWARE = f"neucam-nerfstudio {__version__}"
"""What files say they were written by."""

DESCRIPTION_TAG, SOFTWARE_TAG, EXIF_FOLDER, GPS_FOLDER = 270, 305, 34665, 34853
KEPT_TAGS = {
    DESCRIPTION_TAG: "ImageDescription",
    271: "Make",
    272: "Model",
    306: "DateTime",
    315: "Artist",
    33432: "Copyright",
}
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


class Exif(NamedTuple):
    """Tags of EXIF, byte for byte those of a photograph.

    Attributes:
        byte_order: Of all values.
        main: The main tags, without those that point to folders.
        folders: The folders of EXIF and GPS tags, by the main tag that points to each.
    """

    byte_order: ByteOrder
    main: Folder
    folders: dict[int, Folder]

    def block(self) -> bytes:
        """All of it as a JPEG or PNG holds it, from the mark of the byte order on."""
        start = 8
        header = HEADERS[self.byte_order] + struct.pack(f"{self.byte_order}I", start)
        return header + tree_bytes(self.main, self.folders, start, self.byte_order)


class PhotographMetadata(NamedTuple):
    """What is kept of a photograph.

    Attributes:
        icc_profile: What its R, G, B values mean as colours; None if the file does not say.
        exif: Camera, lens, time, place and settings; None if the file does not say.
    """

    icc_profile: bytes | None
    exif: Exif | None


def read_metadata(path: Path, turned: Collection[TurnedDial] = ()) -> PhotographMetadata:
    """Reads a photograph's profile and EXIF, ready for a picture that is upright and of any size.

    Args:
        path: The photograph. Of camera RAW, which is developed to linear values, the profile is not that of the
            pixels, so it is not kept; EXIF is, where the file is built like a TIFF. Nor is the profile of grey or CMYK,
            which are read as R, G, B. A frame of a video has neither.
        turned: What the picture has another setting of than the photograph: EXIF is kept without that.
    """
    if not path.is_file():
        return PhotographMetadata(None, None)
    if is_raw(path):
        with path.open("rb") as file:
            return PhotographMetadata(None, _kept(file, turned))
    from PIL import UnidentifiedImageError

    try:
        with open_with_pillow(path) as photograph:
            profile = photograph.info.get("icc_profile")
            exif_file = getattr(photograph.getexif(), "fp", None)  # what Pillow reads EXIF from, if there is any
            return PhotographMetadata(
                profile if profile and is_rgb_profile(profile) else None,
                None if exif_file is None else _kept(exif_file, turned),
            )
    except UnidentifiedImageError:  # a float TIFF, for one: its pixels are read by another library
        return PhotographMetadata(None, None)


def _kept(file: BinaryIO, turned: Collection[TurnedDial]) -> Exif | None:
    dropped = DROPPED_EXIF_TAGS.keys() | {tag for dial in turned for tag in TAGS_OF_DIAL[dial]}
    wanted = {EXIF_FOLDER: lambda tag: tag not in dropped, GPS_FOLDER: lambda tag: True}
    try:
        byte_order, start = read_header(file)
    except ValueError:  # not built like a TIFF
        return None
    main = read_folder(file, start, byte_order, lambda tag: tag in KEPT_TAGS or tag in wanted)
    pointers = {tag: main.pop(tag) for tag in wanted if tag in main}
    folders = {tag: read_pointed(file, pointer, byte_order, wanted[tag]) for tag, pointer in pointers.items()}
    folders = {tag: folder for tag, folder in folders.items() if folder}
    if not main and not folders:
        return None
    return Exif(byte_order, main | {SOFTWARE_TAG: text_tag(SOFTWARE)}, folders)
