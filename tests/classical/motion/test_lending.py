"""Neighbours lend light that a frame does not show, but only where theirs explains what the frame does show."""

from __future__ import annotations

import numpy as np
import pytest

from neucam_nerfstudio.classical.motion.decoded_frames import DecodedFrames
from neucam_nerfstudio.classical.motion.lending import FlowPairs, agreement, lenders, merge_lent, moment_pictures
from neucam_nerfstudio.classical.response_table import LDR_KNOTS, tabulate_response

RESPONSE = tabulate_response(np.log((LDR_KNOTS[:, None] + 1e-3) / (1 - LDR_KNOTS[:, None] + 1e-3)) * np.ones(3))
"""Of the synthetic view's camera: exposure / (exposure + 1)."""


@pytest.mark.parametrize(
    ("stops", "index", "expected"),
    [
        ([-2, 2, -2, 2, -2], 2, [1, 3]),
        ([-2, 2, -2, 2, -2], 0, [1]),
        ([-3, 0, 3, -3, 0, 3], 2, [0, 1, 3, 4]),
        ([-3, 0, 3], 1, [0, 2]),
        ([0, 0, 0, 0], 1, []),
        ([0.0, 0.1, 2.0], 0, [2]),
    ],
)
def test_lenders_are_the_nearest_of_each_other_exposure(stops, index, expected):
    assert lenders(np.array(stops, float), index) == expected


def test_lenders_are_few():
    assert lenders(np.arange(11.0), 5) == [2, 3, 4, 6, 7, 8]


def test_agreement_by_hand():
    grey = np.full((5, 5, 3), 0.5, np.float32)
    assert agreement(grey, grey, 0.01) == pytest.approx(1.0)
    off = np.float32(grey + 0.1)
    tolerance = (3 * 0.01) ** 2 + 0.01**2
    assert agreement(grey, off, 0.01) == pytest.approx(np.exp(-0.5 * 0.1**2 / tolerance), rel=1e-4)


def test_at_edges_more_is_forgiven():
    edge = np.zeros((9, 9, 3), np.float32)
    edge[:, 5:] = 0.6
    off = np.float32(edge + 0.05)
    agreed = agreement(edge, off, 0.003)
    assert agreed[4, 5] > 10 * agreed[4, 1]


def frames_of(view, radiances, stops) -> DecodedFrames:
    frames = [view.photograph(r, s, seed=i) for i, (r, s) in enumerate(zip(radiances, stops, strict=True))]
    return DecodedFrames(frames, np.array(stops, float), RESPONSE)


def shifted(radiance: np.ndarray, right: int) -> np.ndarray:
    return np.roll(radiance, right, axis=1)


def test_a_moved_bracket_becomes_one_picture(view):
    """Darker and brighter frames, each from a camera a few pixels aside, fill what the middle one clips."""
    decoded = frames_of(view, [shifted(view.radiance, 3), view.radiance, shifted(view.radiance, -2)], [-3, 0, 3])
    inner = slice(12, -12)
    alone = view.log_error(decoded.radiance(1)[0], inner)
    together = view.log_error(merge_lent(decoded, 1, [0, 2], FlowPairs(decoded)), inner)
    assert together < 0.75 * alone


def test_what_moved_is_not_lent(view):
    """A bright square that only a neighbour shows does not ghost into the frame."""
    with_square = view.radiance.copy()
    with_square[30:60, 80:110] = 4.0
    decoded = frames_of(view, [view.radiance, with_square], [0, 2])
    merged = merge_lent(decoded, 0, [1], FlowPairs(decoded))
    inside = (slice(35, 55), slice(85, 105))
    error = merged[inside] - np.log(view.radiance[inside])
    error -= np.median(merged[:, :60] - np.log(view.radiance[:, :60]))
    assert np.abs(np.median(error)) < 0.05
    assert np.percentile(np.abs(error), 90) < 0.3


def test_every_moment_gets_its_picture(view):
    decoded = frames_of(view, [shifted(view.radiance, right) for right in (0, 2, 4)], [-1, 1, -1])
    pictures = list(moment_pictures(decoded))
    assert len(pictures) == 3
    for right, picture in zip((0, 2, 4), pictures, strict=True):
        assert view.log_error(shifted(picture, -right), slice(12, -12)) < 0.1


def test_flows_of_a_pair_are_found_once_and_serve_both_ways(view, monkeypatch):
    decoded = frames_of(view, [view.radiance, shifted(view.radiance, 3)], [0, 0.5])
    flows = FlowPairs(decoded)
    there, back = flows.between(0, 1)
    assert np.median(there[..., 0]) == pytest.approx(3, abs=0.1)
    monkeypatch.setattr("neucam_nerfstudio.classical.motion.lending.flow_pair", None)
    assert flows.between(1, 0)[0] is back
    assert flows.between(0, 1)[0] is there
    flows.forget_before(2)
    with pytest.raises(TypeError):
        flows.between(0, 1)
