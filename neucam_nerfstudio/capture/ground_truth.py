"""The measured or rendered radiance that a capture may come with, to score a result against."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.capture.errors import CaptureError
from neucam_nerfstudio.capture.photographs import downscale, natural_order

GROUND_TRUTH_FOLDER = "gt"
RADIANCE_SUFFIXES = frozenset({".exr", ".hdr"})


def find_ground_truth(folder: Path) -> list[Path]:
    """Radiance files (EXR, Radiance HDR) of a capture: those in its `gt` folder, else those beside the photographs."""
    for place in (folder / GROUND_TRUTH_FOLDER, folder):
        files = place.iterdir() if place.is_dir() else ()
        found = [p for p in files if p.suffix.lower() in RADIANCE_SUFFIXES and not p.name.startswith(".")]
        if found:
            return sorted(found, key=natural_order)
    return []


def read_radiance(path: Path, downscale_factor: int = 1) -> Float[np.ndarray, "height width 3"]:
    """Reads linear radiance.

    Args:
        path: An `.exr` file with channels R, G, B (or one grey channel Y), or a Radiance `.hdr` file.
        downscale_factor: Size divisor, by area averaging of the light.

    Returns:
        Linear radiance, float32 RGB, unbounded.

    Raises:
        CaptureError: The file cannot be read, or holds values that are not finite.
    """
    radiance = _read_exr(path) if path.suffix.lower() == ".exr" else _read_hdr(path)
    if not np.isfinite(radiance).all():
        raise CaptureError(f"{path}: the ground truth holds NaN or infinite values. Replace or remove the file.")
    return downscale(np.ascontiguousarray(radiance, np.float32), downscale_factor, path)


def _read_exr(path: Path) -> np.ndarray:
    import OpenEXR

    try:
        with OpenEXR.File(str(path), separate_channels=True) as file:
            channels = {name: channel.pixels for name, channel in file.channels().items()}
    except Exception as error:  # noqa: BLE001 - OpenEXR raises bare RuntimeError and others
        raise CaptureError(_unreadable_message(path, error)) from error
    names = ("Y", "Y", "Y") if "Y" in channels and "R" not in channels else ("R", "G", "B")
    if not set(names) <= set(channels):
        raise CaptureError(_unreadable_message(path, f"channels {', '.join(channels)}, expected R, G, B"))
    return np.stack([channels[name] for name in names], -1)


def _read_hdr(path: Path) -> np.ndarray:
    import cv2

    try:
        pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)
    except (OSError, cv2.error):
        pixels = None
    if pixels is None or pixels.dtype != np.float32:
        raise CaptureError(_unreadable_message(path, "not a complete Radiance HDR file"))
    return pixels[..., ::-1]


def _unreadable_message(path: Path, detail: object) -> str:
    return f"{path}: unreadable ground truth ({detail}). Replace the file, or remove it to train without a score."
