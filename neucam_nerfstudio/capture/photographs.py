"""Photographs on disk: which files of a folder they are, and their pixels without losing a bit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.capture.errors import CaptureError

JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
LOSSLESS_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
RAW_SUFFIXES = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dng .erf .fff .iiq .kdc .mef .mos"
    " .mrw .nef .nrw .orf .pef .raf .raw .rw2 .rwl .sr2 .srf .srw .x3f".split()
)
PHOTOGRAPH_SUFFIXES = JPEG_SUFFIXES | LOSSLESS_SUFFIXES | RAW_SUFFIXES

WHITE_LEVEL = {np.dtype(np.uint8): 255, np.dtype(np.uint16): 65535, np.dtype(np.float32): 1}
"""Pixel value of full white, by the file's own number type."""


def natural_order(path: Path) -> list[tuple[int, int, str]]:
    """Sort key of file names in which numbers count as numbers: `IMG_9` before `IMG_10`."""
    parts = re.findall(r"\d+|\D+", path.name.lower())
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts]


def find_photographs(folder: Path) -> list[Path]:
    """The photographs directly in `folder`, in name order. Sub-folders and hidden files are left alone."""
    return files_with_suffix(folder, PHOTOGRAPH_SUFFIXES)


def files_with_suffix(folder: Path, suffixes: frozenset[str]) -> list[Path]:
    """The files directly in a folder that have one of these suffixes, in name order; hidden ones are left alone."""
    files = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    return sorted((path for path in files if path.suffix.lower() in suffixes), key=natural_order)


def one_file_per_frame(paths: Sequence[Path]) -> tuple[list[Path], str | None]:
    """Leaves out JPEGs that a RAW file of the same name accompanies.

    Returns:
        The files that remain, and a sentence about those left out.

    Raises:
        CaptureError: Two other files share a name, so a frame's name would not tell which is meant.
    """
    raw_names = {path.stem.lower() for path in paths if path.suffix.lower() in RAW_SUFFIXES}
    kept = [path for path in paths if path.suffix.lower() not in JPEG_SUFFIXES or path.stem.lower() not in raw_names]
    by_name: dict[str, Path] = {}
    for path in kept:
        twin = by_name.setdefault(path.stem.lower(), path)
        if twin != path:
            raise CaptureError(f"{path}: {twin.name} has the same name. Keep one file of each frame in the folder.")
    num_left_out = len(paths) - len(kept)
    return kept, f"Read the RAW files, not the {num_left_out} JPEGs of the same names." if num_left_out else None


def hold_linear_light(paths: Sequence[Path]) -> bool:
    """Whether the pixel values of frames are known to be linear light, as those of RAW files are, developed here.

    Nobody knows of other files: those of 16 bits and of floating point hold encoded values as often as linear ones.

    Raises:
        CaptureError: Some are RAW files and some are not.
    """
    raw = [path for path in paths if path.suffix.lower() in RAW_SUFFIXES]
    if raw and len(raw) < len(paths):
        other = next(path for path in paths if path not in raw)
        raise CaptureError(
            f"{other}: no RAW file, as {raw[0].name} is. RAW files are developed to linear light and share no camera"
            " response with others: use those alone, or export all frames alike."
        )
    return bool(raw)


def read_photograph(path: Path, downscale_factor: int = 1) -> Shaped[np.ndarray, "height width 3"]:
    """Reads one photograph, upright as its EXIF orientation says.

    Grey becomes three equal channels and an alpha channel is dropped. RAW files are developed to linear 16 bit with the
    camera's white balance and no automatic brightness.

    Args:
        path: A PNG, JPEG, TIFF or camera RAW file.
        downscale_factor: Size divisor, by area averaging; 1 keeps every pixel.

    Returns:
        RGB pixels in the file's own number type: uint8, uint16, or float32 in [0, 1].

    Raises:
        CaptureError: The file cannot be decoded, or its pixels are not of one of these types.
    """
    suffix = path.suffix.lower()
    decode = _decode_jpeg if suffix in JPEG_SUFFIXES else _decode_raw if suffix in RAW_SUFFIXES else _decode_lossless
    return downscale(check_pixels(decode(path), path), downscale_factor, path)


