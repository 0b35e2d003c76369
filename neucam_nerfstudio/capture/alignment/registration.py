"""How the picture moves between two photographs of one view that are focused or exposed differently: a similarity."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, Float, Float32, Shaped, UInt8

from neucam_nerfstudio.capture.pixels.warp import PixelMap, ViewMap
from neucam_nerfstudio.photometry import WHITE_LEVEL

LONGER_SIDE_PX = 1024
"""Photographs are compared at most at this size: a tenth of its pixel is still told."""
DETAIL_SIGMAS_PX = (1.0, 4.0)
"""Detail is what lies between these two Gaussian blurs: coarser than noise, finer than what light and vignette do."""
CONTRAST_SIGMA_PX = 16.0
"""Detail counts relative to its root mean square over this Gaussian, so that blurred places have a say, too."""
DARKEST, LEAST_CONTRAST = 0.02, 0.01
"""Added to the pixel value before its logarithm is taken, and to that root mean square: noise is no detail."""
NO_DETAIL, GREY_LEVELS_PER_CONTRAST = 128, 64

TRACKED_SIDE_PX = 512
"""Corners are tracked at most at this size: gradients of all pixels tell the rest."""
MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX = 600, 0.01, 5
TRACKING = {"winSize": (31, 31), "maxLevel": 4, "criteria": (3, 30, 0.003)}
MAX_ROUND_TRIP_PX = 0.5
CONSENSUS = {"method": cv2.RANSAC, "maxIters": 5000, "confidence": 0.999, "refineIters": 50}
MAX_RESIDUAL_PX = 1.0
"""Corners that end farther than this from where the similarity takes them are outliers."""
MIN_CORNERS, MIN_SHARE = 20, 0.3
"""Fewer corners, or a smaller share of those tracked, do not make a similarity."""
GRADIENT_PIXELS = 30_000
"""So many pixels tell the four numbers of a similarity."""
MAX_STEPS, LEAST_STEP_PX = 10, 0.005
OUTLIER_DEVIATIONS = 2.0
"""Pixels whose detail differs by more than so many deviations count less (Cauchy weights)."""
LEAST_HELD = 1e-9
"""Share of the information that holds a step to nought: keeps it finite."""
MAX_REFINEMENT_PX = 2.0
"""Corners of the picture are moved by less than this from where tracked corners tell: else those count."""
MAX_MOVED_SHARE = 0.1
"""Focusing moves no corner of the picture by more than this share of the longer side."""


def detail_picture(
    pixels: Shaped[np.ndarray, "height width 3"], covered: Bool[np.ndarray, "height width"] | None = None
) -> UInt8[np.ndarray, "small_height small_width"]:
    """Fine detail of a photograph relative to its surroundings' contrast, hardly changed by exposure and blur.

    The photograph, RGB and white at its number type's full scale, is reduced to at most `LONGER_SIDE_PX` a side. It has
    no detail where it is not covered, and none that what lies there has a part in.
    """
    grey = _small_grey(pixels)
    detail = fine_detail(grey.astype(np.float32) / np.float32(WHITE_LEVEL[pixels.dtype]))
    contrast = np.sqrt(cv2.GaussianBlur(detail**2, (0, 0), CONTRAST_SIGMA_PX)) + LEAST_CONTRAST
    if covered is not None:
        shown = cv2.resize(covered.astype(np.float32), detail.shape[::-1], interpolation=cv2.INTER_AREA)
        detail *= 2 * np.maximum(cv2.GaussianBlur(shown, (0, 0), DETAIL_SIGMAS_PX[1]) - 0.5, 0)
    return np.clip(np.rint(NO_DETAIL + GREY_LEVELS_PER_CONTRAST * detail / contrast), 0, 255).astype(np.uint8)


def halved(pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "small_height small_width 3"]:
    """A photograph halved until its longer side is less than twice `LONGER_SIDE_PX`.

    Halving costs a tenth of other reductions. An odd last row or column is left out.
    """
    while max(pixels.shape) >= 2 * LONGER_SIDE_PX and min(pixels.shape[:2]) > 1:
        height, width = (length // 2 for length in pixels.shape[:2])
        pixels = cv2.resize(pixels[: 2 * height, : 2 * width], (width, height), interpolation=cv2.INTER_AREA)
    return pixels


def _small_grey(pixels: Shaped[np.ndarray, "height width 3"]) -> Shaped[np.ndarray, "small_height small_width"]:
    """A photograph's brightness, in its number type, at most `LONGER_SIDE_PX` a side."""
    grey = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    share = LONGER_SIDE_PX / max(grey.shape)
    if share >= 1:
        return grey
    size = [max(1, round(length * share)) for length in grey.shape[::-1]]
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA)


