"""Photographs of a wall and a board before it, from places along a line, each with a focus and an exposure."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from neucam_nerfstudio.capture.manifest import Capture
from neucam_nerfstudio.capture.views.geometry import Views
from neucam_nerfstudio.photometry import encode_srgb

from ..learned import capture_of

HEIGHT, WIDTH, FOCAL_PX = 40, 56, 48.0
BOARD_M, WALL_M = 2.0, 4.0
"""How far they are; the board covers the right half of the middle view."""
PLACES_M = (-0.24, -0.12, 0.0, 0.12, 0.24)
APERTURE_RADIUS_M = 0.12
STOPS = (-1.0, 1.0)


def light_at(depth_m: float, right_m: np.ndarray, down_m: np.ndarray) -> np.ndarray:
    """Linear radiance of the board or the wall: waves of some pixels' length, of another kind on each."""
    across, along = right_m / depth_m * FOCAL_PX, down_m / depth_m * FOCAL_PX
    turn = 0.3 if depth_m == WALL_M else 1.9
    wave = np.sin(1.1 * across + turn) * np.cos(0.9 * along - turn) + np.sin(0.45 * (across * math.sin(turn) + along))
    return 0.25 * np.exp(0.5 * np.stack([wave, 0.8 * wave, 0.6 * wave + 0.1], -1))


def radiance_seen(place_m: tuple[float, float], pixel_x: np.ndarray, pixel_y: np.ndarray) -> np.ndarray:
    """Linear radiance that a camera at (right, down), which looks straight on, sees in its pixels."""
    x, y = (pixel_x - WIDTH / 2) / FOCAL_PX, (pixel_y - HEIGHT / 2) / FOCAL_PX
    on_board = place_m[0] + x * BOARD_M > 0
    board, wall = (light_at(d, place_m[0] + x * d, place_m[1] + y * d) for d in (BOARD_M, WALL_M))
    return np.where(on_board[..., None], board, wall)


def photograph(
    index: int, focus_m: float = math.inf, radius_m: float = 0.0, gains: np.ndarray | float = 1.0
) -> np.ndarray:
    """Pixel values of a frame, by the sRGB curve; `gains` are those of its white balance, of each channel."""
    y, x = np.meshgrid(np.arange(HEIGHT) + 0.5, np.arange(WIDTH) + 0.5, indexing="ij")
    light, count = np.zeros((HEIGHT, WIDTH, 3)), 1 if radius_m == 0 else 40
    for tap in range(count):
        radius, angle = radius_m * math.sqrt((tap + 0.5) / count), tap * math.pi * (3 - math.sqrt(5))
        right, down = radius * math.cos(angle), radius * math.sin(angle)
        # Through another place of the lens, what is in focus is seen in the same pixel.
        shift = FOCAL_PX / focus_m
        light += radiance_seen((PLACES_M[index] + right, down), x - right * shift, y - down * shift) / count
    return np.rint(255 * encode_srgb(np.clip(light * gains * 2 ** STOPS[index % 2], 0, 1))).astype(np.uint8)


def posed_capture(
    focus_m: tuple[float, ...] | None = None, is_told: bool = True, exposures_told: bool = True
) -> Capture:
    """The capture of these frames.

    Args:
        focus_m: What each is focused at; None for pinhole cameras.
        is_told: Whether the capture tells that.
    """
    count = len(PLACES_M)
    poses = np.tile(np.eye(3, 4), (count, 1, 1))
    poses[:, 0, 3] = PLACES_M
    told = np.full(count, np.nan) if focus_m is None or not is_told else np.array(focus_m)
    views = Views(
        camera_to_world=poses,
        focal_px=np.full((count, 2), FOCAL_PX),
        centre_px=np.tile([WIDTH / 2, HEIGHT / 2], (count, 1)),
        distortion=None,
        metres_per_unit=1.0,
        scale_evidence="made",
        focus_distance_m=told,
        f_number=np.full(count, np.nan if focus_m is None else 0.5),
        focal_length_mm=np.full(count, np.nan if focus_m is None else 1000 * APERTURE_RADIUS_M),
        points=None,
    )
    made = capture_of(HEIGHT, WIDTH, stops=STOPS, positions=tuple([0.4] * count))
    frames = tuple(replace(made.frames[0], focus_index=index, exposure_index=index % 2) for index in range(count))
    positions = tuple(0.4 if focus_m is None or not is_told else 1 / focus for focus in focus_m or [1.0] * count)
    return replace(
        made,
        frames=frames,
        train_indices=tuple(range(count)),
        eval_indices=tuple(range(count)),
        focuses=replace(made.focuses, positions=positions, mode="fix" if is_told else "learn"),
        reference_index=count // 2,
        times=(0.0,) * count,
        radiance_truth=(None,) * count,
        sharp_truth=(None,) * count,
        views=views,
    )
