"""A focus stack of which a part is never in focus, ends, or flickers: nothing is shown that no frame has."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.defocus_estimation import SharpestFocus, completed_focus, evidence_nearby
from neucam_nerfstudio.classical.focus_stack import fill_from_around
from neucam_nerfstudio.classical.pixel_values import half_step
from neucam_nerfstudio.classical.response_table import linear_response
from neucam_nerfstudio.classical.warm_start import WarmStart, classical_estimate

HEIGHT, WIDTH, CARD = 120, 200, 80
"""Pixels; the card is the left part, its upper half in focus in the first frame, the lower half in the last."""
FAR = np.s_[12:-12, CARD + 30 : -12]
"""Of the background, what no blur of the card reaches."""
RESPONSE = linear_response(half_step(np.dtype(np.uint16)))


def high_pass(light: np.ndarray) -> np.ndarray:
    return light - cv2.GaussianBlur(light, (0, 0), 4)


def frames(flicker: tuple[float, ...] = (0.0, 0.0, 0.0)) -> list[np.ndarray]:
    """Three frames of 16 bits, of a card before a background that is blurred by 9, 11 and 13 pixels (standard
    deviation) and brighter by so many stops in each, here more and there less; with noise of half a percent."""
    random = np.random.default_rng(5)
    texture = np.kron(random.uniform(0.1, 0.8, (HEIGHT // 3, CARD // 2)), np.ones((3, 2))).astype(np.float32)
    background = np.kron(random.uniform(0.05, 0.9, (6, 10)), np.ones((20, 20))).astype(np.float32)
    seen = []
    for number, stops in enumerate(flicker):
        light = cv2.GaussianBlur(background, (0, 0), 9.0 + 2 * number)
        card = np.concatenate(
            [
                blurred(texture, distance)[half]
                for half, distance in ((np.s_[: HEIGHT // 2], number), (np.s_[HEIGHT // 2 :], 2 - number))
            ]
        )
        light[:, :CARD] = card
        veil = cv2.GaussianBlur(random.standard_normal((HEIGHT, WIDTH)).astype(np.float32), (0, 0), 40)
        light *= 2.0 ** (stops * (1 + 0.5 * veil / veil.std()))
        noisy = light[..., None] * (1 + 0.005 * random.standard_normal((HEIGHT, WIDTH, 3)))
        seen.append(np.rint(65535 * np.clip(0.8 * noisy, 0, 1)).astype(np.uint16))
    return seen


def blurred(picture: np.ndarray, sigma_px: float) -> np.ndarray:
    return picture if sigma_px == 0 else cv2.GaussianBlur(picture, (0, 0), sigma_px)


def fused(seen: list[np.ndarray], **options) -> WarmStart:
    return classical_estimate(seen, range(len(seen)), [0.0] * len(seen), response=RESPONSE, **options)


@pytest.mark.parametrize("flicker", [(0.0, 0.0, 0.0), (0.15, 0.0, -0.15)])
def test_where_nothing_is_in_focus_the_picture_is_as_smooth_as_a_frame(flicker):
    seen = frames(flicker)
    estimate = fused(seen)
    of_frames = [high_pass(np.log(frame[..., 1] / 65535).astype(np.float32))[FAR].std() for frame in seen]
    assert high_pass(estimate.log_radiance[..., 1])[FAR].std() < 1.2 * max(of_frames)
    far, card = estimate.confidence[FAR], estimate.confidence[12:-12, 12 : CARD - 12]
    assert far.mean() < 0.35 and card.mean() > 0.6
    assert estimate.confidence.min() >= 0 and estimate.confidence.max() <= 1
    focus = estimate.sharpest_focus
    assert focus[15:45, 15:65].mean() < 0.4 and focus[75:105, 15:65].mean() > 1.6
    assert np.abs(np.diff(focus[FAR], axis=0)).max() < 0.2, "no outlines of places that are taken from another frame"


def test_a_frame_that_ends_leaves_hardly_more_of_an_edge_than_frames_differ_by():
    """The middle frame, a fifth of a stop darker, shows all; the others end 10 pixels from its right."""
    seen, covered = frames((0.1, -0.1, 0.1)), np.ones((HEIGHT, WIDTH), bool)
    covered[:, -10:] = False
    for frame in (seen[0], seen[2]):
        frame[:, -10:] = 0
    estimate = fused(seen, coverage=[covered, None, covered])
    light = estimate.log_radiance[10:-10, CARD + 30 :, 1].mean(0)
    whole = fused(frames((0.1, -0.1, 0.1))).log_radiance[10:-10, CARD + 30 :, 1].mean(0)
    assert np.abs(light - whole).max() < 0.25
    assert np.abs(np.diff(light - whole)).max() < 0.16, "the frames differ by 0.2 stops, 0.14"
    assert (estimate.squared_slope > 0).all()


def test_what_no_frame_shows_is_filled_smoothly_and_trusted_nowhere():
    seen, covered = frames(), np.ones((HEIGHT, WIDTH), bool)
    covered[40:60, 150:170] = False
    for frame in seen:
        frame[~covered] = 65535
    estimate = fused(seen, coverage=[covered] * 3)
    whole = fused(frames())
    assert np.isfinite(estimate.log_radiance).all()
    around = whole.log_radiance[35:65, 145:175]
    filled = estimate.log_radiance[~covered]
    assert (filled > around.min((0, 1)) - 0.05).all() and (filled < around.max((0, 1)) + 0.05).all()
    assert (estimate.confidence[42:58, 152:168] == 0).all()


def test_confidence_of_a_bracket_is_low_where_exposures_disagree_and_where_all_are_white():
    light = np.full((40, 60), 0.2)
    seen = [np.repeat(np.rint(65535 * np.clip(light * 2.0**stops, 0, 1))[..., None], 3, -1) for stops in (-1, 0, 1)]
    seen[0][:, :20] *= 2  # something has moved away
    for frame in seen:
        frame[:, 40:] = 65535
    seen = [frame.astype(np.uint16) for frame in seen]
    confidence = classical_estimate(seen, [0, 0, 0], [-1.0, 0.0, 1.0], response=RESPONSE).confidence
    assert confidence[:, :20].max() < 0.4 and confidence[:, 20:40].min() > 0.95 and confidence[:, 40:].max() < 0.01


def test_a_hole_is_filled_from_its_rim():
    picture = np.tile(np.linspace(0, 1, 48, dtype=np.float32)[None, :, None], (32, 1, 3))
    covered = np.ones((32, 48), bool)
    covered[10:20, 20:30] = False
    filled = picture.copy()
    filled[~covered] = 9
    fill_from_around(filled, covered)
    np.testing.assert_array_equal(filled[covered], picture[covered])
    assert np.abs(filled - picture)[~covered].max() < 0.15


@pytest.mark.parametrize("far", [None, 3.0])
def test_unsure_focus_is_that_of_what_lies_around_and_sure_focus_its_own(far):
    focus, evidence = np.full((64, 64), 7.0, np.float32), np.zeros((64, 64), np.float32)
    focus[:, :8], evidence[:, :8] = 1.0, 1.0
    completed = completed_focus(
        SharpestFocus(focus, evidence, evidence), None if far is None else np.full_like(focus, far)
    )
    assert np.abs(completed[:, :6] - 1).max() < 0.1
    assert np.abs(completed[:, 50:] - (far or 1.0)).max() < 0.2


def test_an_outline_between_two_sure_sides_is_sure():
    evidence = np.ones((40, 60), np.float32)
    evidence[:, 28:33] = 0
    assert evidence_nearby(evidence).min() > 0.95
    assert evidence_nearby(np.zeros_like(evidence)).max() == 0