def fine_detail(grey: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "height width"]:
    """What the logarithm of pixel values in [0, 1] has between two Gaussian blurs."""
    log_grey = np.log(grey + np.float32(DARKEST))
    fine, coarse = (cv2.GaussianBlur(log_grey, (0, 0), sigma) for sigma in DETAIL_SIGMAS_PX)
    return fine - coarse


def shows_detail(detail: UInt8[np.ndarray, "height width"]) -> bool:
    """Whether a detail picture has enough corners to be compared by: an even wall has none."""
    corners = _corners(detail)
    return corners is not None and len(corners) >= MIN_CORNERS


def estimate_similarity(
    fixed: UInt8[np.ndarray, "height width"], moving: UInt8[np.ndarray, "height width"]
) -> PixelMap | None:
    """Scale, rotation and shift between two detail pictures.

    Returns:
        Where `moving` shows what `fixed` shows; None where too little detail agrees, or it would move implausibly far.
    """
    share = min(1.0, TRACKED_SIDE_PX / max(fixed.shape))
    size = [max(1, round(length * share)) for length in fixed.shape[::-1]]
    small = [cv2.resize(picture, size, interpolation=cv2.INTER_AREA) for picture in (fixed, moving)]
    tracked = _track_similarity(*small) if share < 1 else _track_similarity(fixed, moving)
    if tracked is None:
        return None
    tracked = full_size_map(ViewMap(tracked), small[0].shape, *fixed.shape).plane
    pixel_map = refine_similarity(fixed, moving, tracked)
    return pixel_map if corner_shift_px(pixel_map, *fixed.shape) <= MAX_MOVED_SHARE * max(fixed.shape) else None


