"""Photographs on disk: which files of a folder are photographs, and their pixels without losing a bit."""

import re
from collections.abc import Callable, Iterator, Sequence
from filecmp import cmp
from functools import partial
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt8

from neucam_nerfstudio.errors import NeucamError, broken_file_message
from neucam_nerfstudio.imaging.large_pictures import open_with_pillow, strips_of_rows
from neucam_nerfstudio.imaging.phone_pictures import (
    HEIF_SUFFIXES,
    PHONE_SUFFIXES,
    SIGNATURE_BYTES,
    phone_kind,
    read_phone_picture,
)
from neucam_nerfstudio.imaging.raw_files import RAW_SUFFIXES, WhiteBalance, develop_raw, is_raw
from neucam_nerfstudio.imaging.tiff_files import TIFF_SIGNATURES, read_unusual_tiff
from neucam_nerfstudio.photometry import WHITE_LEVEL

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jif", ".jfif", ".jfi"})
LOSSLESS_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
PHOTOGRAPH_SUFFIXES = JPEG_SUFFIXES | LOSSLESS_SUFFIXES | RAW_SUFFIXES | PHONE_SUFFIXES

JPEG_REDUCTIONS = (8, 4, 2)
"""How many times smaller a JPEG can be decoded."""
JPEG_SIGNATURE = b"\xff\xd8\xff"
UNREAD_SIGNATURES = {
    "JPEG 2000": rb"....jP  |\xff\x4f\xff\x51",
    "GIF": rb"GIF8",
    "BMP": rb"BM",
    "Photoshop": rb"8BPS",
    "OpenEXR": rb"\x76\x2f\x31\x01",
    "Radiance HDR": rb"#\?RA",
    "PDF": rb"%PDF",
}
"""First bytes of files that are not read as photographs, whatever their names (regular expressions)."""


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key of file names in which numbers count as numbers: `IMG_9` before `IMG_10`."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts]


def find_photographs(folder: Path) -> list[Path]:
    """The photographs directly in `folder`, in name order, without hidden files."""
    return files_with_suffix(folder, PHOTOGRAPH_SUFFIXES)


