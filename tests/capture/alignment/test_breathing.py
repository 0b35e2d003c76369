"""Photographs of a still scene aligned where focusing moves the picture, and left alone where it does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.capture.alignment.breathing import StillFrames, find_breathing, representatives
from neucam_nerfstudio.capture.alignment.registration import corner_shift_px
from neucam_nerfstudio.capture.alignment.still_alignment import (
    Alignment,
    alignment_note,
    find_alignment,
    find_moved,
    moved_note,
)
from neucam_nerfstudio.capture.pixels.warp import ViewMap, aligned
from neucam_nerfstudio.capture.settings.pictures import StillPictures

from ..still_scene import expose, place, similarity, texture

HEIGHT, WIDTH = 180, 260
SCENE = texture(HEIGHT, WIDTH)
BLURS_PX = (1.2, 0.0, 1.8)
SHIFTS_PX = ((2.0, -1.0), (0.0, 0.0), (0.5, 0.5))


def breathing(scales: tuple[float, float, float], scene: np.ndarray = SCENE) -> list[np.ndarray]:
    """The maps of three focus settings; the second is the reference. None moves where all scales are 1."""
    still = scales == (1, 1, 1)
    return [
        np.eye(3) if still or scale == 1 else similarity(scale, shift, *scene.shape[:2])
        for scale, shift in zip(scales, SHIFTS_PX, strict=True)
    ]


class Stack:
    """Photographs at each focus setting and, within it, each exposure; the reference is the first of the second."""

    def __init__(self, maps: list[np.ndarray], stops: tuple[float, ...] = (0.0,), scene: np.ndarray = SCENE) -> None:
        pairs = [(m, blur, stop) for m, blur in zip(maps, BLURS_PX, strict=True) for stop in stops]
        self.pixels = [expose(place(scene, m), stop, blur) for m, blur, stop in pairs]
        self.focus = [focus for focus in range(len(maps)) for _ in stops]
        self.exposure = [exposure for _ in maps for exposure in range(len(stops))]
        self.reference = len(stops)

    @property
    def frames(self) -> StillFrames:
        pictures = StillPictures(self.pixels, [float(picture.mean() / 255) for picture in self.pixels])
        return still_frames(pictures, self.focus, self.exposure, self.reference)

    def align(self) -> Alignment | None:
        """Aligns the photographs, nearest to the reference first."""
        alignment = find_alignment(self.frames)
        for frame in sorted(alignment.maps if alignment else (), key=lambda frame: abs(self.focus[frame] - 1)):
            self.pixels[frame] = aligned(self.pixels[frame], alignment.maps[frame], is_linear=False)
        return alignment


def still_frames(pictures: StillPictures, focus: list[int], exposure: list[int], reference: int) -> StillFrames:
    return StillFrames(pictures, focus, exposure, reference, HEIGHT, WIDTH, range(len(focus)))


def stack(*arguments, **options) -> Stack:
    return Stack(*arguments, **options)


def copies(frames: Stack) -> list[np.ndarray]:
    return [picture.copy() for picture in frames.pixels]


def inner(picture: np.ndarray) -> np.ndarray:
    return picture[12:-12, 12:-12].astype(float)


@pytest.mark.parametrize("stops", [(0.0,), (-2.0, 0.0, 2.0)])
def test_maps_of_a_breathing_stack_are_found(stops):
    true = breathing((1.02, 1, 0.985))
    maps, untold = find_breathing(stack(true, stops).frames)
    assert sorted(maps) == [0, 2] and untold == ()
    for focus, found in maps.items():
        assert corner_shift_px(found @ np.linalg.inv(true[focus]), HEIGHT, WIDTH) < 0.15


def test_photographs_are_aligned_in_place_and_the_reference_is_untouched():
    frames = stack(breathing((1.02, 1, 0.985)), (-1.0, 1.0))
    before, aligned_by_hand = copies(frames), stack(breathing((1, 1, 1)), (-1.0, 1.0))
    alignment = frames.align()
    assert list(alignment.maps) == [0, 1, 4, 5]
    assert alignment.scale_change == pytest.approx(0.02, abs=1e-3)
    assert alignment.shift_px == pytest.approx(5.24, abs=0.15), "hypot(129.5 x 0.02 + 2, 89.5 x 0.02 + 1)"
    for index, wanted in enumerate(aligned_by_hand.pixels):
        if index in (2, 3):
            np.testing.assert_array_equal(frames.pixels[index], before[index])
            continue
        errors = [np.abs(inner(picture) - inner(wanted)).mean() for picture in (before[index], frames.pixels[index])]
        assert errors[1] < 0.15 * errors[0] and errors[1] < 1


def test_chain_from_an_end_of_the_stack():
    """The last setting's map goes through the middle one."""
    true = breathing((1.015, 1, 0.985))
    maps, _ = find_breathing(stack(true).frames._replace(reference=0))
    assert sorted(maps) == [1, 2]
    relative = true[2] @ np.linalg.inv(true[0])
    assert corner_shift_px(maps[2] @ np.linalg.inv(relative), HEIGHT, WIDTH) < 0.2


