"""Where each pixel of one photograph is in another: camera motion by robust registration, the rest by dense flow."""

from __future__ import annotations

import math

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from neucam_nerfstudio.errors import NeucamError

LARGEST_SIDE = 1600
"""Flow is searched on pictures of at most this longer side."""

FINEST_SCALE, ROUGH_SCALE = 0, 2
"""Halvings of the picture at which the search ends: none for flow that is used, two for flow to start from."""

PATCH_SIDE, LEAST_SIDE = 8, 12
"""Patches that flow is searched with, and the shortest side of a picture that is searched."""

FEATURE_SIDE = 480
MOST_FEATURES = 800
NEAREST_RATIO = 0.8
"""A feature's best match must be this much nearer than its second best (Lowe 2004)."""
LEAST_INLIERS = 16
"""Fewer matches that agree on a homography tell no camera motion: it is taken as none."""
INLIER_PX = 3.0

Guide = UInt8[np.ndarray, "height width"]
"""Brightness of a picture, as it is compared with another's to find flow."""

Flow = Float[np.ndarray, "height width 2"]
"""Steps (right, down) in pixels from a place in one picture to the same thing's place in another."""


def pixel_places(height: int, width: int) -> Flow:
    """(x, y) of each pixel, counted from the first one's centre."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), -1).astype(np.float32)


def follow(image: np.ndarray, flow: Flow) -> np.ndarray:
    """Values of `image` [height, width, ...] at the places where `flow` leads; the border's beyond the border."""
    places = pixel_places(*flow.shape[:2]) + flow
    return cv2.remap(image, places[..., 0], places[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def chain(first: Flow, second: Flow) -> Flow:
    """Flow through two steps: along `first`, and from where it ends along `second`."""
    return first + follow(second, first)


def leads_inside(flow: Flow) -> Float[np.ndarray, "height width"]:
    """1 where a flow ends in the picture, 0 where it leaves it."""
    height, width = flow.shape[:2]
    x, y = np.moveaxis(pixel_places(height, width) + flow, -1, 0)
    return ((x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)).astype(np.float32)


def round_trip_px(there: Flow, back: Flow) -> Float[np.ndarray, "height width"]:
    """Distance from where one starts, there and back: large where things are hidden in one of the pictures."""
    return np.linalg.norm(chain(there, back), axis=-1)


def camera_motion(guide: Guide, other: Guide) -> Float[np.ndarray, "3 3"]:
    """Homography from pixels of one picture to pixels of another, from features that most agree on.

    The identity where the pictures have too few features in common.
    """
    factor = max(1.0, max(guide.shape) / FEATURE_SIDE)
    if factor > 1:
        size = (round(guide.shape[1] / factor), round(guide.shape[0] / factor))
        small = camera_motion(*(cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in (guide, other)))
        enlarge = np.diag([guide.shape[1] / size[0], guide.shape[0] / size[1], 1.0])
        return enlarge @ small @ np.linalg.inv(enlarge)
    sift = cv2.SIFT.create(MOST_FEATURES)
    everywhere = np.full(guide.shape, 255, np.uint8)
    points, features = sift.detectAndCompute(guide, everywhere)
    other_points, other_features = sift.detectAndCompute(other, everywhere)
    if min(len(points), len(other_points)) < LEAST_INLIERS:
        return np.eye(3)
    pairs = cv2.BFMatcher().knnMatch(features, other_features, k=2)
    good = [best for best, second in pairs if best.distance < NEAREST_RATIO * second.distance]
    if len(good) < LEAST_INLIERS:
        return np.eye(3)
    here = np.array([points[match.queryIdx].pt for match in good], np.float32)
    there = np.array([other_points[match.trainIdx].pt for match in good], np.float32)
    homography, inliers = cv2.findHomography(here, there, cv2.USAC_MAGSAC, INLIER_PX)
    return np.eye(3) if homography is None or inliers.sum() < LEAST_INLIERS else homography


def homography_flow(homography: Float[np.ndarray, "3 3"], places: Flow) -> Flow:
    """Flow of a homography at (x, y) places."""
    ends = cv2.perspectiveTransform(places.reshape(1, -1, 2).astype(np.float64), homography)
    return (ends.reshape(places.shape) - places).astype(np.float32)


def dense_flow(guide: Guide, other: Guide, start: Flow | None = None, finest_scale: int = FINEST_SCALE) -> Flow:
    """Where the pixels of one picture are in another: dense inverse search (Kroeger et al. 2016) from a start.

    Args:
        guide: The picture that the flow starts in; what the two are compared by.
        other: The picture that it ends in.
        start: Flow that is nearly right; None to start from the camera's motion.
        finest_scale: Halvings of the picture at which the search ends.

    Raises:
        NeucamError: The pictures are too small to be searched.
    """
    height, width = guide.shape
    factor = max(1.0, max(height, width) / LARGEST_SIDE)
    if min(height, width) < LEAST_SIDE * factor:
        raise NeucamError(
            f"Frames of {width}x{height} pixels: too small to find motion in. Expected at least"
            f" {math.ceil(LEAST_SIDE * factor)} pixels on either side: lower --downscale-factor, or give larger frames."
        )
    if factor > 1:
        size = (round(width / factor), round(height / factor))
        small, small_other = (cv2.resize(g, size, interpolation=cv2.INTER_AREA) for g in (guide, other))
        small_start = None if start is None else cv2.resize(start, size, interpolation=cv2.INTER_AREA) / factor
        found = dense_flow(small, small_other, small_start, finest_scale)
        return cv2.resize(found, (width, height)) * np.float32(factor)
    if start is None:
        start = homography_flow(camera_motion(guide, other), pixel_places(height, width))
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    # OpenCV 4.10 crashes where halved pictures no longer hold a patch.
    search.setFinestScale(finest_scale if min(height, width) >= PATCH_SIDE * 2**finest_scale else 0)
    found = search.calc(guide, follow(other, start), None)  # pyright: ignore[reportCallIssue, reportArgumentType]
    return chain(found, start)


def flow_pair(guide: Guide, other: Guide) -> tuple[Flow, Flow]:
    """Dense flow from one picture to another, and back."""
    places = pixel_places(*guide.shape)
    homography = camera_motion(guide, other)
    there = dense_flow(guide, other, homography_flow(homography, places))
    return there, dense_flow(other, guide, homography_flow(np.linalg.inv(homography), places))


def continue_beyond(flow: Flow) -> Flow:
    """A flow with what leads beyond the picture, where nothing can be found, replaced by the camera's motion."""
    height, width = flow.shape[:2]
    places = pixel_places(height, width)
    inside = leads_inside(flow) > 0
    step = max(1, int(inside.sum()) // MOST_FEATURES)
    known, found = places[inside][::step], flow[inside][::step]
    if len(known) < LEAST_INLIERS or inside.all():
        return flow
    homography, _ = cv2.findHomography(known, known + found, cv2.USAC_MAGSAC, INLIER_PX)
    if homography is None:
        return flow
    camera = homography_flow(homography, places)
    beyond = ~inside | (leads_inside(camera) == 0)
    return np.where(beyond[..., None], camera, flow)
