"""Where a photograph is shown as it was taken, because nothing that is known of the scene's motion explains it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float

from neucam_nerfstudio.classical.pixel_values import WHITE_LDR, Image, RgbImage

AROUND_PX = 3.0
"""Standard deviation of the Gaussian within which pixels are compared: narrower, noise would tell; a tear is seldom
wider."""

UNEXPLAINED_RMS = (0.03, 0.08)
"""Departure of a photograph from what is rendered of it, beyond noise, in pixel values: up to the first, explained;
from the second on something else is there. Videos that are deblurred well depart by 0.01 to 0.02, torn ones by 0.1."""

UNEXPLAINED_SHARE = (0.2, 0.6)
"""The same, as a share of the square of what deblurring changes: blur that is understood brings a sharp picture most of
the way to the photograph; a torn one is as far from it blurred as sharp. Measured on shaken videos with ground truth,
where deblurring gains as much with these bounds as with none, and on cars that pass."""

LEAST_CHANGE = 0.01
"""Deblurring that changes pixel values by less than this is not asked how much of the change it explains."""

SHARP_RADIUS_PX = (0.3, 0.8)
"""Blur of a radius up to the first is too little to be taken away for certain, and a photograph stays as it is; up to
the second, it is taken away more and more. A lens of half a pixel's radius is as sharp as pixels are."""

UNEVEN_PX = 9
UNEVEN_BLUR = (1.5, 3.0)
"""What hides behind much blur is explained by anything, but such motion is torn: in a square of this side its radius
differs, over one pixel and a quarter of its mean, by 4 and more where cars pass, and where a camera shakes by less than
the first bound. Up to that it is believed, from the second on not at all."""

THIN_PX = 5
"""What is believed is believed in a square of this side: wrong contours are thin."""

FADE_PX = 3.0
"""Standard deviation over which a photograph fades into what is shown beside it, so that there is no edge."""

MUCH_SHARE = 0.05
"""More than this of a video, or four times as much of a frame, left as filmed is said."""

MOST_NAMES = 6
"""Frames that are named in a sentence."""


def explained(photographed: RgbImage, rendered: RgbImage, sharp: RgbImage | None, pixel_noise: float) -> Image:
    """How far a photograph is what scene and camera make of it: 1 fully, 0 not.

    Args:
        photographed: Pixel values in [0, 1].
        rendered: What scene and camera make of them.
        sharp: The same without blur; None where the camera has no blur.
        pixel_noise: Standard deviation of a pixel value.
    """
    photographed, rendered = np.minimum(photographed, WHITE_LDR), np.minimum(rendered, WHITE_LDR)
    departure = np.maximum(_around((rendered - photographed) ** 2) - pixel_noise**2, 0)
    told = 1 - _rise(np.sqrt(departure), UNEXPLAINED_RMS)
    if sharp is not None:
        change = _around((np.minimum(sharp, WHITE_LDR) - photographed) ** 2)
        told *= 1 - _rise(departure / (change + LEAST_CHANGE**2), UNEXPLAINED_SHARE)
    return told


def share_as_filmed(explained: Image, blur_radius_px: Image | None) -> Image:
    """How much of a photograph is to be seen in a picture of its moment, [0, 1], without edges.

    Args:
        explained: See `explained`.
        blur_radius_px: Of what is taken away; None where the camera has no blur.
    """
    believed = explained
    if blur_radius_px is not None:
        square = np.ones((UNEVEN_PX, UNEVEN_PX), np.uint8)
        spread = cv2.dilate(blur_radius_px, square) - cv2.erode(blur_radius_px, square)
        unevenness = spread / (1 + cv2.blur(blur_radius_px, (UNEVEN_PX, UNEVEN_PX)) / 4)
        believed = explained * _rise(blur_radius_px, SHARP_RADIUS_PX) * (1 - _rise(unevenness, UNEVEN_BLUR))
    believed = cv2.erode(believed, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (THIN_PX, THIN_PX)))
    return 1 - cv2.GaussianBlur(believed, (0, 0), FADE_PX)


def _around(squares: RgbImage) -> Image:
    return cv2.GaussianBlur(squares.mean(-1), (0, 0), AROUND_PX)


def _rise(values: Image, bounds: tuple[float, float]) -> Image:
    """0 up to the first bound, 1 from the second on, smooth between."""
    share = np.clip((values - bounds[0]) / (bounds[1] - bounds[0]), 0, 1)
    return (share * share * (3 - 2 * share)).astype(np.float32)


def said_of_unexplained(names: Sequence[str], unexplained: Float[np.ndarray, " frames"]) -> str | None:
    """Which frames are shown as they were filmed because nothing explains them, in a sentence; None if hardly any.

    Args:
        names: Of the frames.
        unexplained: Share of each that is not explained.
    """
    if unexplained.mean() <= MUCH_SHARE and unexplained.max() <= 4 * MUCH_SHARE:
        return None
    most = [index for index in np.argsort(-unexplained) if unexplained[index] > MUCH_SHARE]
    named = ", ".join(f"{names[index]} {unexplained[index]:.0%}" for index in sorted(most[:MOST_NAMES]))
    others = f" and {len(most) - MOST_NAMES} more" if len(most) > MOST_NAMES else ""
    return (
        f"Motion does not explain {unexplained.mean():.0%} of what the frames show ({named}{others}): that stays as it"
        " was filmed, as blurred and at its own exposure's range. The output as_filmed shows where."
    )