def files_with_suffix(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files directly in `folder` with one of these suffixes, in name order, without hidden files."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted((path for path in files if path.suffix.lower() in suffixes), key=natural_order)


def one_file_per_frame(paths: Sequence[Path]) -> tuple[list[Path], str | None]:
    """Leaves out files that are another version of a frame beside them.

    Of one name a RAW file is kept rather than a HEIF file, and either rather than a JPEG; what a phone writes beside a
    photograph - iPhones' edited copies (`IMG_E1234`), the cover of a portrait that Pixels blur (`.PORTRAIT-01.COVER`) -
    is left out where the photograph is there, and so are copies that computers make (`IMG_1 (1)`) of the same content.

    Returns:
        The remaining files, and a sentence about those left out.

    Raises:
        NeucamError: Two other files share a name, so that a frame's name would mean both.
    """
    taken = {name_of_moment(path) for path in paths if not _is_edited(path)}
    as_taken = [path for path in paths if not (_is_edited(path) and name_of_moment(path) in taken)]
    copies = set(_copies(as_taken))
    as_taken = [path for path in as_taken if path not in copies]
    best: dict[str, Path] = {}
    for path in as_taken:
        name = path.stem.lower() if _is_edited(path) else name_of_moment(path)
        other = best.setdefault(name, path)
        if other != path and (OTHER_KIND in (_kind(path), _kind(other)) or _kind(path) == _kind(other)):
            raise NeucamError(f"{path}: {other.name} has the same name. Keep one file of each frame in the folder.")
        best[name] = min(path, other, key=_kind)
    kept = [path for path in paths if path in set(best.values())]
    left_out = [path for path in paths if path not in set(kept) and path not in copies]
    said = f"Left out, as they are copies: {', '.join(path.name for path in sorted(copies))}." if copies else None
    return kept, " ".join(filter(None, (_left_out_note(kept, left_out), said))) or None


EDITED = re.compile(r"img_e(\d{4,})|(.+)\.portrait-\d+(?:\.mp)?\.cover|(.+)~\d+|(.+)-edited")
"""Names of what a phone makes of a photograph, and the photograph's: iPhones' edits, portraits with a background that
Pixels have blurred, and edits of Google Photos."""
SHOT = re.compile(r"(.+)\.(?:raw|portrait)-\d+(?:\.mp)?\.(?:cover|original)")
"""Names of the RAW file and the JPEG that Pixels write of one photograph."""
COPY = re.compile(r"(.+?)(?: ?\(\d+\)| \d+|[ _-]+copy(?: ?\(?\d+\)?)?)")
"""Names that computers give to a copy of a file, and the file's."""
KINDS = ("RAW files", "HEIF files", "JPEGs")
"""Kinds of files that cameras write of one frame, the best first."""
OTHER_KIND = len(KINDS)


def name_of_moment(path: Path) -> str:
    """What the files that cameras and phones write of one photograph share of their names."""
    stem = path.stem.lower()
    edited, shot = EDITED.fullmatch(stem), SHOT.fullmatch(stem)
    if edited is not None:
        apple, *others = edited.groups()
        return f"img_{apple}" if apple else next(filter(None, others))
    return stem if shot is None else shot[1]


def _copies(paths: Sequence[Path]) -> Iterator[Path]:
    """Files named as copies of another of the files, with the same content."""
    by_name = {(path.stem.lower(), path.suffix.lower()): path for path in paths}
    for path in paths:
        named = COPY.fullmatch(path.stem.lower())
        original = None if named is None else by_name.get((named[1], path.suffix.lower()))
        if original is not None and original.is_file() and path.is_file() and cmp(original, path, shallow=False):
            yield path


def _kind(path: Path) -> int:
    suffix = path.suffix.lower()
    suffixes = RAW_SUFFIXES, HEIF_SUFFIXES, JPEG_SUFFIXES
    return next((kind for kind, known in enumerate(suffixes) if suffix in known), OTHER_KIND)


def _is_edited(path: Path) -> bool:
    return EDITED.fullmatch(path.stem.lower()) is not None


def _left_out_note(kept: Sequence[Path], left_out: Sequence[Path]) -> str | None:
    partners = {name_of_moment(path): path for path in kept}
    edited = [path.name for path in left_out if _is_edited(path)]
    notes = []
    if edited:
        more = f" and {len(edited) - 1} others" if len(edited) > 1 else ""
        notes.append(f"Read the photographs as taken, not what the phone made of them: {edited[0]}{more}.")
    others = [path for path in left_out if not _is_edited(path)]
    for kind in sorted(set(map(_kind, others))):
        of_kind = [path for path in others if _kind(path) == kind]
        better = sorted({_kind(partners[name_of_moment(path)]) for path in of_kind})
        names = " and ".join(KINDS[each] for each in better)
        notes.append(f"Read the {names}, not the {len(of_kind)} {KINDS[kind]} of the same names.")
    return " ".join(notes) or None


def hold_linear_light(paths: Sequence[Path]) -> bool:
    """Whether pixel values are known to be linear light: those of RAW files are, because they are developed here.

    Other files do not say: 16-bit and float files hold encoded values as often as linear ones.

    Raises:
        NeucamError: Some are RAW files and some are not.
    """
    raw = [path for path in paths if is_raw(path)]
    if raw and len(raw) < len(paths):
        other = next(path for path in paths if not is_raw(path))
        raise NeucamError(
            f"{other}: no RAW file, as {raw[0].name} is. RAW files are developed to linear light and share no camera"
            " response with others: use those alone, or export all frames alike."
        )
    return bool(raw)


def read_photograph(
    path: Path, downscale_factor: int = 1, white_balance: WhiteBalance | None = None
) -> Shaped[np.ndarray, "height width 3"]:
    """Reads one photograph, upright as its EXIF orientation says.

    Grey becomes three equal channels, and an alpha channel is dropped: `read_coverage` tells what it says. RAW files
    are developed to linear 16 bit with no automatic brightness. The content of the file tells other formats apart, not
    its suffix.

    Args:
        path: A PNG, JPEG, TIFF, HEIC, AVIF, WebP, JPEG XL or camera RAW file.
        downscale_factor: Size divisor, by area averaging; 1 keeps every pixel.
        white_balance: White balance for developing a RAW file; None takes the file's own.

    Returns:
        RGB pixels in the file's own number type: uint8, uint16, or float32 in [0, 1] (other floats are converted).

    Raises:
        NeucamError: The file cannot be decoded, or its pixels are not of one of these types.
    """
    pixels = develop_raw(path, white_balance) if is_raw(path) else _decode(path)
    if pixels.dtype in (np.float16, np.float64):
        pixels = pixels.astype(np.float32)
    return downscale(check_pixels(pixels, path), downscale_factor, path)


def downscale(
    pixels: Shaped[np.ndarray, "height width 3"], factor: int, path: Path
) -> Shaped[np.ndarray, "small_height small_width 3"]:
    """Makes a picture `factor` times smaller by area averaging; sizes are rounded down, the number type stays.

    Raises:
        NeucamError: No pixels would be left, or the factor is less than 1; `path` is the file to name.
    """
    if factor < 1:
        raise NeucamError(f"--downscale-factor {factor}: expected a whole number from 1.")
    if factor == 1:
        return pixels
    import cv2

    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    if min(height, width) < 1:
        raise NeucamError(
            f"--downscale-factor {factor} leaves no pixels of {path} ({pixels.shape[1]}x{pixels.shape[0]}): lower it."
        )
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def check_pixels(pixels: Shaped[np.ndarray, "height width 3"], path: Path) -> Shaped[np.ndarray, "height width 3"]:
    """Returns the pixels if they are uint8, uint16, or float32 in [0, 1].

    Raises:
        NeucamError: They are not; the message names `path`.
    """
    if pixels.dtype not in WHITE_LEVEL:
        raise NeucamError(f"{path}: pixels are {pixels.dtype}. Export 8-bit, 16-bit or 32-bit float files.")
    if pixels.dtype == np.float32 and not (np.min(pixels) >= 0 and np.max(pixels) <= 1):
        raise NeucamError(
            f"{path}: pixel values from {np.min(pixels):g} to {np.max(pixels):g}. A float file must hold finite values"
            " from 0 (black) to 1 (saturated): scale or clip it."
        )
    return pixels


def _decode(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    """Decodes a file that is not camera RAW, with the library that reads its kind rightly."""
    try:
        with path.open("rb") as file:
            start = file.read(SIGNATURE_BYTES)
    except OSError as error:
        raise NeucamError(broken_file_message(path, error.strerror)) from error
    kind = phone_kind(start)
    if kind is not None:
        return read_phone_picture(path, kind)
    unread = next((kind for kind, sign in UNREAD_SIGNATURES.items() if re.match(sign, start, re.DOTALL)), None)
    if unread is not None:
        raise NeucamError(f"{path}: the file holds {unread} data, which is not read. Convert it to PNG, TIFF or JPEG.")
    if start.startswith(JPEG_SIGNATURE):
        return _decode_jpeg(path)
    pixels = read_unusual_tiff(path) if start.startswith(TIFF_SIGNATURES) else None
    return _decode_by_opencv(path) if pixels is None else pixels


def reduced_jpeg_reader(path: Path, least_side_px: int) -> Callable[[Path], UInt8[np.ndarray, "height width 3"]]:
    """What decodes JPEGs of a size several times smaller, in a third of the time: by fewer of their coefficients.

    Args:
        path: One of them.
        least_side_px: What their longer side has left, at least, if they are reduced.
    """
    with open_with_pillow(path, formats=("JPEG",)) as image:
        sizes = {factor: max(image.size) // factor for factor in JPEG_REDUCTIONS}
    factor = next((factor for factor, side in sizes.items() if side >= least_side_px), 1)
    return partial(_decode_jpeg, factor=factor)


def _decode_jpeg(path: Path, factor: int = 1) -> UInt8[np.ndarray, "height width 3"]:
    # Pillow, because OpenCV fills the missing part of a cut-off JPEG with grey and says nothing.
    from PIL import ImageOps

    try:
        with open_with_pillow(path, formats=("JPEG",)) as image:
            if factor > 1:
                image.draft("RGB", (image.width // factor, image.height // factor))
            ImageOps.exif_transpose(image, in_place=True)
            rgb = image if image.mode == "RGB" else image.convert("RGB")
            width, height = rgb.size
            pixels = np.empty((height, width, 3), np.uint8)
            for rows in strips_of_rows(height, width):  # all at once, three copies of it would be made
                pixels[rows] = rgb.crop((0, rows.start, width, rows.stop))
            return pixels
    except (OSError, ValueError, SyntaxError) as error:
        raise NeucamError(broken_file_message(path, error)) from error


def _decode_by_opencv(path: Path) -> Shaped[np.ndarray, "height width 3"]:
    import cv2

    # With these flags OpenCV keeps the bit depth, makes grey three channels, drops alpha and applies the orientation.
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise NeucamError(broken_file_message(path, "the file is empty or not readable")) from error
    if pixels is None:
        raise NeucamError(broken_file_message(path, "not a complete PNG, TIFF or JPEG file"))
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
