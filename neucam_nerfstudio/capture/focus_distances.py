"""At which distances a capture's focus settings are, as cameras tell it."""

import numpy as np

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.imaging.exif import focus_dioptres, read_exif

LEAST_DIOPTRES = 1e-4
"""Of what lies at infinity: 10 km, beyond which no focus tells anything."""


def dioptres_of_settings(capture: Capture) -> tuple[float, ...] | None:
    """Focus distance of each focus setting in dioptres, 1/m, by its first photograph's EXIF or maker's note.

    None where a photograph does not say or is not there, and where the distances do not run one way along the settings'
    numbers, so that what lies between two of them is told wrongly.
    """
    first_of_setting = {frame.focus_index: frame.path for frame in reversed(capture.train_frames)}
    paths = [first_of_setting[index] for index in sorted(first_of_setting)]
    if len(paths) < 2 or not all(path.is_file() for path in paths):
        return None
    told = focus_dioptres([read_exif(path) for path in paths])
    steps = np.sign(np.diff(told)) if told is not None else np.zeros(1)
    return tuple(told) if told is not None and abs(steps.sum()) == len(steps) else None


def depth_m(sharpest_focus: np.ndarray, dioptres: tuple[float, ...]) -> np.ndarray:
    """Distance of each pixel in metres, at most 10 km, from the focus setting in which it is sharpest.

    Settings are even in dioptres between two neighbours, and nothing lies beyond the first and the last.

    Args:
        sharpest_focus: Focus setting, counted from 0, fractional.
        dioptres: Of each setting.
    """
    at = np.interp(sharpest_focus, np.arange(len(dioptres)), dioptres)
    return (1 / np.maximum(at, LEAST_DIOPTRES)).astype(np.float32)
