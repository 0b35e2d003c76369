"""The colour profile and EXIF of a photograph's file, kept for pictures that are made from it.

EXIF tags are copied byte for byte; only what pictures of another size would make untrue is written anew.
"""

import struct
from collections.abc import Collection
from fractions import Fraction
from io import BufferedIOBase, BytesIO
from pathlib import Path
from typing import Literal, NamedTuple

from neucam_nerfstudio.imaging.colour_profiles import is_rgb_profile
from neucam_nerfstudio.imaging.exif_block import (
    BYTES_OF_TYPE,
    DESCRIPTION_TAG,
    EXIF_FOLDER,
    GPS_FOLDER,
    LONG,
    RATIONAL,
    SHORT,
    SOFTWARE,
    SOFTWARE_TAG,
    ByteOrder,
    Exif,
    Folder,
    Tag,
    read_folder,
    read_header,
    read_pointed,
    text_tag,
)
from neucam_nerfstudio.imaging.exr_attributes import exr_attributes, numbers
from neucam_nerfstudio.imaging.large_pictures import open_with_pillow
from neucam_nerfstudio.imaging.maker_notes import exif_by_exiv2
from neucam_nerfstudio.imaging.phone_pictures import embedded_metadata, kind_of_file
from neucam_nerfstudio.imaging.raw_files import is_raw
from neucam_nerfstudio.imaging.video_index import told_of_video, video_of_frame

KEPT_TAGS = {
    DESCRIPTION_TAG: "ImageDescription",
    271: "Make",
    272: "Model",
    306: "DateTime",
    282: "XResolution",
    283: "YResolution",
    296: "ResolutionUnit",
    315: "Artist",
    33432: "Copyright",
}
"""Main tags that describe the photograph; the others describe how its file stores the pixels."""
DROPPED_EXIF_TAGS = {37500: "MakerNote", 40962: "PixelXDimension", 40963: "PixelYDimension", 40965: "Interoperability"}
"""EXIF tags that hold the photograph's size, or places in its file."""

SIZE_TAGS = 40962, 40963
"""EXIF tags of a picture's width and height: PixelXDimension and PixelYDimension."""
RESOLUTION_TAGS = {
    282: "XResolution",
    283: "YResolution",
    41486: "FocalPlaneXResolution",
    41487: "FocalPlaneYResolution",
}
"""Tags of pixels a unit of length, on paper or in a microscope, and on the sensor: measuring programs take the scale
from them."""
DENSITIES_OF_SCREENS = (72, 96)
"""Pixels an inch that programs write where they know none."""
PROFILE_TAG = 34675
"""TIFF's tag of the ICC profile."""
LARGEST_DENOMINATOR = 1_000_000
"""Of a resolution that is written anew: well within 32 bits, and finer than any is known."""

TurnedDial = Literal["focus", "aperture", "exposure"]
"""A setting of the camera that a picture may have differently from its photograph."""

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
"""EXIF tags that are wrong for a picture with another setting (EXIF 2.32)."""


class PhotographMetadata(NamedTuple):
    """What is kept from a photograph's file; None if the file does not say.

    Attributes:
        icc_profile: The colours that its R, G, B stand for.
        exif: Camera, lens, time, place and settings.
    """

    icc_profile: bytes | None
    exif: Exif | None

    def at_size(self, reduction: float) -> "PhotographMetadata":
        """The same for a picture with `reduction` times fewer pixels along each side: the scale stays true."""
        return self if self.exif is None else self._replace(exif=_rescaled(self.exif, reduction))


NOTHING_KEPT = PhotographMetadata(None, None)


