"""Pictures of viewpoints that are equally bright wherever they show the same, for structure from motion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.imaging.image_files import write_image
from neucam_nerfstudio.imaging.photograph_metadata import read_metadata
from neucam_nerfstudio.rendering.display_tonemapping import DisplayAnchors, display_anchors, tonemap
from neucam_nerfstudio.scripts.prepare.viewpoints import Viewpoint


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
    brightness: Brightness,
    report: Callable[[float], None],
) -> list[str]:
    """Writes a picture of each viewpoint, with the EXIF of its reference photograph, and removes all others there.

    Args:
        viewpoints: In the order in which they were taken.
        folder: For the pictures.
        brightness: See `common_brightness`.
        report: Called with the share that is done.

    Returns:
        Names of the files; sorted, they are in the order of the viewpoints.
    """
    digits, names = len(str(len(viewpoints))), []
    for number, (viewpoint, gain) in enumerate(zip(viewpoints, brightness.gains, strict=True), 1):
        names.append(f"{number:0{digits}}_{viewpoint.name.replace('/', '_')}.png")

        def shown(rows: Float[np.ndarray, "rows width 3"], gain: float = gain) -> Float[np.ndarray, "rows width 3"]:
            return tonemap(rows * np.float32(gain), "reinhard", brightness.anchors)

        write_image(folder / names[-1], viewpoint.radiance(), metadata=read_metadata(viewpoint.reference), shown=shown)
        report(number / len(viewpoints))
    for path in folder.glob("*.png"):
        if path.name not in names:
            path.unlink()
    return names
