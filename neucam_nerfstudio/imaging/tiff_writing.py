"""Writes TIFF files of 8 or 16 bits with colour profile and EXIF."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from jaxtyping import UInt

from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.imaging.photograph_metadata import DESCRIPTION_TAG, SOFTWARE, Exif
from neucam_nerfstudio.imaging.tag_folders import Folder, read_folder, read_header, text_tag, tree_bytes


def write_tiff(
    path: Path,
    samples: UInt[np.ndarray, "height width *channels"],
    icc_profile: bytes | None = None,
    exif: Exif | None = None,
    description: str | None = None,
) -> None:
    """Writes a TIFF with lossless compression, whole or not at all.

    Args:
        path: File to write.
        samples: uint8 or uint16; grey or R, G, B.
        icc_profile: What the samples mean as colours.
        exif: EXIF to keep; the file takes its byte order.
        description: A text for the tag ImageDescription; default: the one in EXIF.
    """
    import tifffile

    byte_order, main, folders = exif or Exif("<", {}, {})
    if description is not None:
        main = main | {DESCRIPTION_TAG: text_tag(description)}
    with written_whole(path) as temporary:
        tifffile.imwrite(
            temporary,
            samples,
            byteorder=byte_order,
            photometric="rgb" if samples.ndim == 3 else "minisblack",
            compression="zlib",
            predictor=True,
            iccprofile=icc_profile,
            software=SOFTWARE,
            metadata=None,
        )
        if main or folders:
            _add_tags(temporary, main, folders)


def _add_tags(path: Path, tags: Folder, folders: dict[int, Folder]) -> None:
    """Puts tags into a TIFF as they are, which tifffile would encode anew: its main folder moves to the file's end."""
    with path.open("r+b") as file:
        byte_order, start = read_header(file)
        main = read_folder(file, start, byte_order, lambda tag: True) | tags
        end = file.seek(0, 2)
        file.write(bytes(end % 2))
        start = file.tell()
        file.write(tree_bytes(main, folders, start, byte_order))
        file.seek(4)
        file.write(struct.pack(f"{byte_order}I", start))