def read_metadata(path: Path, turned: Collection[TurnedDial] = ()) -> PhotographMetadata:
    """Reads the profile and EXIF of a photograph, for an upright picture of its size.

    Three profiles are left out, because they do not fit the pixels as they are read: that of a RAW file, which is
    developed to linear light, and those of grey and CMYK files, which are read as R, G, B. A RAW file keeps its EXIF if
    it is built like a TIFF file, or exiv2 is installed and reads it. A frame of a video has the video's colours, camera
    and time. The tags of `turned` settings, which the picture has differently, are left out.
    """
    if not path.is_file():
        video = video_of_frame(path)
        return NOTHING_KEPT if video is None else _metadata_of_video(video)
    if is_raw(path):
        with path.open("rb") as file:
            return PhotographMetadata(None, _kept(file, turned) or _true_of_pictures(exif_by_exiv2(path), turned))
    kind = kind_of_file(path)
    if kind is not None:
        profile, block = embedded_metadata(path, kind)
        is_rgb = profile is not None and is_rgb_profile(profile)
        return PhotographMetadata(profile if is_rgb else None, None if block is None else _kept(BytesIO(block), turned))
    from PIL import UnidentifiedImageError

    try:
        with open_with_pillow(path) as photograph:
            profile, density = photograph.info.get("icc_profile"), photograph.info.get("dpi")
            exif_file: BufferedIOBase | None = getattr(photograph.getexif(), "fp", None)  # where Pillow reads EXIF from
            exif = None if exif_file is None else _kept(exif_file, turned)
    except UnidentifiedImageError:  # such as a float TIFF, whose pixels another library reads
        with path.open("rb") as file:
            profile, density, exif = _profile_of_tiff(file), None, _kept(file, turned)
    has_profile = profile is not None and is_rgb_profile(profile)
    return PhotographMetadata(profile if has_profile else None, _with_density(exif, density))


def name_of_source(path: Path) -> str:
    """Name of the file that a photograph or a frame of a video comes from."""
    video = None if path.is_file() else video_of_frame(path)
    return (path if video is None else video).name


def sized(exif: Exif, height: int, width: int) -> Exif:
    """EXIF of a picture of this size, which it names."""
    sides = {tag: _long(side, exif.byte_order) for tag, side in zip(SIZE_TAGS, (width, height), strict=True)}
    return exif._replace(folders=exif.folders | {EXIF_FOLDER: exif.folders.get(EXIF_FOLDER, {}) | sides})


def pixels_an_inch(exif: Exif | None) -> float | None:
    """Pixels an inch of paper, or of what is under a microscope; None where EXIF does not tell, or in no unit."""
    per_inch = exr_attributes(exif).get("xDensity")
    return per_inch if isinstance(per_inch, float) else None


def _with_density(exif: Exif | None, pixels_an_inch: tuple[float, float] | None) -> Exif | None:
    """EXIF with the density that a JPEG's or PNG's own header tells, where EXIF tells none."""
    if pixels_an_inch is None or min(pixels_an_inch) <= 0 or round(pixels_an_inch[0]) in DENSITIES_OF_SCREENS:
        return exif
    exif = exif or Exif("<", {SOFTWARE_TAG: text_tag(SOFTWARE)}, {})
    if 282 in exif.main:
        return exif
    ratios = (Fraction(each).limit_denominator(LARGEST_DENOMINATOR) for each in pixels_an_inch)
    tags = {number: _rational(ratio, exif.byte_order) for number, ratio in zip((282, 283), ratios, strict=True)}
    inch = Tag(SHORT, struct.pack(f"{exif.byte_order}H", 2))
    return exif._replace(main=exif.main | tags | {296: inch})


def _true_description(content: bytes) -> bytes | None:
    """A description without what programs of science write there of the pixels of their own file; None of no other."""
    text = content.rstrip(b"\0")
    if text.startswith(b'{"shape"') or (text.startswith(b"<") and b"OME" in text):
        return None
    if not text.startswith(b"ImageJ="):
        return content
    lines = (line for line in text.splitlines() if line.startswith((b"ImageJ=", b"unit=")))  # of resolutions
    return b"\n".join(lines) + b"\n\0"


def _profile_of_tiff(file: BufferedIOBase) -> bytes | None:
    try:
        byte_order, start = read_header(file)
    except ValueError:
        return None
    tag = read_folder(file, start, byte_order, lambda number: number == PROFILE_TAG).get(PROFILE_TAG)
    return None if tag is None else tag.content


def _rational(value: Fraction, byte_order: ByteOrder) -> Tag:
    return Tag(RATIONAL, struct.pack(f"{byte_order}2I", min(value.numerator, 0xFFFFFFFF), value.denominator))


