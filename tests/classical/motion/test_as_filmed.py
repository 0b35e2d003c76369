"""What is not explained is shown as it was filmed, softly; what is, is not; and users are told of much of it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.as_filmed import explained, said_of_unexplained, share_as_filmed

NOISE = 0.003


@pytest.fixture(scope="module")
def sharp() -> np.ndarray:
    """Shapes with edges in every place."""
    noise = np.random.default_rng(3).normal(size=(60, 90, 3)).astype(np.float32)
    return np.float32(0.3 + 0.4 * (cv2.GaussianBlur(noise, (0, 0), 2) > 0))


@pytest.fixture(scope="module")
def blurred(sharp) -> np.ndarray:
    return cv2.blur(sharp, (9, 1))


def noisy(ldr: np.ndarray) -> np.ndarray:
    return ldr + np.random.default_rng(0).normal(0, NOISE, ldr.shape).astype(np.float32)


def test_blur_that_is_understood_is_explained(sharp, blurred):
    assert explained(noisy(blurred), blurred, sharp, NOISE).min() > 0.95


def test_something_else_is_not_explained(sharp, blurred):
    """A car of another colour, which the picture that is rendered does not have."""
    filmed = noisy(blurred)
    filmed[20:40, 30:60] += 0.15
    told = explained(filmed, blurred, sharp, NOISE)
    assert told[25:35, 35:55].max() < 0.05
    assert told[:10].min() > 0.95 and told[:, :15].min() > 0.95


def test_blur_that_does_not_bring_a_picture_nearer_is_not_believed(sharp, blurred):
    """It departs little, by what noise-free pictures forgive, but as far blurred as sharp."""
    torn = blurred + 0.028 * np.sign(sharp - 0.5)
    assert explained(blurred, torn, torn, NOISE).max() < 0.05
    assert explained(blurred, torn, None, NOISE).min() > 0.95  # a camera without blur has none to understand


def test_white_is_white():
    white = np.full((20, 20, 3), 254 / 255, np.float32)
    assert explained(white, np.ones_like(white), None, NOISE).min() == 1


def test_shares_are_whole_and_without_edges():
    told = np.ones((60, 90), np.float32)
    told[20:40, 30:60] = 0
    share = share_as_filmed(told, None)
    assert share[28:32, 42:48].min() > 0.98 and share[:5].max() < 0.02
    assert max(np.abs(np.diff(share, axis=axis)).max() for axis in (0, 1)) < 0.2


def test_a_thin_tear_is_covered_whole():
    told = np.ones((40, 40), np.float32)
    told[:, 20] = 0
    assert share_as_filmed(told, None)[:, 20].min() > 0.5


def test_what_is_hardly_blurred_stays_as_it_is():
    told = np.ones((40, 60), np.float32)
    radius_px = np.repeat(np.float32([0.2, 2.0]), 30)[None].repeat(40, 0)
    share = share_as_filmed(told, radius_px)
    assert share[:, :15].min() > 0.99 and share[:, -15:].max() < 0.01


def test_torn_motion_is_not_believed_but_parallax_is():
    told, columns = np.ones((40, 60), np.float32), np.arange(60)
    near_and_far = np.where(columns < 30, 2.0, 3.5)[None].repeat(40, 0).astype(np.float32)
    torn = np.random.default_rng(0).uniform(2, 30, (40, 60)).astype(np.float32)
    assert share_as_filmed(told, near_and_far).max() < 0.05
    assert share_as_filmed(told, torn).min() > 0.9


def test_frames_that_are_much_as_filmed_are_named():
    said = said_of_unexplained(["a", "b", "c"], np.array([0.6, 0.01, 0.3]))
    assert said is not None and "30% of what" in said and "a 60%, c 30%" in said and "b " not in said
    many = said_of_unexplained([f"f{i}" for i in range(9)], np.linspace(0.1, 0.9, 9))
    assert many is not None and "and 3 more" in many and "f0 " not in many
    assert said_of_unexplained(["a", "b"], np.array([0.02, 0.03])) is None
