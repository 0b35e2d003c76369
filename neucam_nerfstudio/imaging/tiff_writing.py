"""TIFF files, written strip by strip, with the tags of a photograph."""

import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from jaxtyping import Shaped, UInt

from neucam_nerfstudio.imaging.exif_block import (
    BIG_LAYOUT,
    CLASSIC_LAYOUT,
    DESCRIPTION_TAG,
    SOFTWARE,
    Exif,
    read_folder,
    text_tag,
)
from neucam_nerfstudio.imaging.file_writing import written_whole
from neucam_nerfstudio.imaging.large_pictures import strips_of_rows

CLASSIC_BYTES = 2**32 - 2**25
"""Pixels up to which a file is a TIFF as all programs read it; a larger one is a BigTIFF. Leaves 32 MB for tags."""
FASTEST = 1
"""zlib's level: a third of the default's time, for photographs of the same size."""

Rows = Shaped[np.ndarray, "rows width *channels"]


def write_tiff(
    path: Path,
    picture: Shaped[np.ndarray, "height width *channels"],
    icc_profile: bytes | None = None,
    exif: Exif | None = None,
    description: str | None = None,
    encode: Callable[[Rows], UInt[np.ndarray, "rows width *channels"]] = np.asarray,
) -> None:
    """Writes a TIFF file with lossless compression, strip by strip.

    Args:
        picture: Samples, or what `encode` makes samples of; grey or R, G, B.
        icc_profile: The colours that the samples stand for.
        exif: EXIF to keep; the file takes its byte order.
        description: Text of the tag ImageDescription; None keeps the one in EXIF.
        encode: Makes samples, uint8 or uint16, of rows, each row for itself.
    """
    import tifffile

    kept = exif or Exif("<", {}, {})
    if description is not None:
        kept = kept._replace(main=kept.main | {DESCRIPTION_TAG: text_tag(description)})
    height, width = picture.shape[:2]
    strips = list(strips_of_rows(height, width))
    first = encode(picture[:1])
    shape, number_type = (height, *first.shape[1:]), first.dtype.newbyteorder(kept.byte_order)

    def compressed() -> Iterator[bytes]:
        for rows in strips:
            samples = encode(picture[rows])
            differences = np.diff(samples, axis=1, prepend=np.zeros_like(samples[:, :1]))  # modulo the type's range
            yield zlib.compress(differences.astype(number_type).tobytes(), FASTEST)

    with written_whole(path) as temporary:
        tifffile.imwrite(
            temporary,
            compressed(),
            shape=shape,
            dtype=number_type,
            bigtiff=int(np.prod(shape)) * number_type.itemsize > CLASSIC_BYTES,
            byteorder=kept.byte_order,
            photometric="rgb" if len(shape) == 3 else "minisblack",
            rowsperstrip=strips[0].stop,
            compression="zlib",
            predictor=True,
            iccprofile=icc_profile,
            software=SOFTWARE,
            metadata=None,
        )
        if kept.main or kept.folders:
            add_tags(temporary, kept)


def add_tags(path: Path, tags: Exif) -> None:
    """Adds tags to a TIFF file byte for byte (tifffile would encode them anew): its main folder moves to the end.

    Args:
        path: The file, in the byte order of the tags.
        tags: Those to add; they replace others of the same number.
    """
    with path.open("r+b") as file:
        layout, place_of_start = CLASSIC_LAYOUT, 4
        if file.read(4) in (b"II+\0", b"MM\0+"):
            layout, place_of_start = BIG_LAYOUT, 8
        file.seek(place_of_start)
        pointer = f"{tags.byte_order}{layout.place}"
        (start,) = struct.unpack(pointer, file.read(layout.inline_bytes))
        main = read_folder(file, start, tags.byte_order, lambda tag: True, layout) | tags.main
        start = file.seek(0, 2)
        file.write(bytes(-start % 8))
        start += -start % 8
        file.write(tags._replace(main=main).tree_bytes(start, layout))
        file.seek(place_of_start)
        file.write(struct.pack(pointer, start))