def _rescaled(exif: Exif, reduction: float) -> Exif:
    def rescaled(folder: Folder) -> Folder:
        return {
            number: _reduced(tag, reduction, exif.byte_order) if number in RESOLUTION_TAGS else tag
            for number, tag in folder.items()
        }

    return exif._replace(
        main=rescaled(exif.main), folders={name: rescaled(tags) for name, tags in exif.folders.items()}
    )


def _reduced(tag: Tag, reduction: float, byte_order: ByteOrder) -> Tag:
    """A resolution in pixels a unit of length, of a picture with fewer of them; another tag stays."""
    if tag.type != RATIONAL or len(tag.content) != BYTES_OF_TYPE[RATIONAL]:
        return tag
    above, below = struct.unpack(f"{byte_order}2I", tag.content)
    if not above or not below:
        return tag
    value = Fraction(above, below) / Fraction(reduction).limit_denominator(LARGEST_DENOMINATOR)
    return _rational(value.limit_denominator(LARGEST_DENOMINATOR), byte_order)


def _long(value: int, byte_order: ByteOrder) -> Tag:
    return Tag(LONG, struct.pack(f"{byte_order}I", value))


def _metadata_of_video(path: Path) -> PhotographMetadata:
    told = told_of_video(path)
    main = {271: told.make, 272: told.model, 306: told.taken_at}
    taken = {36867: told.taken_at, 36881: told.utc_offset}
    folders = {EXIF_FOLDER: {tag: text_tag(text) for tag, text in taken.items() if text}}
    folders = {name: tags for name, tags in folders.items() if tags}
    tags = {tag: text_tag(text) for tag, text in main.items() if text}
    if not tags and not folders:
        return PhotographMetadata(told.codes.icc_profile(), None)
    return PhotographMetadata(told.codes.icc_profile(), Exif("<", tags | {SOFTWARE_TAG: text_tag(SOFTWARE)}, folders))


def _kept(file: BufferedIOBase, turned: Collection[TurnedDial]) -> Exif | None:
    """What is kept of the EXIF in a file that is built like TIFF."""
    try:
        byte_order, start = read_header(file)
    except ValueError:  # not built like a TIFF file
        return None
    main = read_folder(file, start, byte_order, lambda tag: tag in KEPT_TAGS or tag in (EXIF_FOLDER, GPS_FOLDER))
    pointers = {tag: main.pop(tag) for tag in (EXIF_FOLDER, GPS_FOLDER) if tag in main}
    folders = {tag: read_pointed(file, pointer, byte_order, lambda _: True) for tag, pointer in pointers.items()}
    return _true_of_pictures(Exif(byte_order, main, folders), turned)


def _true_of_pictures(exif: Exif | None, turned: Collection[TurnedDial]) -> Exif | None:
    """EXIF without what is true of the photograph's file alone, or of undialled settings; None if nothing is left."""
    if exif is None:
        return None
    dropped = DROPPED_EXIF_TAGS.keys() | {tag for dial in turned for tag in TAGS_OF_DIAL[dial]}
    main = {number: tag for number, tag in exif.main.items() if number in KEPT_TAGS}
    if numbers(main.get(296), exif.byte_order) == [1.0] and numbers(main.get(282), exif.byte_order) == [1.0]:
        main = {number: tag for number, tag in main.items() if number not in (282, 283, 296)}  # no unit, and no number
    if DESCRIPTION_TAG in main and (description := _true_description(main.pop(DESCRIPTION_TAG).content)):
        main[DESCRIPTION_TAG] = Tag(exif.main[DESCRIPTION_TAG].type, description)
    kept = exif.folders.copy()
    if EXIF_FOLDER in kept:
        kept[EXIF_FOLDER] = {number: tag for number, tag in kept[EXIF_FOLDER].items() if number not in dropped}
    kept = {pointer: folder for pointer, folder in kept.items() if folder}
    if not main and not kept:
        return None
    return Exif(exif.byte_order, main | {SOFTWARE_TAG: text_tag(SOFTWARE)}, kept)
