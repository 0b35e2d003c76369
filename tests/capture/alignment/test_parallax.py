"""Two layers at two distances, seen from several places: near things move against far ones."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.api import fuse
from neucam_nerfstudio.capture.alignment.breathing import StillFrames
from neucam_nerfstudio.capture.alignment.optical_flow import pixel_places
from neucam_nerfstudio.capture.alignment.parallax import ComparedPicture, fit_parallax, flow_through
from neucam_nerfstudio.capture.alignment.registration import detail_picture, rank_picture
from neucam_nerfstudio.capture.alignment.still_alignment import alignment_note, find_alignment
from neucam_nerfstudio.capture.pixels.warp import ViewMap
from neucam_nerfstudio.capture.settings.pictures import StillPictures

from ..still_scene import expose, similarity, texture

HEIGHT, WIDTH = 160, 240
PLACES_PX = ((0.0, 0.0), (3.0, 0.5), (-2.0, 2.0), (1.0, -2.5))
"""How far the near layer moves, right and down, from each place of the camera."""
TURNS = (0.0, 0.3, -0.4, 0.2)
NEAR = np.hypot(*(np.moveaxis(pixel_places(HEIGHT, WIDTH), -1, 0) - np.array([[[80]], [[80]]]))) < 50


def true_flow(place: int) -> np.ndarray:
    """Flow from the first photograph: the camera's turn, and more for what is near."""
    turn = similarity(1, (0, 0), HEIGHT, WIDTH, TURNS[place])
    places = pixel_places(HEIGHT, WIDTH)
    turned = places @ turn[:2, :2].T + turn[:2, 2] - places
    return (turned + NEAR[..., None] * np.array(PLACES_PX[place])).astype(np.float32)


def photograph(
    place: int, stops: float = 0.0, blur_px: float = 0.0, is_flat: bool = False, near_blur_px: float | None = None
) -> np.ndarray:
    """What the camera shows from there: the far layer, and before it the near one."""
    near_blur_px = blur_px if near_blur_px is None else near_blur_px
    turn = similarity(1, (0, 0), HEIGHT, WIDTH, TURNS[place])
    nearer = turn.copy()
    nearer[:2, 2] += (0, 0) if is_flat else PLACES_PX[place]
    options = {"flags": cv2.INTER_CUBIC, "borderMode": cv2.BORDER_REFLECT_101}
    far = cv2.warpAffine(texture(HEIGHT, WIDTH, 1), turn[:2], (WIDTH, HEIGHT), **options)
    near = cv2.warpAffine(texture(HEIGHT, WIDTH, 2), nearer[:2], (WIDTH, HEIGHT), **options)
    cover = cv2.warpAffine(NEAR.astype(np.float32), nearer[:2], (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)[..., None]
    near, far = expose(near, 0, near_blur_px), expose(far, 0, blur_px)
    return expose((near * cover + far * (1 - cover)).astype(np.uint8), stops)


def compared(picture: np.ndarray) -> ComparedPicture:
    return ComparedPicture(rank_picture(picture), detail_picture(picture))


def inside() -> np.ndarray:
    """Pixels that all photographs show, not beside the edge between the layers."""
    edge = cv2.dilate(cv2.morphologyEx(NEAR.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3))), np.ones((21, 21)))
    shown = edge == 0
    shown[:12] = shown[-12:] = shown[:, :12] = shown[:, -12:] = False
    return shown


def errors_px(view: ViewMap, place: int) -> np.ndarray:
    return np.linalg.norm(flow_through(view, HEIGHT, WIDTH) - true_flow(place), axis=-1)[inside()]


@pytest.mark.parametrize("stops", [0.0, -1.5], ids=["exposed alike", "exposed differently"])
@pytest.mark.parametrize("blur_px", [0.0, 1.5], ids=["sharp", "blurred"])
def test_places_are_found_on_both_layers(stops, blur_px):
    others = [photograph(place, stops * (place == 2), blur_px * (place != 2)) for place in (1, 2, 3)]
    views = fit_parallax(compared(photograph(0)), list(map(compared, others)), [np.eye(3)] * 3)
    for place, view in zip((1, 2, 3), views, strict=True):
        errors = errors_px(view, place)
        assert np.median(errors) < 0.12 and np.quantile(errors, 0.95) < 0.4
        assert view.nearness is views[0].nearness


def test_a_flat_scene_has_no_parallax():
    others = [photograph(place, is_flat=True) for place in (1, 2, 3)]
    views = fit_parallax(compared(photograph(0)), list(map(compared, others)), [np.eye(3)] * 3)
    for place, view in zip((1, 2, 3), views, strict=True):
        turned = flow_through(ViewMap(similarity(1, (0, 0), HEIGHT, WIDTH, TURNS[place])), HEIGHT, WIDTH)
        assert np.quantile(np.linalg.norm(flow_through(view, HEIGHT, WIDTH) - turned, axis=-1)[inside()], 0.95) < 0.15


def still_frames(pixels: list[np.ndarray]) -> StillFrames:
    pictures = StillPictures(pixels, [float(picture.mean() / 255) for picture in pixels])
    count = len(pixels)
    return StillFrames(pictures, list(range(count)), [0] * count, 0, HEIGHT, WIDTH, range(count))


def test_a_stack_in_the_hand_is_aligned_by_nearness_and_says_so():
    alignment = find_alignment(still_frames([photograph(place, blur_px=0.5 * place) for place in range(4)]))
    assert sorted(alignment.maps) == [1, 2, 3] and alignment.nearness is not None
    for place, view in alignment.maps.items():
        assert np.quantile(errors_px(view, place), 0.9) < 0.4
    assert alignment.parallax_px == pytest.approx(max(np.hypot(*place) for place in PLACES_PX), rel=0.35)
    assert "near things by up to" in alignment_note(alignment, list("abcd"), "a")


def test_a_camera_that_only_turned_has_no_nearness():
    alignment = find_alignment(still_frames([photograph(place, is_flat=True) for place in range(4)]))
    assert sorted(alignment.maps) == [1, 2, 3] and alignment.nearness is None
    assert all(view.epipole is None for view in alignment.maps.values())


def test_a_focus_stack_in_the_hand_is_fused_sharp():
    """From near to far: the second photograph is the reference, in which the far layer is blurred by 2 px."""
    frames = [photograph(place, blur_px=3.0 - place, near_blur_px=float(place)) for place in range(4)]
    truth = photograph(1).astype(float)[inside()]
    errors = {}
    for align in ("auto", "off"):
        fused = fuse(frames, focus=range(4), exposure_stops=[0.0] * 4, reference=1, align=align, response="srgb")
        errors[align] = np.abs(255 * fused.all_in_focus[inside()] - truth).mean()
    of_reference = np.abs(frames[1][inside()] - truth).mean()
    assert errors["auto"] < 0.6 * min(errors["off"], of_reference), (errors, of_reference)
