"""HEIC, AVIF, WebP and JPEG XL, as phones and cameras write them: upright, in all their bits."""

import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from jaxtyping import Shaped, UInt16

from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.colour_codes import NO_CODES, ColourCodes
from neucam_nerfstudio.imaging.large_pictures import open_with_pillow, pictures_of_any_size
from neucam_nerfstudio.imaging.tiff_files import UPRIGHT, upright
from neucam_nerfstudio.imaging.video_frames import has_deep_colour, rgb_of_frame
from neucam_nerfstudio.photometry import full_scale_table

if TYPE_CHECKING:
    import pillow_heif

PhoneKind = Literal["HEIC", "AVIF", "WebP", "JPEG XL"]
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
PHONE_SUFFIXES = HEIF_SUFFIXES | {".avif", ".jxl", ".mpo", ".webp"}
"""Of the files read here, and of JPEGs that hold several pictures."""
FULL_SCALE_SUFFIXES = HEIF_SUFFIXES | {".avif", ".jxl"}
"""Of files whose deep values are brought to 16 bits, whatever bits they have."""

SIGNATURES: dict[PhoneKind, bytes] = {
    "AVIF": rb"....ftyp(avi[fs]|(mif1|msf1|miaf)....(....)*avi[fs])",
    "HEIC": rb"....ftyp(hei|hev|mif1|mif2|msf1)",
    "WebP": rb"RIFF....WEBP",
    "JPEG XL": rb"\xff\x0a|\0\0\0\x0cJXL ",
}
"""First bytes of each kind (regular expressions); of a HEIF file the brands, which tell how it is coded."""
SIGNATURE_BYTES = 64

GAIN_MAP_MARKS = (b"hdrgainmap", b"ns.adobe.com/hdr-gain-map", b"urn:iso:std:iso:ts:21496", b"tmap")
"""What the head of a file with a gain map holds: names of Apple and of Adobe, and of ISO 21496-1 in JPEG and HEIF."""
ORIENTATION_TAG = 274
"""EXIF's number of the tag Orientation."""
HEAD_BYTES = 1 << 18
"""Where gain maps and further pictures of a file are told of."""
MP_ENTRIES, MANY_VIEWS = 0xB002, "Multi-Frame"
"""Tag of the list of pictures in a JPEG file (CIPA DC-007), and how its further views are called: those that are no
previews or gain maps."""


class EmbeddedMetadata(NamedTuple):
    """What a file of these kinds says of its picture; None where it does not.

    Attributes:
        icc_profile: Its colours, by an ICC profile or by numbers of ITU-T H.273.
        exif: An EXIF block, from its byte order mark on; its orientation is undone already, or is not to be followed.
    """

    icc_profile: bytes | None
    exif: bytes | None


def phone_kind(start: bytes) -> PhoneKind | None:
    """The kind of a file by its first `SIGNATURE_BYTES`; None of others."""
    brands = start[: int.from_bytes(start[:4], "big")] if start[4:8] == b"ftyp" else start
    return next((kind for kind, sign in SIGNATURES.items() if re.match(sign, brands, re.DOTALL)), None)


def kind_of_file(path: Path) -> PhoneKind | None:
    """The kind of a file by what it holds, whatever its name; None of others, and where nothing can be read."""
    try:
        with path.open("rb") as file:
            return phone_kind(file.read(SIGNATURE_BYTES))
    except OSError:
        return None


def read_phone_picture(path: Path, kind: PhoneKind) -> Shaped[np.ndarray, "height width 3"]:
    """Decodes the primary picture of a file, upright, without alpha.

    HLG and PQ signals become light on the curve of sRGB (see `ColourCodes`). Gain maps, depth and further pictures are
    not read.

    Returns:
        uint8, or uint16 where the file has more than 8 bits, whatever bits it has: 65535 is white.

    Raises:
        NeucamError: The file is broken, or the library that reads it is missing.
    """
    with _errors_of(path):
        return READERS[kind](path)