def downscale(
    pixels: Shaped[np.ndarray, "height width 3"], factor: int, path: Path
) -> Shaped[np.ndarray, "height/factor width/factor 3"]:
    """Makes a picture `factor` times smaller by area averaging; sizes are rounded down, the number type is kept.

    Args:
        pixels: The picture.
        factor: Size divisor, a positive whole number.
        path: The file it came from, for messages.
    """
    if factor < 1:
        raise CaptureError(f"--downscale-factor {factor}: expected a whole number from 1.")
    if factor == 1:
        return pixels
    import cv2

    height, width = pixels.shape[0] // factor, pixels.shape[1] // factor
    if min(height, width) < 1:
        raise CaptureError(
            f"--downscale-factor {factor} leaves no pixels of {path} ({pixels.shape[1]}x{pixels.shape[0]}): lower it."
        )
    return cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA)


def check_pixels(pixels: np.ndarray, path: Path) -> np.ndarray:
    """Checks that pixels are uint8, uint16, or float32 in [0, 1], and returns them.

    Raises:
        CaptureError: They are not; the message names `path`.
    """
    if pixels.dtype not in WHITE_LEVEL:
        raise CaptureError(f"{path}: pixels are {pixels.dtype}. Export 8-bit, 16-bit or 32-bit float files.")
    if pixels.dtype == np.float32 and not (np.min(pixels) >= 0 and np.max(pixels) <= 1):
        raise CaptureError(
            f"{path}: pixel values from {np.min(pixels):g} to {np.max(pixels):g}. A float file must hold finite values"
            " from 0 (black) to 1 (saturated): scale or clip it."
        )
    return pixels


def broken_file_message(path: Path, detail: object) -> str:
    """One line for a file that cannot be decoded, with the decoder's reason if it gave one."""
    reason = f" ({detail})" if str(detail).strip() else ""
    return f"{path}: broken or unreadable file{reason}. Copy it again from the camera, or take it out of the folder."


def _decode_jpeg(path: Path) -> np.ndarray:
    # Pillow, because OpenCV fills the missing part of a cut-off JPEG with grey and says nothing.
    from PIL import Image, ImageOps

    try:
        with Image.open(path, formats=("JPEG",)) as image:
            ImageOps.exif_transpose(image, in_place=True)
            return np.array(image if image.mode == "RGB" else image.convert("RGB"))
    except (OSError, ValueError, SyntaxError) as error:
        raise CaptureError(broken_file_message(path, error)) from error


def _decode_lossless(path: Path) -> np.ndarray:
    import cv2

    # With these flags OpenCV keeps the bit depth, makes grey three channels, drops alpha and applies the orientation.
    flags = cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR
    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), flags)
    except (OSError, cv2.error) as error:
        raise CaptureError(broken_file_message(path, "the file is empty or not readable")) from error
    if pixels is None:
        raise CaptureError(broken_file_message(path, "not a complete PNG or TIFF file"))
    if pixels.dtype == np.float64:
        pixels = pixels.astype(np.float32)
    return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)


def _decode_raw(path: Path) -> np.ndarray:
    import rawpy

    try:
        with rawpy.imread(str(path)) as raw:
            # LibRaw by default stretches a frame to its own brightest pixel: a threshold of 0 keeps one gain for all.
            return raw.postprocess(
                gamma=(1, 1), no_auto_bright=True, adjust_maximum_thr=0.0, output_bps=16, use_camera_wb=True
            )
    except (rawpy.LibRawError, OSError) as error:
        detail = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else error
        raise CaptureError(broken_file_message(path, detail)) from error
