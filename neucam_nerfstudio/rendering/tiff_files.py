"""Writes TIFF files of 8 or 16 bits with colour profile and EXIF."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import UInt

from neucam_nerfstudio.rendering.file_writing import written_whole
from neucam_nerfstudio.rendering.photograph_metadata import EXIF_FOLDER, GPS_FOLDER, SOFTWARE, SOFTWARE_TAG

if TYPE_CHECKING:
    from PIL import Image

FOLDER_PLACES = {EXIF_FOLDER: EXIF_FOLDER - 1, GPS_FOLDER: GPS_FOLDER - 1}
"""Tags written in place of those that point to EXIF and GPS, which tifffile leaves out. Being neighbours and unused,
they keep the ascending order that TIFF asks for when they are renamed."""
TIFF_ASCII, TIFF_LONG = 2, 4
"""Types of a tag (TIFF 6.0, section 2)."""


def write_tiff(
    path: Path,
    samples: UInt[np.ndarray, "height width *channels"],
    icc_profile: bytes | None = None,
    exif: Image.Exif | None = None,
    description: str | None = None,
) -> None:
    """Writes a TIFF with lossless compression, whole or not at all.

    Args:
        path: File to write.
        samples: uint8 or uint16; grey or R, G, B.
        icc_profile: What the samples mean as colours.
        exif: EXIF to keep.
        description: A sentence for the tag ImageDescription; default: the one in EXIF.
    """
    import tifffile

    main = {} if exif is None else dict(exif)
    folders = {tag: main.pop(tag) for tag in FOLDER_PLACES if tag in main}
    texts = [(tag, TIFF_ASCII, 0, text, True) for tag, text in main.items() if tag not in (270, SOFTWARE_TAG)]
    places = [(FOLDER_PLACES[tag], TIFF_LONG, 1, 0, True) for tag in folders]
    with written_whole(path) as temporary:
        tifffile.imwrite(
            temporary,
            samples,
            byteorder="<",
            photometric="rgb" if samples.ndim == 3 else "minisblack",
            compression="zlib",
            predictor=True,
            iccprofile=icc_profile,
            description=description or main.get(270),
            software=SOFTWARE,
            extratags=texts + places,
            metadata=None,
        )
        for tag, values in folders.items():
            _append_folder(temporary, tag, values)


def _append_folder(path: Path, tag: int, values: dict) -> None:
    """Adds a folder of tags to the end of a little-endian TIFF, and turns its placeholder into a pointer to it."""
    import tifffile
    from PIL.TiffImagePlugin import ImageFileDirectory_v2

    folder = ImageFileDirectory_v2()
    for name, value in values.items():
        folder[name] = value
    with tifffile.TiffFile(path) as tiff:
        entry = tiff.pages[0].tags[FOLDER_PLACES[tag]].offset
    with path.open("r+b") as file:
        end = file.seek(0, 2)
        file.write(bytes(end % 2))
        start = file.tell()
        file.write(folder.tobytes(start))
        file.seek(entry)
        file.write(struct.pack("<HHII", tag, TIFF_LONG, 1, start))