@pytest.mark.parametrize("stops", [(0.0,), (-2.0, 0.0, 2.0)])
def test_stack_that_does_not_breathe_keeps_every_bit(stops):
    frames = stack(breathing((1, 1, 1)), stops)
    before = copies(frames)
    assert frames.align() is None
    np.testing.assert_array_equal(frames.pixels, before)


def test_setting_that_moves_less_than_a_third_of_a_pixel_keeps_every_bit():
    maps = breathing((1.02, 1, 1))
    maps[2] = similarity(1.0005, (0, 0), HEIGHT, WIDTH)
    frames = stack(maps)
    before = copies(frames)
    assert frames.align().maps.keys() == {0}
    np.testing.assert_array_equal(frames.pixels[2], before[2])


def test_featureless_stack_is_left_alone():
    frames = stack(breathing((1.02, 1, 0.985)), scene=np.full((HEIGHT, WIDTH, 3), 90, np.uint8))
    before = copies(frames)
    assert frames.align() is None
    np.testing.assert_array_equal(frames.pixels, before)


def test_photograph_that_shares_no_detail_is_left_alone():
    frames = stack(breathing((1.02, 1, 1)))
    frames.pixels[2][:] = texture(HEIGHT, WIDTH, seed=1)
    other = frames.pixels[2].copy()
    alignment = frames.align()
    assert (list(alignment.maps), alignment.untold) == ([0], (2,))
    np.testing.assert_array_equal(frames.pixels[2], other)


@pytest.mark.parametrize("other", ["another view", "upside down"])
def test_photograph_that_shows_something_else_is_told_where_nothing_is_aligned(other):
    frames = stack(breathing((1, 1, 1)), (-1.0, 0.0))
    for index in (4, 5):
        seen = frames.pixels[index][::-1, ::-1] if other == "upside down" else texture(HEIGHT, WIDTH, seed=1)
        frames.pixels[index][:] = seen.copy()
    before = copies(frames)
    alignment = frames.align()
    assert alignment.maps == {} and alignment.shift_px == alignment.scale_change == 0
    assert alignment.untold in ((4,), (5,)), "the better exposed one"
    np.testing.assert_array_equal(frames.pixels, before)


def test_a_bracket_in_the_hand_is_aligned():
    maps = [similarity(1, shift, HEIGHT, WIDTH, turn) for shift, turn in (((3, -2), 0.4), ((0, 0), 0), ((-4, 1), -0.5))]
    frames = Stack(maps)
    frames.pixels = [expose(place(SCENE, m), stops) for m, stops in zip(maps, (-2.0, 0.0, 2.0), strict=True)]
    frames.focus, frames.exposure = [0, 0, 0], [0, 1, 2]
    alignment = find_alignment(frames.frames)
    assert sorted(alignment.maps) == [0, 2] and alignment.is_hand_held
    for frame, view in alignment.maps.items():
        assert corner_shift_px(view.plane @ np.linalg.inv(maps[frame]), HEIGHT, WIDTH) < 0.3


def test_representatives_share_the_best_exposure_that_all_settings_have():
    pixels = [np.zeros((2, 2, 3), np.uint8)] * 5
    pictures = StillPictures(pixels, [0.1, 0.7, 0.1, 0.4, 0.7])
    frames = still_frames(pictures, [0, 0, 1, 1, 1], [0, 2, 0, 1, 2], 0)
    assert representatives(frames) == {0: 1, 1: 4}


