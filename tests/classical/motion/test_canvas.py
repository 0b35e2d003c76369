"""The canvas is the anchor's picture, with a margin of what other frames see beyond its border."""

from __future__ import annotations

import numpy as np

from neucam_nerfstudio.classical.motion.canvas import shared_canvas


def test_margin_shows_what_another_frame_sees_there():
    """The other frame looks 2 px farther right; up, left and down nobody sees beyond the anchor."""
    moments = np.zeros((2, 4, 6, 3), np.float32)
    moments[0] += np.arange(6, dtype=np.float32)[None, :, None]
    moments[1] += np.arange(2, 8, dtype=np.float32)[None, :, None]
    offset_px = np.zeros((2, 4, 6, 2), np.float32)
    offset_px[1, ..., 0] = 2
    canvas = shared_canvas(moments, offset_px, anchor=0, margin_px=(1, 3))
    assert canvas.shape == (6, 12, 3)
    np.testing.assert_array_equal(canvas[1:5, 3:9], moments[0])
    assert canvas[2, 9:11, 0].tolist() == [6.5, 6.5]  # the mean of both: filled from their neighbours
    assert canvas[2, :3, 0].tolist() == [0, 0, 0]


def test_no_margin_is_the_anchor_itself():
    moments = np.random.default_rng(0).normal(size=(3, 5, 7, 3)).astype(np.float32)
    offset_px = np.full((3, 5, 7, 2), 100, np.float32)
    np.testing.assert_array_equal(shared_canvas(moments, offset_px, 1, (0, 0)), moments[1])
