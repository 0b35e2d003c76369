"""Focus stacks of any size and number of frames, made from one sharp photograph: their truth is known."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from benchmarks.large_pictures import repeated
from neucam_nerfstudio.imaging.image_files import write_image

SIGMA_PER_SETTING_PX = 0.35
"""Blur one focus setting out of focus: neighbours in a long stack hardly differ."""
SCALE_PER_SETTING = 0.0004
"""How much a lens that breathes enlarges the picture from a setting to the next."""
SIGMA_RATIO = 1.25
"""From one blurred picture to the next; those between are mixed of two."""
NOISE_CODES = 1.0
"""Standard deviation, of 255."""

Sharp = Float[np.ndarray, "height width 3"]


def write_stack(
    sharp: Sharp, num_frames: int, folder: Path, times: int = 1, *, breathes: bool = True
) -> UInt8[np.ndarray, "tall wide 3"]:
    """Writes JPEGs of a scene that is near at its upper edge and far at its lower one.

    Args:
        sharp: The photograph, [0, 1].
        num_frames: How many focus settings there are.
        folder: New; for `frame_000.jpg` and so on.
        times: How often everything is repeated each way, mirrored.
        breathes: Whether the picture grows from setting to setting.

    Returns:
        The sharp photograph as the middle setting would show it.
    """
    folder.mkdir(parents=True)
    height, width, _ = sharp.shape
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    share = 0.8 * rows / height + 0.1 * (np.sin(8 * columns / width) + 1)
    depth = share * (num_frames - 1)
    most_px = SIGMA_PER_SETTING_PX * num_frames
    num_levels = 2 + int(np.ceil(np.log(most_px / SIGMA_PER_SETTING_PX) / np.log(SIGMA_RATIO)))
    sigmas = np.array([0, *(SIGMA_PER_SETTING_PX * SIGMA_RATIO**level for level in range(num_levels))])
    blurred = [sharp, *(cv2.GaussianBlur(sharp, (0, 0), sigma) for sigma in sigmas[1:])]
    noise = np.random.default_rng(0)
    for setting in range(num_frames):
        frame = _mixed(blurred, sigmas, np.abs(depth - setting) * SIGMA_PER_SETTING_PX)
        frame = repeated(frame, times)
        if breathes:  # all of the picture around its one middle
            frame = _scaled(frame, 1 + SCALE_PER_SETTING * (setting - (num_frames - 1) // 2))
        frame = frame + noise.normal(0, NOISE_CODES / 255, frame.shape)
        write_image(folder / f"frame_{setting:03}.jpg", np.clip(frame, 0, 1).astype(np.float32))
    return repeated((255 * np.clip(sharp, 0, 1) + 0.5).astype(np.uint8), times)


def _mixed(blurred: list[np.ndarray], sigmas: np.ndarray, sigma_px: np.ndarray) -> Sharp:
    """Each pixel as blurred as asked, mixed of the two pictures between which that lies."""
    position = np.interp(sigma_px, sigmas, np.arange(len(sigmas)))
    mixed = np.zeros_like(blurred[0])
    for level, picture in enumerate(blurred):
        weight = np.maximum(1 - np.abs(position - level), 0).astype(np.float32)
        if weight.any():
            mixed += picture * weight[..., None]
    return mixed


def _scaled(picture: Sharp, scale: float) -> Sharp:
    """Enlarged around its middle."""
    height, width, _ = picture.shape
    about = np.array([[scale, 0, (1 - scale) * (width - 1) / 2], [0, scale, (1 - scale) * (height - 1) / 2]])
    return cv2.warpAffine(picture, about, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