def test_representatives_are_the_best_exposed_where_no_exposure_is_shared():
    pixels = [np.zeros((2, 2, 3), np.uint8)] * 4
    frames = still_frames(StillPictures(pixels, [0.1, 0.35, 0.9, 0.6]), [0, 0, 1, 1], [0, 1, 2, 3], 0)
    assert representatives(frames) == {0: 1, 1: 3}


@pytest.mark.parametrize(
    ("untold", "more"),
    [((), ""), ((2,), " Too little detail tells how pcb_005 moved: taken to be as its neighbour.")],
    ids=["all told", "one untold"],
)
def test_note_says_what_was_done_and_how_to_leave_it(untold, more):
    note = alignment_note(
        Alignment({0: ViewMap(np.eye(3)), 2: ViewMap(np.eye(3))}, 0.0178, 31.23, untold, (), 0.0, False),
        ["pcb_003", "pcb_004", "pcb_005"],
        "pcb_004",
    )
    assert note == (
        "Focusing changes the picture's scale by up to 1.8 % and moves its corners by up to 31.2 px (breathing):"
        f" photographs are aligned to pcb_004; --align off leaves them.{more}"
    )


@pytest.mark.parametrize(
    ("strange", "more"),
    [((), ""), ((2,), " Take out what shows another view, or is turned: c.")],
    ids=["alike", "other"],
)
def test_note_names_what_shows_something_else(strange, more):
    assert alignment_note(Alignment({}, 0.0, 0.0, (0, 2), strange, 0.0, False), ["a", "b", "c"], "b") == (
        f"Left as they are, for too little of their detail is found in the next focus setting: a, c.{more}"
    )


def test_a_photograph_whose_detail_is_elsewhere_is_no_other_view():
    """Of two focus settings, one shows the near half alone, the other the far one."""
    near, far = SCENE.copy(), SCENE.copy()
    near[:, : WIDTH // 2] = cv2.GaussianBlur(SCENE, (0, 0), 6)[:, : WIDTH // 2]
    far[:, WIDTH // 2 :] = cv2.GaussianBlur(SCENE, (0, 0), 6)[:, WIDTH // 2 :]
    frames = Stack([np.eye(3)] * 3)
    frames.pixels, frames.focus, frames.exposure, frames.reference = [near, far], [0, 1], [0, 0], 0
    alignment = find_alignment(frames.frames)
    assert alignment is None or not alignment.strange


@pytest.mark.parametrize("stops", [(0.0, -2.0), (-1.0, 1.0)])
def test_what_moves_between_exposures_is_told(stops):
    frames = Stack([np.eye(3)] * 3)
    other = SCENE.copy()
    other[40:90, 60:130] = texture(50, 70, seed=3)[..., ::-1] // 3 + 140
    frames.pixels = [expose(SCENE, stops[0]), expose(SCENE, stops[1]), expose(other, stops[1])]
    frames.focus, frames.exposure, frames.reference = [0, 0, 0], [0, 1, 1], 0
    moved = find_moved(frames.frames, None)
    assert list(moved) == [2] and moved[2] == pytest.approx(50 * 70 / (HEIGHT * WIDTH), abs=0.04)
    note = moved_note(moved, ["a", "b", "c"], "a")
    assert note.startswith("Show something else than a, whatever their exposure: c (") and "neucam-hdr" in note


def test_what_a_dark_frame_hardly_resolves_has_not_moved():
    frames = Stack([np.eye(3)] * 3)
    random = np.random.default_rng(0)
    log2_radiance = cv2.resize(random.uniform(-12, 0, (14, 20)), (WIDTH, HEIGHT), interpolation=cv2.INTER_NEAREST)
    shade = cv2.resize(random.uniform(0, 4, (7, 10)), (WIDTH, HEIGHT))  # of film, and of another place in each scan
    of_film = [
        200 * np.minimum(2 ** (log2_radiance + stops), 1) ** (1 / 2.2) + 6 + np.roll(shade, 20 * place, axis=1)
        for place, stops in enumerate((0.0, 3.0, 6.0))
    ]
    frames.pixels = [np.rint(picture).astype(np.uint8)[..., None].repeat(3, -1) for picture in of_film]
    frames.focus, frames.exposure, frames.reference = [0] * 3, [0, 1, 2], 0
    assert not find_moved(frames.frames, None)