def embedded_metadata(path: Path, kind: PhoneKind) -> EmbeddedMetadata:
    """The colour profile and EXIF of a file.

    Raises:
        NeucamError: The file is broken, or the library that reads it is missing.
    """
    with _errors_of(path):
        if kind == "HEIC":
            file = _heif(path)
            profile, exif = file.info.get("icc_profile") or _heif_codes(file).icc_profile(), file.info.get("exif")
        else:
            if kind == "JPEG XL":
                import_optional("pillow_jxl", path)
            with open_with_pillow(path) as picture:
                profile, exif = picture.info.get("icc_profile"), picture.info.get("exif")
            if kind == "AVIF" and not profile:
                profile = _avif_codes(path).icc_profile()
    return EmbeddedMetadata(profile or None, exif.removeprefix(b"Exif\0\0") if exif else None)


def notes_of_files(paths: Sequence[Path]) -> list[str]:
    """What is made of the files' signals, and what they hold besides the picture that is read of each, in sentences."""
    with_gain, with_more, bright = [], [], []
    for path in paths:
        with suppress(OSError, NeucamError):  # what cannot be read is reported when it is decoded
            with path.open("rb") as file:
                head = file.read(HEAD_BYTES)
            if any(mark in head for mark in GAIN_MAP_MARKS):
                with_gain.append(path)
            if _holds_more_pictures(path, head):
                with_more.append(path)
            if (codes := _codes(path, phone_kind(head))).is_bright:
                bright.append((path, codes))
    notes = []
    if with_gain:
        notes.append(
            f"Gain maps are not used ({_counted(with_gain)}): read is the picture that ordinary displays show."
        )
    if with_more:
        notes.append(f"Of files that hold several pictures only the first one is read ({_counted(with_more)}).")
    for transfer in sorted({codes.transfer for _, codes in bright}):
        of_kind = [path for path, codes in bright if codes.transfer == transfer]
        codes = next(codes for _, codes in bright if codes.transfer == transfer)
        notes += filter(None, [codes.note(_counted(of_kind))])
    return notes


def import_optional(name: str, path: Path) -> ModuleType:
    """Imports a library that reads JPEG XL, an optional one.

    Raises:
        NeucamError: It is missing; `path` is the file that needs it.
    """
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise NeucamError(
            f"{path}: JPEG XL is read by libraries that are not installed. Install them with"
            " pip install 'neucam-nerfstudio[jxl]', or convert it to PNG or TIFF."
        ) from error


def _holds_more_pictures(path: Path, head: bytes) -> bool:
    """Whether a file holds further views or moments, and not only previews, depth or a gain map."""
    kind = phone_kind(head)
    if kind == "HEIC":
        with _errors_of(path):
            return len(_heif(path)) > 1
    if kind in ("AVIF", "WebP"):
        with _errors_of(path), open_with_pillow(path) as picture:
            return getattr(picture, "n_frames", 1) > 1
    if path.suffix.lower() == ".mpo" or b"MPF\0" not in head:
        return path.suffix.lower() == ".mpo"
    with suppress(Exception), open_with_pillow(path, formats=("JPEG", "MPO")) as picture:
        told = getattr(picture, "mpinfo", None) or {}
        kinds = [str(entry["Attribute"]["MPType"]) for entry in told.get(MP_ENTRIES, ())]
        return sum(MANY_VIEWS in kind for kind in kinds) > 1
    return False


def _codes(path: Path, kind: PhoneKind | None) -> ColourCodes:
    with _errors_of(path):
        return _heif_codes(_heif(path)) if kind == "HEIC" else _avif_codes(path) if kind == "AVIF" else NO_CODES


