"""A textured scene and photographs of it, for tests of alignment."""

from __future__ import annotations

import cv2
import numpy as np


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """A picture with detail of all sizes: `[height, width, 3]` uint8, values around 100."""
    noise = np.random.default_rng(seed).normal(size=(height, width)).astype(np.float32)
    octaves = [cv2.GaussianBlur(noise, (0, 0), sigma) * sigma for sigma in (1.2, 2.5, 5, 10)]
    grey = 100 + 45 * sum(octaves) / np.std(sum(octaves))
    return np.clip(grey[..., None] * (1.0, 0.9, 0.8), 5, 250).astype(np.uint8)


def similarity(
    scale: float, shift_px: tuple[float, float], height: int, width: int, rotation_degrees: float = 0.0
) -> np.ndarray:
    """The `[3, 3]` map that scales and turns about the middle of a picture, then shifts by (x, y)."""
    angle = np.deg2rad(rotation_degrees)
    linear = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle = np.array([(width - 1) / 2, (height - 1) / 2])
    pixel_map = np.eye(3)
    pixel_map[:2, :2], pixel_map[:2, 2] = linear, middle + shift_px - linear @ middle
    return pixel_map


def place(scene: np.ndarray, pixel_map: np.ndarray) -> np.ndarray:
    """What a lens shows that puts pixel x of the scene at `pixel_map` x; beyond the scene it is mirrored."""
    height, width = scene.shape[:2]
    return cv2.warpAffine(
        scene, pixel_map[:2], (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101
    )


def expose(scene: np.ndarray, stops: float, blur_px: float = 0.0) -> np.ndarray:
    """The scene blurred by a Gaussian, then exposed by some stops with a response of gamma 2.2, clipped at white."""
    blurred = cv2.GaussianBlur(scene, (0, 0), blur_px) if blur_px else scene
    return np.clip(255 * (blurred / 255) * 2 ** (stops / 2.2), 0, 255).astype(np.uint8)