def refine_similarity(
    fixed: UInt8[np.ndarray, "height width"], moving: UInt8[np.ndarray, "height width"], start: PixelMap
) -> PixelMap:
    """The similarity near `start` under which two detail pictures differ least, robustly.

    Gauss-Newton steps with the gradients of `fixed` (Baker & Matthews 2004), by those pixels where they are strong.
    `moving` is interpolated linearly: OpenCV's cubic kernel shows things up to 0.05 px from where they are.

    Returns:
        The map; `start` where it would move away from it by more than `MAX_REFINEMENT_PX`.
    """
    height, width = fixed.shape
    template = fixed.astype(np.float32)
    across, down = (cv2.Sobel(template, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1)))
    power = across**2 + down**2
    strong = np.flatnonzero(power > power.mean())
    strong = strong[:: max(1, len(strong) // GRADIENT_PIXELS)]
    if len(strong) < MIN_CORNERS:
        return start
    unit_px = max(height, width) / 2
    to_pixels = np.array([[unit_px, 0, (width - 1) / 2], [0, unit_px, (height - 1) / 2], [0, 0, 1]])
    to_units = np.linalg.inv(to_pixels)
    rows, columns = np.divmod(strong, width)
    places = np.stack([columns, rows, np.ones_like(rows)]).astype(np.float64)
    x, y, _ = to_units @ places
    across, down, wanted = (values.ravel()[strong] for values in (across, down, template))
    slopes = np.stack([across * x + down * y, down * x - across * y, across, down], -1) * unit_px
    pixel_map = start
    for _ in range(MAX_STEPS):
        seen = cv2.warpAffine(moving, pixel_map[:2], (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        ends = pixel_map[:2] @ places
        inside = np.all((ends > 1) & (ends < np.array([[width - 2], [height - 2]])), 0)
        if inside.sum() < MIN_CORNERS:
            return start
        left = np.where(inside, seen.ravel()[strong].astype(np.float32) - wanted, 0)
        deviation = 1.5 * np.median(np.abs(left[inside])) + 1  # of a grey level
        weighted = slopes * (inside / (1 + (left / (OUTLIER_DEVIATIONS * deviation)) ** 2))[:, None]
        normal = weighted.T @ slopes
        held = np.eye(4) * LEAST_HELD * np.trace(normal)
        scale, turn, right, below = np.linalg.solve(normal + held, -(weighted.T @ left))
        step = np.array([[1 + scale, -turn, right], [turn, 1 + scale, below], [0, 0, 1]])
        pixel_map = pixel_map @ to_pixels @ step @ to_units
        if max(map(abs, (scale, turn, right, below))) * unit_px < LEAST_STEP_PX:
            break
    moved_px = corner_shift_px(np.linalg.inv(start) @ pixel_map, height, width)
    return pixel_map if moved_px <= MAX_REFINEMENT_PX else start


def _corners(detail: UInt8[np.ndarray, "height width"]) -> Float[np.ndarray, "corners 1 2"] | None:
    return cv2.goodFeaturesToTrack(detail, MAX_CORNERS, CORNER_QUALITY, CORNER_DISTANCE_PX, blockSize=7)


def _track_similarity(
    fixed: UInt8[np.ndarray, "height width"], moving: UInt8[np.ndarray, "height width"]
) -> PixelMap | None:
    """One estimate from corners tracked there and back: OpenCV's Lucas-Kanade (Bouguet 2001) and RANSAC, repeatable."""
    corners = _corners(fixed)
    if corners is None:
        return None
    moved, found, _ = cv2.calcOpticalFlowPyrLK(fixed, moving, corners, np.empty_like(corners), **TRACKING)
    returned, found_back, _ = cv2.calcOpticalFlowPyrLK(moving, fixed, moved, np.empty_like(moved), **TRACKING)
    tracked = np.logical_and(found, found_back)[:, 0] & (np.abs(returned - corners).max((1, 2)) < MAX_ROUND_TRIP_PX)
    if tracked.sum() < MIN_CORNERS:
        return None
    similarity, agrees = cv2.estimateAffinePartial2D(
        corners[tracked], moved[tracked], ransacReprojThreshold=MAX_RESIDUAL_PX, **CONSENSUS
    )
    if similarity is None or agrees.sum() < max(MIN_CORNERS, MIN_SHARE * len(agrees)):
        return None
    return np.vstack([similarity, (0, 0, 1)])


def disagreement(
    fixed: UInt8[np.ndarray, "height width"], moving: UInt8[np.ndarray, "height width"], pixel_map: PixelMap
) -> tuple[float, float]:
    """One minus the correlation of two detail pictures, as they are and with `moving` brought to `fixed`.

    Both over what both show once they are aligned: from 0, the same, to 2; 1 if there is no detail.
    """
    shown = (~beyond_border(pixel_map, *fixed.shape)).astype(np.uint8)
    before, after = (cv2.computeECC(fixed, other, shown) for other in (moving, _seen_through(pixel_map, moving)))
    return 1 - float(np.nan_to_num(before)), 1 - float(np.nan_to_num(after))


def beyond_border(pixel_map: PixelMap, height: int, width: int) -> Bool[np.ndarray, "height width"]:
    """Where a picture of this size, seen through the map, has nothing to show."""
    everywhere = np.ones((height, width), np.uint8)
    flags = cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(everywhere, pixel_map[:2], (width, height), flags=flags) == 0


def _seen_through(pixel_map: PixelMap, detail: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(detail, pixel_map[:2], detail.shape[::-1], flags=flags, borderValue=(NO_DETAIL,))


def corner_shift_px(pixel_map: PixelMap, height: int, width: int) -> float:
    """How far the map moves that corner of a picture which it moves farthest."""
    corners = np.array([(x, y, 1) for x in (0, width - 1) for y in (0, height - 1)], float)
    return float(np.linalg.norm((corners @ pixel_map.T - corners)[:, :2], axis=1).max())


def full_size_map(view_map: ViewMap, detail_shape: tuple[int, ...], height: int, width: int) -> ViewMap:
    """The map between photographs of a size, from that between their detail pictures."""
    reduction = np.eye(3)
    for axis, share in enumerate((detail_shape[1] / width, detail_shape[0] / height)):
        reduction[axis, axis], reduction[axis, 2] = share, (share - 1) / 2
    enlargement = np.linalg.inv(reduction)
    plane, epipole = enlargement @ view_map.plane @ reduction, view_map.epipole
    last = plane[2, 2]
    return view_map._replace(plane=plane / last, epipole=None if epipole is None else enlargement @ epipole / last)


def level_picture(pixels: Shaped[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "small_height small_width"]:
    """Grey of 0 to 255. The photograph is as for `detail_picture`."""
    grey = _small_grey(pixels)
    levels = grey if grey.dtype == np.uint8 else np.clip(np.rint(grey * (255 / WHITE_LEVEL[pixels.dtype])), 0, 255)
    return levels.astype(np.uint8)


def rank_picture(pixels: Shaped[np.ndarray, "height width 3"]) -> UInt8[np.ndarray, "small_height small_width"]:
    """Which share of the pixels is darker, of 255: brightness, hardly changed by exposure and response.

    The photograph is as for `detail_picture`.
    """
    return cv2.equalizeHist(level_picture(pixels))
