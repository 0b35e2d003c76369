"""Pictures of viewpoints that are equally bright wherever they show the same, for structure from motion."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.imaging.photographs import read_photograph
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, display_anchors, luminance, tonemap
from neucam_nerfstudio.scripts.prepare.structure_from_motion import Poses
from neucam_nerfstudio.scripts.prepare.viewpoints import Viewpoint

LEAST_SIDE_PX, MOST_SIDE_PX = 800, 3200
"""Longer sides of pictures that COLMAP's thresholds, 4 pixels and more, are made for, and that it would reduce."""
STOPS_SHOWN = 6.0
"""From black to white in a picture of even contrast. On GalleryMultiview, 6 placed all 24 views, 0.16 degrees off."""
AROUND = 0.06
"""Standard deviation of what is around a pixel, of the longer side of the picture."""
SMALL_SIGMA_PX = 4.0
"""Of that in a reduced copy, on which it is found."""
DARKEST = 1 / 64
"""Luminance at which shadows end, of the scene's key."""


class Brightness(NamedTuple):
    """How radiance becomes a picture.

    Attributes:
        anchors: The same for all viewpoints.
        gains: What to multiply the radiance of each by.
    """

    anchors: DisplayAnchors
    gains: tuple[float, ...]


def common_brightness(viewpoints: Sequence[Viewpoint], report: Callable[[float], None]) -> Brightness:
    """One brightness for all: by their exposures where these are known, else each as bright as the others.

    Args:
        viewpoints: With comparable exposures, or with none.
        report: Called with the share of the viewpoints that were looked at.
    """
    anchors = []
    for number, viewpoint in enumerate(viewpoints, 1):
        anchors.append(display_anchors(viewpoint.radiance()))
        report(number / len(viewpoints))
    keys, whites = (np.array([anchor[part] for anchor in anchors], np.float64) for part in (0, 1))
    gains = np.ones(len(keys))
    if any(viewpoint.stops is None for viewpoint in viewpoints):
        gains = 1 / keys
    middle = [float(np.exp(np.median(np.log(of_each * gains)))) for of_each in (keys, whites)]
    return Brightness(DisplayAnchors(*map(np.float32, middle)), tuple(map(float, gains)))


def write_pictures(
    viewpoints: Sequence[Viewpoint],
    folder: Path,
    for_colmap: Path,
    brightness: Brightness,
    report: Callable[[float], None],
) -> tuple[list[str], float]:
    """Writes two pictures of each viewpoint: one to look at, and `even_contrast`, in which features are found.

    Both have the EXIF of its reference photograph. What else the first folder has is removed.

    Args:
        viewpoints: In the order in which they were taken.
        folder: For pictures to look at.
        for_colmap: For pictures of even contrast; of the size that COLMAP's thresholds are made for.
        brightness: See `common_brightness`.
        report: Called with the share that is done.

    Returns:
        Names of the files, in both folders; sorted, they are in the order of the viewpoints. And how many times larger
        the pictures for COLMAP are.
    """
    digits, names, scale = len(str(len(viewpoints))), [], 1.0
    for number, (viewpoint, gain) in enumerate(zip(viewpoints, brightness.gains, strict=True), 1):
        names.append(f"{number:0{digits}}_{viewpoint.name.replace('/', '_')}.png")
        radiance, metadata = viewpoint.radiance() * np.float32(gain), read_metadata(viewpoint.reference)
        write_image(
            folder / names[-1],
            radiance,
            metadata=metadata,
            shown=lambda rows: tonemap(rows, "reinhard", brightness.anchors),
        )
        scale = scale_for_colmap(*radiance.shape[:2])
        contrast = resized(even_contrast(radiance, float(brightness.anchors.key)), scale)
        write_image(for_colmap / names[-1], contrast[..., None], metadata=metadata)
        report(number / len(viewpoints))
    for path in folder.glob("*.png"):
        if path.name not in names:
            path.unlink()
    return names, scale


def even_contrast(radiance: Float[np.ndarray, "height width 3"], key: float) -> Float[np.ndarray, "height width"]:
    """A grey picture whose contrast is that of the light, whatever the exposure, and everywhere alike.

    The logarithm of luminance, less its mean around: exposures only shift logarithms, so features pass the same
    threshold in photographs of any exposure, in shadows and in highlights.

    Args:
        radiance: Linear radiance.
        key: Middle luminance of the scene, far below which there is noise.

    Returns:
        From 0 to 1; 0.5 is as bright as what is around.
    """
    import cv2

    stops = np.log2(np.clip(luminance(radiance)[..., 0], 0, None) + np.float32(key * DARKEST))
    height, width = stops.shape
    sigma = AROUND * max(height, width)
    small = max(1, int(sigma / SMALL_SIGMA_PX))
    around = cv2.resize(stops, (max(1, width // small), max(1, height // small)), interpolation=cv2.INTER_AREA)
    around = cv2.resize(cv2.GaussianBlur(around, (0, 0), sigma / small), (width, height))
    return np.clip(0.5 + (stops - around) / STOPS_SHOWN, 0, 1)


def scale_for_colmap(height: int, width: int) -> float:
    """How many times larger pictures of this size are to be for COLMAP."""
    longer = max(height, width)
    return float(math.ceil(LEAST_SIDE_PX / longer)) if longer < LEAST_SIDE_PX else min(1.0, MOST_SIDE_PX / longer)


def resized(picture: Float[np.ndarray, "height width *channels"], scale: float) -> np.ndarray:
    """A picture so many times larger."""
    import cv2

    height, width = (round(scale * size) for size in picture.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.clip(cv2.resize(picture, (width, height), interpolation=method), 0, 1) if scale != 1 else picture


def colours_of_points(poses: Poses, folder: Path) -> UInt8[np.ndarray, "points 3"]:
    """Mean colour of each point in the pictures that show it.

    Args:
        poses: Of pictures.
        folder: Where they are.
    """
    sums, counts = np.zeros((len(poses.points), 3)), np.zeros((len(poses.points), 1))
    for name, seen in poses.seen.items():
        pixels = read_photograph(folder / name)
        height, width, _ = pixels.shape
        columns, rows = np.clip(seen.places_px.astype(int), 0, [width - 1, height - 1]).T
        np.add.at(sums, seen.points, pixels[rows, columns])
        np.add.at(counts, seen.points, 1)
    return np.rint(sums / np.maximum(counts, 1)).astype(np.uint8)
