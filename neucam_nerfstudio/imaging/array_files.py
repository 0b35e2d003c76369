"""Frames in a `.npy` file: one array, from which frames are read when asked for."""

from pathlib import Path
from typing import Final

import numpy as np
from jaxtyping import Shaped

from neucam_nerfstudio.errors import NeucamError
from neucam_nerfstudio.imaging.exif import ExifSettings
from neucam_nerfstudio.imaging.photographs import check_pixels
from neucam_nerfstudio.imaging.video_index import frame_paths

NUMBER_TYPES = frozenset(map(np.dtype, (np.uint8, np.uint16, np.float16, np.float32, np.float64)))


class ArrayFile:
    """Frames of a `.npy` file of shape `[frames, height, width, 3]`: uint8, uint16, or floats in [0, 1].

    `exposure.txt` and `gt/` lie beside the file.

    Raises:
        NeucamError: The file is cut off, or no such array.
    """

    kind: Final = "array"
    frame_rate = None
    notes = ()
    holds_sensor_values = True

    def __init__(self, path: Path) -> None:
        self.data, self.folder = path, path.parent
        try:
            frames = np.load(path, mmap_mode="r")
            if not isinstance(frames, np.ndarray):
                raise ValueError("an archive, as numpy.savez writes it")
        except (OSError, ValueError, EOFError) as error:
            raise NeucamError(_unreadable_message(path, error)) from error
        if frames.ndim != 4 or frames.shape[-1] != 3 or 0 in frames.shape or frames.dtype not in NUMBER_TYPES:
            raise NeucamError(
                f"{path}: an array of {frames.dtype} and shape {list(frames.shape)}. Expected frames as"
                " [frames, height, width, 3], RGB, uint8, uint16 or floats in [0, 1]."
            )
        self._frames: Shaped[np.ndarray, "frames height width 3"] = frames
        self.paths = frame_paths(path, len(self._frames))
        self.moments = tuple(map(float, range(len(self.paths))))

    def exif(self) -> list[ExifSettings]:
        """Empty settings: an array has no EXIF."""
        return [ExifSettings()] * len(self.paths)

    def frame(self, number: int) -> Shaped[np.ndarray, "height width 3"]:
        """Reads one frame, numbered from 0: uint8, uint16 or float32.

        Raises:
            NeucamError: Floats are not in [0, 1].
        """
        pixels = np.array(self._frames[number])
        return check_pixels(pixels.astype(np.float32) if pixels.dtype.kind == "f" else pixels, self.paths[number])


def _unreadable_message(path: Path, error: Exception) -> str:
    """Why a file cannot be mapped; if it is cut off, how many frames it still holds."""
    try:
        with path.open("rb") as file:
            read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
            shape, _, number_type = read_header[np.lib.format.read_magic(file)](file)
            if number_type.hasobject:
                return (
                    f"{path}: an array of Python objects. Write frames of one size with numpy.save, as uint8, uint16 or"
                    " floats in [0, 1]."
                )
            num_held = (path.stat().st_size - file.tell()) // (int(np.prod(shape[1:])) * number_type.itemsize)
    except (OSError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return f"{path}: not a readable .npy file ({error}). Write it again with numpy.save."
    return f"{path}: the file is cut off: {num_held} of {shape[0]} frames can be read. Copy or write it again."