def _counted(paths: Sequence[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{len(paths)} files, the first {paths[0].name}"


@contextmanager
def _errors_of(path: Path) -> Iterator[None]:
    try:
        yield
    except NeucamError:
        raise
    except Exception as error:  # noqa: BLE001 - libheif, libavif, dav1d and libjxl raise errors of many kinds
        raise NeucamError(broken_file_message(path, error)) from error


def _heif(path: Path) -> "pillow_heif.HeifFile":
    import pillow_heif

    return pillow_heif.open_heif(path, convert_hdr_to_8bit=False)


def _heif_codes(file: "pillow_heif.HeifFile") -> ColourCodes:
    told = file.info.get("nclx_profile") or {}
    return ColourCodes(*(int(told.get(name, 2)) for name in ("color_primaries", "transfer_characteristics")))


def _read_heic(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    file = _heif(path)
    samples = np.asarray(file)
    colours = samples[..., :3] if samples.ndim == 3 and samples.shape[-1] >= 3 else _first_channel(samples)
    pixels = np.ascontiguousarray(np.broadcast_to(colours, (*colours.shape[:2], 3)))
    if pixels.dtype == np.uint16:  # the file's bits lie at the upper end of 16
        bits = int(file.info["bit_depth"])
        pixels = full_scale_table(((1 << bits) - 1) << (16 - bits))[pixels]
    return pixels if file.info.get("icc_profile") else _heif_codes(file).on_srgb_curve(pixels)


def _first_channel(samples: np.ndarray) -> Shaped[np.ndarray, "height width 1"]:
    return samples[..., None] if samples.ndim == 2 else samples[..., :1]


def _read_avif(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    with open_with_pillow(path, formats=("AVIF",)) as picture:
        orientation = int(picture.getexif().get(ORIENTATION_TAG, UPRIGHT))  # by Pillow, of the file's own turns
        deep = _deep_avif(path, picture.size)  # of which Pillow would give 8 bits
        pixels = np.array(picture.convert("RGB")) if deep is None else deep
        codes = _avif_codes(path)
        has_profile = bool(picture.info.get("icc_profile"))
    return np.ascontiguousarray(upright(pixels if has_profile else codes.on_srgb_curve(pixels), orientation))


def _deep_avif(path: Path, size: tuple[int, int]) -> UInt16[np.ndarray, "height width 3"] | None:
    """Pixels as they are stored, where the file has more than 8 bits; None where it has 8."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        if not has_deep_colour(frame):
            return None
        if (frame.width, frame.height) != size:
            raise NeucamError(
                f"{path}: an AVIF of {max(c.bits for c in frame.format.components)} bits in tiles, which is not read."
                " Convert it to 16-bit PNG or TIFF."
            )
        return rgb_of_frame(frame)


def _avif_codes(path: Path) -> ColourCodes:
    import av

    with av.open(str(path)) as container:
        told = container.streams.video[0].codec_context
        return ColourCodes(int(told.color_primaries), int(told.color_trc))


def _read_webp(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    with open_with_pillow(path, formats=("WEBP",)) as picture, pictures_of_any_size():
        from PIL import ImageOps

        turned = ImageOps.exif_transpose(picture)
        return np.array(turned.convert("RGB"))


def _read_jxl(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    samples = import_optional("imagecodecs", path).jpegxl_decode(path.read_bytes())  # turned as the picture says
    if samples.ndim == 4:  # an animation
        samples = samples[0]
    colours = samples if samples.ndim == 3 and samples.shape[-1] >= 3 else _first_channel(samples)
    pixels = np.ascontiguousarray(np.broadcast_to(colours[..., :3], (*colours.shape[:2], 3)))
    if pixels.dtype == np.uint16 and 0 < pixels.max() < 1 << 15:  # of fewer bits perhaps, or dark
        import_optional("pillow_jxl", path)
        with open_with_pillow(path) as picture:  # in 8 bits, whatever it has
            in_eight = float(np.asarray(picture.convert("RGB"), np.float64).mean())
        bits = min(16, 8 + max(1, round(math.log2(pixels.mean() / in_eight)))) if in_eight > 0 else 16
        pixels = full_scale_table((1 << bits) - 1)[pixels]
    return pixels


READERS: dict[PhoneKind, Callable[[Path], Shaped[np.ndarray, "height width 3"]]] = {
    "HEIC": _read_heic,
    "AVIF": _read_avif,
    "WebP": _read_webp,
    "JPEG XL": _read_jxl,
}
